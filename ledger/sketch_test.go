package ledger

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawDurations(t *rapid.T, name string) []time.Duration {
	d := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
		us := math.Exp(rapid.Float64Range(0, math.Log(float64(math.MaxInt64/1000))).Draw(t, "log"))
		return time.Duration(min(us, math.MaxInt64/1000)) * time.Microsecond * time.Duration(rapid.IntRange(0, 1).Draw(t, "some"))
	}), 0, 200)
	return d.Draw(t, name)
}

func sketchOf(all ...[]time.Duration) *sketch {
	s := &sketch{}
	for _, durations := range all {
		for _, d := range durations {
			s.add(d)
		}
	}
	return s
}

func TestASketchKnowsEachQuantileWellEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		durations := drawDurations(t, "durations")
		s := sketchOf(durations)
		slices.Sort(durations)
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		got := s.quantile(q)
		if len(durations) == 0 {
			if got != 0 {
				t.Fatalf("of nothing: %v", got)
			}
			return
		}
		want := durations[int(q*float64(len(durations)-1))]
		if off := math.Abs(float64(got-want)) / float64(max(want, 1)); off > sketchError+1e-6 && want > time.Microsecond {
			t.Fatalf("quantile %v is %v, want %v", q, got, want)
		}
		if want <= time.Microsecond && got > time.Microsecond {
			t.Fatalf("quantile %v is %v, want next to nothing", q, got)
		}
	})
}

func TestMergedSketchesAreTheSketchOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := drawDurations(t, "one"), drawDurations(t, "other")
		merged := &sketch{}
		for _, part := range []*sketch{sketchOf(one), sketchOf(other)} {
			if err := merged.merge(part.appendTo(nil)); err != nil {
				t.Fatal(err)
			}
		}
		want := sketchOf(one, other)
		if !slices.Equal(merged.bins, want.bins) || merged.n != want.n {
			t.Fatalf("merged %v\nwant %v", merged, want)
		}
	})
}

func TestASketchThatIsNoneIsRefused(t *testing.T) {
	for _, b := range [][]byte{{0x80}, {1}, {1, 0x80}, {0xff, 0xff, 0x7f, 1}, slices.Repeat([]byte{0xff}, 11)} {
		if err := new(sketch).merge(b); !errors.Is(err, errSketch) {
			t.Errorf("% x: %v", b, err)
		}
	}
}
