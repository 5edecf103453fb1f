package ledger

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// One op is one row.
func BenchmarkSubmitInOneCall(b *testing.B) {
	for _, size := range []int{1, 100, 10000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l := openBench(b)
			jobs := benchJobs(size)
			m := startMeter(b)
			for n := 0; n < b.N; n += size {
				if _, err := l.Submit(context.Background(), jobs[:min(size, b.N-n)]); err != nil {
					b.Fatal(err)
				}
			}
			m.report(b)
		})
	}
}

// Callers who submit one job each share commits.
func BenchmarkSubmitBy256Callers(b *testing.B) {
	l := openBench(b)
	jobs := benchJobs(1)
	var callers sync.WaitGroup
	work := make(chan struct{})
	m := startMeter(b)
	for range 256 {
		callers.Go(func() {
			for range work {
				if _, err := l.Submit(context.Background(), jobs); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	callers.Wait()
	m.report(b)
}

// One op is a job's start and end, of up to 512 jobs that are under way.
func BenchmarkStartAndFinish(b *testing.B) {
	l := openBench(b)
	jobs := submitted(b, l, b.N)
	m := startMeter(b)
	runAll(b, l, jobs)
	m.report(b)
}

// One op is a job that is claimed, started and finished.
func BenchmarkClaimStartAndFinish(b *testing.B) {
	l := openBench(b)
	submitted(b, l, b.N)
	m := startMeter(b)
	for n := 0; n < b.N; {
		jobs, _, err := l.Ready(context.Background(), "default", time.Now().Add(time.Minute), 256, nil)
		if err != nil {
			b.Fatal(err)
		}
		runAll(b, l, jobs)
		n += len(jobs)
	}
	m.report(b)
}

// One op is an invoke that is inserted and finished in one transaction.
func BenchmarkInvoke(b *testing.B) {
	l := openBench(b)
	job := benchJobs(1)[0].withDefaults(time.Now())
	m := startMeter(b)
	for n := range b.N {
		id, err := l.NextID(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		job.ID = id
		running := Begin(job, "w1", 4711, time.Now())
		ended, attempt := Settle(running, Ending{Outcome: OutcomeSucceeded, At: time.Now(), Result: []byte(`"ok"`)}, 0)
		l.Insert(running, nil)
		l.Finish(ended, attempt, nil)
		if n%256 == 255 {
			flushBench(b, l)
		}
	}
	flushBench(b, l)
	m.report(b)
}

// The claim's cost with a million jobs that are due later, and as many that are done.
func BenchmarkReadyBesideAMillionDelayedJobs(b *testing.B) {
	l := openBench(b)
	jobs := benchJobs(10000)
	for i := range jobs {
		jobs[i].RunAt = time.Now().Add(time.Hour)
		jobs[i].Priority = i%3 - 1
	}
	for range 100 {
		if _, err := l.Submit(context.Background(), jobs); err != nil {
			b.Fatal(err)
		}
	}
	submitted(b, l, 64)
	m := startMeter(b)
	for range b.N {
		jobs, _, err := l.Ready(context.Background(), "default", time.Now(), 64, nil)
		if err != nil || len(jobs) != 64 {
			b.Fatal(len(jobs), err)
		}
	}
	m.report(b)
}

// One op is a running job that a dead supervisor left.
func BenchmarkRecover(b *testing.B) {
	l := openBench(b)
	for _, job := range submitted(b, l, b.N) {
		l.Start(Begin(job, "w1", 4711, time.Now()), nil)
	}
	flushBench(b, l)
	m := startMeter(b)
	if r, err := l.Recover(context.Background()); err != nil || r.Requeued != b.N {
		b.Fatal(r, err)
	}
	m.report(b)
}

func openBench(b *testing.B) *Ledger {
	b.Helper()
	l, err := Open(context.Background(), Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l
}

func benchJobs(n int) []Job {
	jobs := make([]Job, n)
	for i := range jobs {
		jobs[i] = Job{Pool: "default", Method: "resize", Params: []byte(`["a.png",100]`)}
	}
	return jobs
}

func submitted(b *testing.B, l *Ledger, n int) []Job {
	b.Helper()
	now := time.Now()
	var all []Job
	for len(all) < n {
		jobs := benchJobs(min(n-len(all), 10000))
		answer, err := l.Submit(context.Background(), jobs)
		if err != nil {
			b.Fatal(err)
		}
		for i := range jobs {
			jobs[i] = jobs[i].withDefaults(now)
			jobs[i].ID = answer[i].ID
		}
		all = append(all, jobs...)
	}
	return all
}

// runAll takes jobs from queued to succeeded, with as many under way at a time as a busy pool has.
func runAll(b *testing.B, l *Ledger, jobs []Job) {
	slots := make(chan struct{}, 512)
	now := time.Now()
	for _, job := range jobs {
		slots <- struct{}{}
		job = Begin(job, "w1", 4711, now)
		l.Start(job, nil)
		job, attempt := Settle(job, Ending{Outcome: OutcomeSucceeded, At: now, Result: []byte(`"ok"`)}, 0)
		l.Finish(job, attempt, func(error) { <-slots })
	}
	flushBench(b, l)
}

func flushBench(b *testing.B, l *Ledger) {
	if err := l.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// meter measures rows a second, and the processor time of one, which other load on the machine changes less.
type meter struct{ before unix.Rusage }

func startMeter(b *testing.B) *meter {
	m := &meter{}
	unix.Getrusage(unix.RUSAGE_SELF, &m.before)
	b.ResetTimer()
	return m
}

func (m *meter) report(b *testing.B) {
	var after unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &after)
	cpu := after.Utime.Nano() + after.Stime.Nano() - m.before.Utime.Nano() - m.before.Stime.Nano()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/row")
}

// What the rollup adds to a transaction: one op is a job that ends, of 256 in a transaction and of as many methods as the name says.
func BenchmarkRollUp(b *testing.B) {
	for _, methods := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(methods), func(b *testing.B) {
			l := openBench(b)
			now := time.Now()
			changes := make([]change, 256)
			for i := range changes {
				job := Begin(Job{Pool: "default", Method: fmt.Sprint("m", i%methods), RunAt: now}, "w1", 1, now.Add(time.Duration(i)*time.Millisecond))
				job, attempt := Settle(job, Ending{Outcome: OutcomeSucceeded, At: job.StartedAt.Add(time.Duration(i*i) * time.Microsecond)}, 0)
				changes[i] = change{job: &job, attempts: []*Attempt{&attempt}}
			}
			// Within one transaction, so that no commit is measured.
			err := l.writer.do(context.Background(), 0, func(t *batch) error {
				for b.Loop() {
					t.rolled = t.rolled[:0]
					for i := range changes {
						t.rollUp(&changes[i])
					}
					if err := t.writeCells(); err != nil {
						return err
					}
				}
				t.rolled = nil
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(changes)), "ns/job")
		})
	}
}
