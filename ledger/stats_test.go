package ledger

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestStatsTellWhatEndedInTheHours(t *testing.T) {
	l := open(t, t.TempDir())
	end := func(method string, o Outcome, at time.Time, wait, ran time.Duration) {
		id := submit(t, l, Job{Pool: "p", Method: method, CreatedAt: at.Add(-wait - ran)})[0]
		job, _ := get(t, l.Reader, id)
		job = Begin(job, "w1", 1, at.Add(-ran))
		l.Start(job, nil)
		job, attempt := Settle(job, Ending{Outcome: o, At: at, Permanent: true}, 0)
		l.Finish(job, attempt, nil)
	}
	for i := range 100 {
		end("a", OutcomeSucceeded, noon.Add(30*time.Minute), time.Duration(i+1)*time.Second, time.Duration(i+1)*time.Millisecond)
	}
	for range 25 {
		end("a", OutcomeError, noon.Add(90*time.Minute), 0, 200*time.Millisecond)
	}
	end("a", OutcomeSucceeded, noon.Add(5*time.Hour), 0, time.Minute)
	end("b", OutcomeCancelled, noon, 0, 0)
	submit(t, l, Job{Pool: "p", Method: "a"}, Job{Pool: "other", Method: "c"})
	flush(t, l)
	if _, err := l.Prune(t.Context(), PruneFilter{Method: "a"}); err != nil { // they stay in the books
		t.Fatal(err)
	}

	all, err := l.Stats(t.Context(), StatsFilter{Pool: "p", Since: noon.Add(40 * time.Minute), Until: noon.Add(5 * time.Hour)})
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	a := all[0]
	if a.Method != "a" || a.Ended[Succeeded] != 100 || a.Ended[Failed] != 25 || a.Attempts != 125 || a.Queued != 1 || a.Running != 0 {
		t.Errorf("a is %+v", a)
	}
	if a.ErrorRate() != 0.2 || a.Total() != 125 {
		t.Errorf("rate %v of %d", a.ErrorRate(), a.Total())
	}
	near := func(what string, got, want time.Duration) {
		t.Helper()
		if math.Abs(float64(got-want)) > 0.03*float64(want) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	if a.Wait.N != 125 || a.Run.N != 125 {
		t.Errorf("waits %+v, runs %+v", a.Wait, a.Run)
	}
	near("median run", a.Run.P50, 63*time.Millisecond)
	near("slow run", a.Run.P99, 200*time.Millisecond)
	near("mean run", a.Run.Mean, (5050+25*200)*time.Millisecond/125)
	near("slow wait", a.Wait.P95, 93*time.Second)
	if got := fmt.Sprint(a.Hours); got != fmt.Sprint([]HourStats{{noon, 100, 0}, {noon.Add(time.Hour), 25, 25}}) {
		t.Errorf("hours are %s", got)
	}
	if b := all[1]; b.Method != "b" || b.Ended[Cancelled] != 1 || b.ErrorRate() != 0 {
		t.Errorf("b is %+v", b)
	}

	all, err = l.Stats(t.Context(), StatsFilter{Method: "c"})
	if err != nil || len(all) != 1 || all[0].Queued != 1 || all[0].Wait != (Latency{}) || all[0].Hours != nil {
		t.Errorf("c is %+v, %v", all, err)
	}
}

func TestStatsSeekTheirRows(t *testing.T) {
	l := open(t, t.TempDir())
	for text, want := range map[string]string{
		cellsSQL: "SEARCH rollup USING INDEX sqlite_autoindex_rollup_1 (pool=? AND method=? AND hour>? AND hour<?)",
		openSQL:  "SEARCH tally USING PRIMARY KEY (pool=? AND method=?",
	} {
		if got := explain(t, l.Reader, text, "p", "m", 0, 1); !strings.HasPrefix(got, want) && !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestStatsOfADamagedSketchSaySo(t *testing.T) {
	l := open(t, t.TempDir())
	ended(t, l, 1)
	err := l.writer.do(t.Context(), 1, func(b *batch) error {
		_, err := b.conn.exec(`UPDATE rollup SET run_sketch = x'80'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var damaged *DamagedError
	if _, err := l.Stats(t.Context(), StatsFilter{}); !errors.As(err, &damaged) {
		t.Errorf("got %v", err)
	}
}

// One op is the statistics of 20 methods over a day, and over a month.
func BenchmarkStats(b *testing.B) {
	l := openBench(b)
	const methods, days = 20, 30
	err := l.writer.do(context.Background(), 0, func(t *batch) error {
		for i := range methods * days * 24 * 50 {
			at := noon.Add(time.Duration(i/methods/50) * time.Hour)
			job := Begin(Job{Pool: "default", Method: fmt.Sprint("m", i%methods), RunAt: at}, "w1", 1, at.Add(time.Duration(i%977)*time.Millisecond))
			job, attempt := Settle(job, Ending{Outcome: OutcomeSucceeded, At: job.StartedAt.Add(time.Duration(i%7919*977) * time.Microsecond)}, 0)
			t.rollUp(&change{job: &job, attempts: []*Attempt{&attempt}})
			t.add(tallyKey{"default", job.Method, Succeeded}, 1)
			if i%100_000 == 0 {
				if err := t.writeCells(); err != nil {
					return err
				}
				t.rolled = t.rolled[:0]
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for name, since := range map[string]time.Time{"day": noon.Add((days - 1) * day), "month": noon} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				all, err := l.Stats(context.Background(), StatsFilter{Since: since})
				if err != nil || len(all) != methods {
					b.Fatal(len(all), err)
				}
			}
		})
	}
}
