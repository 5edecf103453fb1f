package supervisor

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

// bench is a scheduler in a bubble of synctest, over a real ledger and pools that run nothing. The bubble's clock begins at midnight.
type bench struct {
	*testing.T
	dir   string
	l     *ledger.Ledger
	s     *Scheduler
	log   *logBuffer
	shift atomic.Int64 // by how much the wall clock has been put
	stop  func()

	mu    sync.Mutex
	pools map[string]*Pool
}

// scheduling runs a test in a bubble.
func scheduling(t *testing.T, test func(b *bench)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, dir: dir, log: &logBuffer{}, pools: map[string]*Pool{}}
		b.open()
		defer b.close()
		b.add("p")
		b.run()
		test(b)
	})
}

func (b *bench) now() time.Time { return time.Now().Add(time.Duration(b.shift.Load())).UTC() }

func (b *bench) open() {
	b.Helper()
	var err error
	if b.l, err = ledger.Open(context.Background(), ledger.Options{Dir: b.dir, Durability: ledger.Normal, Now: b.now}); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) close() {
	b.Helper()
	b.stop()
	if err := b.l.Close(); err != nil {
		b.Error(err)
	}
}

// add makes a pool, which does not run.
func (b *bench) add(name string) {
	b.Helper()
	p, err := NewPool(b.l, Options{Pool: name, Command: []string{"true"}})
	if err != nil {
		b.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pools[name] = p
}

func (b *bench) run() {
	b.s = NewScheduler(SchedulerOptions{
		Ledger: b.l, Now: b.now, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
		Pool: func(name string) *Pool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.pools[name]
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.s.Run(ctx)
	}()
	b.stop = func() {
		cancel()
		<-ended
	}
}

func (b *bench) put(s ledger.Schedule) {
	b.Helper()
	if s.Pool == "" {
		s.Pool = "p"
	}
	s.Method = "m"
	if _, _, err := b.l.PutSchedule(context.Background(), s); err != nil {
		b.Fatal(err)
	}
}

// pass lets time pass and everything come to rest.
func (b *bench) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// jobs lists the times that have had a job, of those within an hour of midnight without the hour.
func (b *bench) jobs() string {
	b.Helper()
	jobs, _, err := b.l.List(context.Background(), ledger.Filter{Limit: ledger.MaxListLimit})
	if err != nil {
		b.Fatal(err)
	}
	var all []string
	for _, j := range slices.Backward(jobs) {
		_, at, _ := strings.Cut(j.IdempotencyKey, "@2000-01-01T")
		all = append(all, strings.TrimSuffix(at, "Z"))
	}
	return strings.Join(all, " ")
}

func (b *bench) want(what, jobs string) {
	b.Helper()
	if got := b.jobs(); got != jobs {
		b.Errorf("%s: jobs for %q, want %q", what, got, jobs)
	}
}

// endAll ends all queued jobs.
func (b *bench) endAll() {
	b.Helper()
	jobs, _, err := b.l.List(context.Background(), ledger.Filter{States: []ledger.State{ledger.Queued}})
	if err != nil {
		b.Fatal(err)
	}
	var ids []int64
	for _, j := range jobs {
		ids = append(ids, j.ID)
	}
	if _, err := b.l.CancelQueued(context.Background(), ids, b.now(), nil); err != nil {
		b.Fatal(err)
	}
	synctest.Wait()
}

func TestAScheduleHasAJobAtEachOfItsTimes(t *testing.T) {
	scheduling(t, func(b *bench) {
		b.pass(30 * time.Minute) // with nothing to do
		b.put(ledger.Schedule{Name: "s", Spec: "*/20 * * * *"})
		b.pass(9*time.Minute + 59*time.Second)
		b.want("before its time", "")
		for range 3 {
			b.pass(20 * time.Minute)
			b.endAll()
		}
		b.want("after an hour", "00:40:00 01:00:00 01:20:00")
		b.put(ledger.Schedule{Name: "s", Spec: "*/30 * * * * *"}) // it is 01:39:59
		b.pass(time.Second)
		b.want("replaced", "00:40:00 01:00:00 01:20:00 01:40:00")
		if err := b.l.DeleteSchedules(b.Context(), []string{"s"}); err != nil {
			b.Fatal(err)
		}
		b.pass(time.Hour)
		b.want("deleted", "00:40:00 01:00:00 01:20:00 01:40:00")
	})
}

func TestATimeWaitsForTheJobBeforeAndHasItsTurnWhenThatEnds(t *testing.T) {
	scheduling(t, func(b *bench) {
		b.put(ledger.Schedule{Name: "waits", Spec: "@every 10m", Overlap: ledger.OverlapQueue})
		b.pass(35 * time.Minute)
		b.want("the first has not ended", "00:10:00")
		b.endAll() // at once, with no time passing
		b.want("the first has ended", "00:10:00 00:20:00")
		b.close()
		b.pass(30 * time.Minute) // 00:40, 00:50 and 01:00 are missed
		b.open()
		b.add("p")
		b.run()
		b.pass(0)
		b.want("started again", "00:10:00 00:20:00")
		for range 3 {
			b.endAll()
		}
		b.want("those that waited, and one for those that were missed", "00:10:00 00:20:00 00:30:00 01:00:00")
		b.pass(5 * time.Minute)
		b.want("and on", "00:10:00 00:20:00 00:30:00 01:00:00 01:10:00")
	})
}

func TestTimesMissedWhileNobodyRanHaveOneJobOrNone(t *testing.T) {
	for missed, want := range map[ledger.Missed]string{ledger.MissedOnce: "00:10:00 00:40:00 00:50:00", ledger.MissedSkip: "00:10:00 00:50:00"} {
		t.Run(string(missed), func(t *testing.T) {
			scheduling(t, func(b *bench) {
				b.put(ledger.Schedule{Name: "s", Spec: "*/10 * * * *", Missed: missed})
				b.pass(10 * time.Minute)
				b.endAll()
				b.close()
				b.pass(35 * time.Minute)
				b.open()
				b.add("p")
				b.run()
				b.pass(0)
				b.endAll()
				b.pass(5 * time.Minute)
				b.want("after the start", want)
			})
		})
	}
}

func TestAClockThatIsPutForwardOrBackDoesNoHarm(t *testing.T) {
	scheduling(t, func(b *bench) {
		b.put(ledger.Schedule{Name: "s", Spec: "0 * * * *"})
		b.put(ledger.Schedule{Name: "skips", Spec: "30 * * * *", Missed: ledger.MissedSkip})
		b.pass(10 * time.Minute)
		b.shift.Add(int64(2 * time.Hour)) // it is 02:10
		b.pass(lookAtLeast)
		b.endAll()
		b.want("put forward over 00:30 to 02:00", "02:00:00")
		b.pass(20 * time.Minute)
		b.endAll()
		b.want("going on", "02:00:00 02:30:00")
		b.shift.Add(int64(-2 * time.Hour)) // it is 00:31
		b.pass(2 * time.Hour)
		b.endAll()
		b.want("put back, no time comes again", "02:00:00 02:30:00")
		b.put(ledger.Schedule{Name: "new", Spec: "*/5 * * * *", Missed: ledger.MissedSkip}) // it is 02:31
		b.pass(4 * time.Minute)
		b.endAll()
		b.want("one that is new", "02:00:00 02:30:00 02:35:00")
		b.pass(28 * time.Minute)
		if got := b.jobs(); !strings.Contains(got, "03:00:00") {
			b.Errorf("the hour has no job: %s", got)
		}
	})
}

func TestAScheduleOfAPoolThatIsNotThereWaitsForItAndIsToldOfOnce(t *testing.T) {
	scheduling(t, func(b *bench) {
		b.put(ledger.Schedule{Name: "s", Spec: "* * * * *", Pool: "later"})
		b.put(ledger.Schedule{Name: "other", Spec: "* * * * *"})
		b.pass(5*time.Minute + 30*time.Second)
		if n := strings.Count(b.log.String(), "schedule waits, for its pool is not there"); n != 1 {
			b.Errorf("said %d times: %s", n, b.log.String())
		}
		b.want("only the one whose pool is there", "00:01:00")
		b.add("later")
		b.s.Look()
		b.pass(0)
		b.want("its pool has come", "00:01:00 00:05:00")
	})
}
