package ledger

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestSettleFollowsTheRules(t *testing.T) {
	running := Job{
		ID: 1, State: Running, Attempt: 1, MaxAttempts: 3, Runs: 2, Crashes: 1, Alone: true, Delivery: AtLeastOnce,
		Origin: FromSubmit, Backoff: Backoff{Base: time.Second, Factor: 2, Cap: time.Minute}, RunAt: noon, StartedAt: noon.Add(time.Second),
	}
	at := noon.Add(time.Minute)
	cases := []struct {
		name    string
		change  func(*Job)
		ending  Ending
		state   State
		attempt int
		crashes int
		alone   bool
		runAt   time.Time
	}{
		{"success ends it", nil, Ending{Outcome: OutcomeSucceeded}, Succeeded, 1, 1, false, noon},
		{"cancelling ends it", nil, Ending{Outcome: OutcomeCancelled}, Cancelled, 1, 1, false, noon},
		{"an error is charged and retried after the backoff", nil, Ending{Outcome: OutcomeError}, Queued, 1, 1, false, at.Add(time.Second)},
		{"the backoff grows with the attempts", func(j *Job) { j.Attempt = 2 }, Ending{Outcome: OutcomeError}, Queued, 2, 1, false, at.Add(2 * time.Second)},
		{"the last attempt's error fails it", func(j *Job) { j.Attempt = 3 }, Ending{Outcome: OutcomeError}, Failed, 3, 1, false, noon},
		{"a permanent error fails it at once", nil, Ending{Outcome: OutcomeError, Permanent: true}, Failed, 1, 1, false, noon},
		{"an at-most-once job's error fails it", atMostOnce, Ending{Outcome: OutcomeError}, Failed, 1, 1, false, noon},
		{"a timeout is charged", nil, Ending{Outcome: OutcomeTimeout}, Queued, 1, 1, false, at.Add(time.Second)},
		{"the last attempt's timeout fails it", func(j *Job) { j.Attempt = 3 }, Ending{Outcome: OutcomeTimeout}, Failed, 3, 1, false, noon},
		{"a crash of its own is charged, and it runs alone next", notAlone, Ending{Outcome: OutcomeCrashed}, Queued, 1, 1, true, at.Add(time.Second)},
		{"the last attempt's crash fails it", func(j *Job) { j.Attempt = 3 }, Ending{Outcome: OutcomeCrashed}, Failed, 3, 1, false, noon},
		{"a shared crash is not charged, and it runs alone next", notAlone, Ending{Outcome: OutcomeCrashed, Shared: true}, Queued, 0, 2, true, noon},
		{"one shared crash too many fails it", func(j *Job) { j.Crashes = MaxCrashes - 1 }, Ending{Outcome: OutcomeCrashed, Shared: true}, Failed, 0, MaxCrashes, false, noon},
		{"a shared crash fails an at-most-once job", atMostOnce, Ending{Outcome: OutcomeCrashed, Shared: true}, Failed, 0, 2, false, noon},
		{"a shared crash fails an invoke", invoked, Ending{Outcome: OutcomeCrashed, Shared: true}, Failed, 0, 2, false, noon},
		{"an interruption is not charged", notAlone, Ending{Outcome: OutcomeInterrupted}, Queued, 0, 1, false, noon},
		{"an interruption clears no suspicion", nil, Ending{Outcome: OutcomeInterrupted}, Queued, 0, 1, true, noon},
		{"an interruption without a death does not count", func(j *Job) { j.Crashes = MaxCrashes }, Ending{Outcome: OutcomeInterrupted}, Queued, 0, MaxCrashes, true, noon},
		{"the supervisor's death counts as a crash", notAlone, Ending{Outcome: OutcomeInterrupted, Abandoned: true}, Queued, 0, 2, false, noon},
		{"the supervisor's death clears no suspicion", nil, Ending{Outcome: OutcomeInterrupted, Abandoned: true}, Queued, 0, 2, true, noon},
		{"one death too many fails it", func(j *Job) { j.Crashes = MaxCrashes - 1 }, Ending{Outcome: OutcomeInterrupted, Abandoned: true}, Failed, 0, MaxCrashes, false, noon},
		{"an interruption fails an at-most-once job", atMostOnce, Ending{Outcome: OutcomeInterrupted}, Failed, 0, 1, false, noon},
		{"an interruption fails an invoke", invoked, Ending{Outcome: OutcomeInterrupted}, Failed, 0, 1, false, noon},
		{"a snooze is not charged", nil, Ending{Outcome: OutcomeSnoozed, Snooze: time.Hour}, Queued, 0, 1, false, at.Add(time.Hour)},
		{"an at-most-once job may ask for a snooze", atMostOnce, Ending{Outcome: OutcomeSnoozed, Snooze: time.Hour}, Queued, 0, 1, false, at.Add(time.Hour)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			job := running
			if c.change != nil {
				c.change(&job)
			}
			c.ending.At, c.ending.Error, c.ending.ErrorSource = at, []byte(`{"code":1}`), FromWorker
			got, attempt := Settle(job, c.ending, 0.5)
			if got.State != c.state || got.Attempt != c.attempt || got.Crashes != c.crashes || got.Alone != c.alone || !got.RunAt.Equal(c.runAt) {
				t.Errorf("got %s, attempt %d, crashes %d, alone %t, run at %v", got.State, got.Attempt, got.Crashes, got.Alone, got.RunAt)
			}
			if got.State.Terminal() != got.FinishedAt.Equal(at) {
				t.Errorf("%s, but finished at %v", got.State, got.FinishedAt)
			}
			if hasError := got.Error != nil; hasError == (c.state == Succeeded) {
				t.Errorf("%s, with error %s", got.State, got.Error)
			}
			if attempt.Number != 2 || attempt.Outcome != c.ending.Outcome || !attempt.StartedAt.Equal(job.StartedAt) || !attempt.FinishedAt.Equal(at) {
				t.Errorf("attempt %+v", attempt)
			}
		})
	}
}

func atMostOnce(j *Job) { j.Delivery = AtMostOnce }
func invoked(j *Job)    { j.Origin = FromInvoke }
func notAlone(j *Job)   { j.Alone = false }

func TestTheBackoffIsSpreadAndCapped(t *testing.T) {
	b := Backoff{Base: time.Second, Factor: 3, Cap: 10 * time.Second, Jitter: 0.5}
	for _, c := range []struct {
		attempt int
		spread  float64
		want    time.Duration
	}{
		{1, 0.5, time.Second},
		{1, 0, 500 * time.Millisecond},
		{2, 0.5, 3 * time.Second},
		{2, 1, 4500 * time.Millisecond},
		{3, 0.5, 9 * time.Second},
		{4, 0.5, 10 * time.Second},
		{1 << 30, 0.5, 10 * time.Second},
	} {
		if got := b.delay(c.attempt, c.spread); got != c.want {
			t.Errorf("attempt %d, spread %v: %v, want %v", c.attempt, c.spread, got, c.want)
		}
	}
}

func TestABackoffNeverRunsOverOrBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Backoff{
			Base: time.Duration(rapid.Int64Min(0).Draw(t, "base")), Factor: rapid.Float64Range(1, 1e9).Draw(t, "factor"),
			Cap: time.Duration(rapid.Int64Min(0).Draw(t, "cap")), Jitter: rapid.Float64Range(0, 1).Draw(t, "jitter"),
		}
		if d := b.delay(rapid.IntRange(1, 1e9).Draw(t, "attempt"), rapid.Float64Range(0, 0.999).Draw(t, "spread")); d < 0 {
			t.Fatalf("negative: %v", d)
		}
	})
}

var outcomes = []Outcome{OutcomeSucceeded, OutcomeError, OutcomeTimeout, OutcomeCrashed, OutcomeCancelled, OutcomeInterrupted, OutcomeSnoozed}

func drawEnding(t *rapid.T, at time.Time) Ending {
	e := Ending{
		Outcome: rapid.SampledFrom(outcomes).Draw(t, "outcome"), At: at, Permanent: rapid.Bool().Draw(t, "permanent"),
		Shared: rapid.Bool().Draw(t, "shared"), Abandoned: rapid.Bool().Draw(t, "abandoned"),
		Snooze: time.Duration(rapid.IntRange(0, 1e6).Draw(t, "snooze")) * time.Microsecond,
	}
	switch e.Outcome {
	case OutcomeSucceeded:
		e.Result = []byte(`"ok"`)
	case OutcomeSnoozed:
	default:
		e.Error, e.ErrorSource = []byte(`{"code":1,"message":"no"}`), FromWorker
	}
	if e.Outcome == OutcomeCrashed {
		code := rapid.IntRange(0, 255).Draw(t, "exit")
		e.ExitCode, e.Signal, e.StderrTail = &code, "SIGKILL", "out of memory"
	}
	return e
}

func drawJob(t *rapid.T) Job {
	return Job{
		Pool: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "pool"), Method: rapid.SampledFrom([]string{"m", "n"}).Draw(t, "method"),
		MaxAttempts: rapid.IntRange(1, 4).Draw(t, "max attempts"), Delivery: rapid.SampledFrom([]Delivery{AtLeastOnce, AtMostOnce}).Draw(t, "delivery"),
		Origin: rapid.SampledFrom([]Origin{FromSubmit, FromInvoke}).Draw(t, "origin"), CreatedAt: noon,
		Params: rapid.SampledFrom([][]byte{nil, []byte(`[]`), []byte("[\"\xff\"]")}).Draw(t, "params"),
	}.withDefaults(noon)
}

func TestAJobAlwaysComesToAnEndWithinItsAttempts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		job := drawJob(t)
		at := noon
		uncharged := 0
		for !job.State.Terminal() {
			runs := job.Runs
			at = at.Add(time.Second)
			job = Begin(job, "w1", 1, at)
			if job.Attempt > job.MaxAttempts {
				t.Fatalf("attempt %d of %d", job.Attempt, job.MaxAttempts)
			}
			e := drawEnding(t, at)
			if e.Outcome == OutcomeSnoozed || e.Outcome == OutcomeInterrupted && !e.Abandoned {
				// These two may go on for ever: the job asks for it, or the operator does.
				if uncharged++; uncharged > 10 {
					return
				}
			}
			var attempt Attempt
			job, attempt = Settle(job, e, rapid.Float64Range(0, 0.999).Draw(t, "spread"))
			if attempt.Number != runs+1 {
				t.Fatalf("run %d is recorded as attempt %d", runs+1, attempt.Number)
			}
			if job.State == Running || job.Attempt < 0 || job.Crashes > MaxCrashes {
				t.Fatalf("settled as %+v", job)
			}
			if job.Runs > job.MaxAttempts+MaxCrashes+uncharged {
				t.Fatalf("poison: %d runs", job.Runs)
			}
		}
	})
}
