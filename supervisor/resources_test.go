package supervisor

import (
	"runtime"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

func TestThePercentageOfCPUCoversTheTimeSinceTheLookBefore(t *testing.T) {
	start := time.Now()
	s := cpuSample{at: start}
	for _, look := range []struct {
		at, taken time.Duration
		want      float64
	}{
		{100 * time.Millisecond, 50 * time.Millisecond, 50}, // since the start
		{500 * time.Millisecond, 50 * time.Millisecond, 10}, // still
		{2 * time.Second, time.Second, 50},
		{2100 * time.Millisecond, 1100 * time.Millisecond, 50}, // too soon: as before
		{4 * time.Second, 5 * time.Second, 200},                // since 2 s
		{6 * time.Second, 4 * time.Second, 0},                  // a process of the tree has gone
		{8 * time.Second, 4123 * time.Millisecond, 6.1},
	} {
		if s = s.next(start.Add(look.at), look.taken, start); s.percent != look.want {
			t.Errorf("after %v with %v: %v, want %v", look.at, look.taken, s.percent, look.want)
		}
	}
}

func TestARowTellsWhatAWorkerUsesAndHowItsLastProcessEnded(t *testing.T) {
	before := time.Now()
	r := start(t, nil).ready()
	first := r.pool.Workers()[0]
	if first.LastExit != nil || first.StartedAt == nil || first.StartedAt.Before(before.Truncate(time.Millisecond)) || first.StartedAt.After(time.Now()) {
		t.Errorf("row = %+v", first)
	}
	if runtime.GOOS == "linux" {
		if first.Processes != 1 || first.RSSBytes < 1<<20 || first.CPUMs == nil || first.CPUPercent == nil {
			t.Errorf("%d processes, %d bytes, CPU %v and %v", first.Processes, first.RSSBytes, first.CPUMs, first.CPUPercent)
		}
	}
	r.wait(r.submit("exit", `[3,"last words"]`, oneAttempt))
	r.wait(r.submit("echo", `[]`, nil))
	row := r.pool.Workers()[0]
	if e := row.LastExit; e == nil || e.PID != first.PID || e.ExitCode == nil || *e.ExitCode != 3 || e.Signal != "" || e.Reason != endByItself || e.At.Before(before) {
		t.Errorf("last exit = %+v", e)
	}
	if row.PID == first.PID || row.StartedAt.Before(first.StartedAt.Time) {
		t.Errorf("row = %+v", row)
	}
	r.wait(r.submit("kill", `["SIGKILL"]`, oneAttempt))
	r.wait(r.submit("echo", `[]`, nil))
	if e := r.pool.Workers()[0].LastExit; e == nil || e.ExitCode != nil || e.Signal != "SIGKILL" {
		t.Errorf("last exit = %+v", e)
	}
}

// While processes come and go, also with workers that leave for good, the books balance at every moment.
func TestForksAreExitsAndLiveProcessesAtEveryMoment(t *testing.T) {
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.MaxTotalCalls = 2, 2, 3 }).ready()
	stop, looked := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { looked <- n }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			if s := r.pool.Stats(); s.Workers.ForkCount != s.Workers.ExitCount+int64(s.ProcessCount) {
				t.Errorf("forks %d, exits %d, alive %d", s.Workers.ForkCount, s.Workers.ExitCount, s.ProcessCount)
				return
			}
			n++
		}
	}()
	calls := int64(0)
	for range 4 {
		for _, method := range []string{"echo", "echo", "exit", "echo"} {
			r.wait(r.submit(method, `[1,""]`, oneAttempt))
			calls++
		}
	}
	close(stop)
	if n := <-looked; n < 10 {
		t.Errorf("it was looked %d times", n)
	}
	if s := r.pool.Stats(); s.Workers.CallsHandled != calls || s.Workers.ErrorCount != 4 || s.Workers.ExitCount < 4 {
		t.Errorf("stats = %+v after %d calls", s, calls)
	}
	r.drain()
	r.ended()
	s := r.pool.Stats()
	if s.ProcessCount != 0 || s.WorkerCount != 0 || s.Workers.ForkCount != s.Workers.ExitCount || s.Workers.CallsHandled != calls {
		t.Errorf("at the end: %+v", s)
	}
	if s.Workers.ResetCount != s.Workers.ForkCount-2 {
		t.Errorf("%d workers were reset, %d processes forked", s.Workers.ResetCount, s.Workers.ForkCount)
	}
}

func oneAttempt(j *ledger.Job) { j.MaxAttempts = 1 }
