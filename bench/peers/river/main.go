// Command river does the peers' work with River on SQLite: jobs that an application takes and works off in its own process.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/riverqueue/river"
)

const (
	chunk = 1000 // jobs of one insert
	warm  = 2000
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "river:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	j, err := parseJob(arguments)
	if err != nil {
		return err
	}
	measure, ok := map[string]func(context.Context, *queue, job) (found, error){"durable": durable, "submit": submit}[j.work]
	if !ok {
		return fmt.Errorf("work %q: give one of durable, submit", j.work)
	}
	dir, remove, err := j.workDir()
	if err != nil {
		return err
	}
	defer remove()
	q, err := openQueue(ctx, dir, j.concurrency)
	if err != nil {
		return err
	}
	defer func() { _ = q.db.Close() }()
	f, err := measure(ctx, q, j)
	if err != nil {
		return err
	}
	return f.print(os.Stdout, j)
}

// durable inserts jobs by batch while the client works them off, until the last one's completion is committed.
func durable(ctx context.Context, q *queue, j job) (found, error) {
	total := warm + j.jobs
	completed, cancel := q.client.SubscribeConfig(&river.SubscribeConfig{
		ChanSize: total,
		Kinds:    []river.EventKind{river.EventKindJobCompleted},
	})
	defer cancel()
	if err := q.client.Start(ctx); err != nil {
		return found{}, fmt.Errorf("start River: %w", err)
	}
	process := func(first, count int) error {
		if err := q.insert(ctx, first, count); err != nil {
			return err
		}
		for range count {
			select {
			case <-completed:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	}
	if err := process(0, warm); err != nil {
		return found{}, err
	}
	began := time.Now()
	if err := process(warm, j.jobs); err != nil {
		return found{}, err
	}
	seconds := time.Since(began).Seconds()
	if err := q.client.Stop(ctx); err != nil {
		return found{}, fmt.Errorf("stop River: %w", err)
	}
	if n, err := q.count(ctx, "completed"); err != nil || n != total {
		return found{}, fmt.Errorf("%d jobs are completed instead of %d: %w", n, total, err)
	}
	if sum, want := q.worker.sum.Load(), int64(total)*int64(total-1)/2; sum != want {
		return found{}, fmt.Errorf("the numbers of the jobs that ran add up to %d instead of %d", sum, want)
	}
	return found{seconds: seconds, settings: fmt.Sprintf("SQLite in WAL mode, synchronous FULL, inserts of %d, MaxWorkers %d", chunk, max(j.concurrency, minWorkers))}, nil
}

// submit inserts jobs one by one, so many at a time on the one connection; none is worked off.
func submit(ctx context.Context, q *queue, j job) (found, error) {
	if err := q.insert(ctx, 0, warm); err != nil {
		return found{}, err
	}
	times := make([]time.Duration, j.jobs)
	var (
		next  atomic.Int64
		lanes sync.WaitGroup
		fault atomic.Pointer[error]
	)
	began := time.Now()
	for range j.depth {
		lanes.Go(func() {
			for i := next.Add(1) - 1; i < int64(j.jobs) && fault.Load() == nil; i = next.Add(1) - 1 {
				start := time.Now()
				if _, err := q.client.Insert(ctx, echoArgs{warm + i}, nil); err != nil {
					fault.Store(&err)
				}
				times[i] = time.Since(start)
			}
		})
	}
	lanes.Wait()
	seconds := time.Since(began).Seconds()
	if err := fault.Load(); err != nil {
		return found{}, fmt.Errorf("insert a job: %w", *err)
	}
	if n, err := q.count(ctx, "available"); err != nil || n != warm+j.jobs {
		return found{}, fmt.Errorf("%d jobs are available instead of %d: %w", n, warm+j.jobs, err)
	}
	return found{seconds: seconds, times: times, settings: fmt.Sprintf("SQLite in WAL mode, synchronous FULL, %d in flight on one connection", j.depth)}, nil
}
