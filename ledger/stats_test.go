package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

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
