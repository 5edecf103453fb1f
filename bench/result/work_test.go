package result

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// contender takes turns that give the rates in order, and writes its name into order.
func contender(name string, kind Kind, order *[]string, rates ...float64) *Contender {
	turn := 0
	return &Contender{Name: name, Kind: kind, Run: func(context.Context) (Figures, error) {
		*order = append(*order, name)
		turn++
		return Figures{Rate: rates[turn-1]}, nil
	}}
}

func newWork() (*Report, *Work) {
	r := &Report{Progress: func(string) {}}
	return r, r.Work("work", "how")
}

func TestContendersTakeTurnsTheOtherWayRoundEverySecondTime(t *testing.T) {
	_, w := newWork()
	var order []string
	if err := w.Take(t.Context(), 3, contender("a", Ours, &order, 1, 2, 3), contender("b", Floor, &order, 1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "a b b a a b" {
		t.Errorf("the order was %s", got)
	}
}

func TestAPeerThatFailsIsLeftOutAndTheOthersGoOn(t *testing.T) {
	_, w := newWork()
	var order []string
	turns := 0
	peer := &Contender{Name: "peer", Kind: Peer, Run: func(context.Context) (Figures, error) {
		turns++
		return nil, errors.New("no Redis here")
	}}
	ours := contender("whipper", Ours, &order, 1, 2)
	if err := w.Take(t.Context(), 2, peer, ours); err != nil {
		t.Fatal(err)
	}
	if peer.Skipped != "no Redis here" || turns != 1 || len(ours.Turns) != 2 {
		t.Errorf("%+v took %d turns, whipper %d", peer, turns, len(ours.Turns))
	}
}

func TestWhipperThatFailsEndsTheMeasurement(t *testing.T) {
	_, w := newWork()
	broken := errors.New("broken")
	for _, kind := range []Kind{Ours, Floor} {
		failing := &Contender{Name: "x", Kind: kind, Run: func(context.Context) (Figures, error) { return nil, broken }}
		if err := w.Take(t.Context(), 1, failing); !errors.Is(err, broken) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestAMeasurementEndsWithItsContext(t *testing.T) {
	_, w := newWork()
	ctx, cancel := context.WithCancel(t.Context())
	peer := &Contender{Name: "peer", Kind: Peer, Run: func(context.Context) (Figures, error) {
		cancel()
		return nil, errors.New("killed")
	}}
	if err := w.Take(ctx, 2, peer); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestARowHoldsTheMedianOfTheRatiosAgainstItsTarget(t *testing.T) {
	r, w := newWork()
	var order []string
	// The ratios of the turns are 2, 3 and 1.5; the medians' ratio would be 20/8.
	err := w.Take(t.Context(), 3, contender("whipper", Ours, &order, 10, 30, 20), contender("peer", Peer, &order, 5, 10, 13.333333))
	if err != nil {
		t.Fatal(err)
	}
	w.Compare("whipper", Rate, "peer", 2)
	w.Compare("whipper", Rate, "peer", 2.1)
	w.Hold("whipper", Rate, 20)
	w.Hold("whipper", Rate, 21)
	rows, err := r.Rows()
	if err != nil {
		t.Fatal(err)
	}
	if rows[0].Median != 20 || rows[0].Theirs != 10 || rows[0].Ratio != 2 {
		t.Errorf("%+v", rows[0])
	}
	for i, want := range []bool{true, false, true, false} {
		if rows[i].Met != want {
			t.Errorf("row %d: %+v", i, rows[i])
		}
	}
}

func TestLessIsBetterOfTimes(t *testing.T) {
	r, w := newWork()
	w.Contenders = []*Contender{
		{Name: "whipper", Turns: []Figures{{P50: 0.002}}},
		{Name: "floor", Turns: []Figures{{P50: 0.001}}},
	}
	w.Compare("whipper", P50, "floor", 2.5)
	w.Compare("whipper", P50, "floor", 1.5)
	w.Hold("whipper", P50, 0.003)
	w.Hold("whipper", P50, 0.001)
	rows, err := r.Rows()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, true, false} {
		if rows[i].Met != want {
			t.Errorf("row %d: %+v", i, rows[i])
		}
	}
}

func TestARowOfAFigureThatNobodyHasIsRefused(t *testing.T) {
	r, w := newWork()
	w.Contenders = []*Contender{{Name: "whipper", Turns: []Figures{{P50: 0.002}}}}
	for _, c := range []Comparison{{"whipper", Rate, "", 0}, {"nobody", P50, "", 0}, {"whipper", P50, "nobody", 0}} {
		w.Comparisons = []Comparison{c}
		if rows, err := r.Rows(); err == nil {
			t.Errorf("%+v: %+v", c, rows)
		}
	}
}
