package ledger

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// One op is a page of a listing, beside as many jobs as WHIPPER_BENCH_ROWS says (20,000), of which each has as large a payload as the
// name says. What finds nothing looks at every job.
func BenchmarkListBesidePayloads(b *testing.B) {
	rows := 20_000
	if text := os.Getenv("WHIPPER_BENCH_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for _, payload := range []int{10, 10 << 10} {
		l, err := Open(context.Background(), Options{Dir: b.TempDir(), Durability: Normal})
		if err != nil {
			b.Fatal(err)
		}
		fillWith(b, l, rows, payload)
		for name, f := range map[string]Filter{
			"newest":  {Limit: 20},
			"middle":  {Limit: 20, Cursor: CursorBelow(int64(rows / 2))},
			"state":   {Limit: 20, States: []State{Cancelled}},
			"method":  {Limit: 20, Method: "m3"},
			"nothing": {Limit: 20, Until: noon.Add(-time.Hour)},
		} {
			b.Run(fmt.Sprint(name, "/", payload), func(b *testing.B) {
				for b.Loop() {
					if _, _, err := l.List(context.Background(), f); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// fillWith puts cancelled and queued jobs on the ledger whose params are so many bytes.
func fillWith(b *testing.B, l *Ledger, rows, payload int) {
	params := make([]byte, payload)
	for done := 0; done < rows; {
		jobs := make([]Job, min(1000, rows-done))
		for i := range jobs {
			jobs[i] = Job{Pool: "p", Method: fmt.Sprint("m", i%10), Params: params, CreatedAt: noon.Add(time.Duration(done+i) * time.Second)}
		}
		ids := submit(b, l, jobs...)
		if _, err := l.CancelQueued(context.Background(), ids[:len(ids)/2], noon, nil); err != nil {
			b.Fatal(err)
		}
		done += len(jobs)
	}
}
