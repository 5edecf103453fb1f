package ledger

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

// step is one change of a job, as it is handed to the writer.
type step struct {
	kind    opKind
	job     Job
	attempt Attempt
}

// chain is the steps of a job that is run once for each ending.
func chain(job Job, insert bool, endings ...Ending) []step {
	var steps []step
	if insert {
		steps = append(steps, step{kind: opInsert, job: job})
	}
	for i, e := range endings {
		job = Begin(job, "w1", 100+i, job.RunAt.Add(time.Millisecond))
		steps = append(steps, step{kind: opStart, job: job})
		e.At = job.StartedAt.Add(time.Millisecond)
		var attempt Attempt
		job, attempt = Settle(job, e, 0)
		steps = append(steps, step{kind: opFinish, job: job, attempt: attempt})
	}
	return steps
}

// hand puts the steps into the queue, the first retried of them as if a failed commit had held them, and returns where
// their answers come.
func hand(l *Ledger, steps []step, retried int) chan error {
	answers := make(chan error, len(steps))
	for i, s := range steps {
		l.writer.put(&op{
			kind: s.kind, keep: true, retried: i < retried, job: s.job, attempt: s.attempt,
			done: func(err error) { answers <- err },
		})
	}
	return answers
}

// A commit that is reported as failed may have reached the disk. Its changes are handed over again, together with what has
// come since, and the job must end as if nothing had happened, wherever the disk is.
func TestChangesGoOnFromWhereAFailedCommitHasLeftTheDisk(t *testing.T) {
	succeeded := Ending{Outcome: OutcomeSucceeded, Result: []byte(`"kept"`)}
	again := Ending{Outcome: OutcomeError, Error: []byte(`{"code":1,"message":"again"}`)}
	cancelled := Ending{Outcome: OutcomeCancelled}
	for name, tc := range map[string]struct {
		insert  bool
		endings []Ending
	}{
		"start, success":                     {false, []Ending{succeeded}},
		"start, retry, start, success":       {false, []Ending{again, succeeded}},
		"start, retry, start, retry":         {false, []Ending{again, again}},
		"start, snooze, start, cancellation": {false, []Ending{{Outcome: OutcomeSnoozed}, cancelled}},
		"insertion, start, success":          {true, []Ending{succeeded}},
		"insertion, start, retry, start":     {true, []Ending{again, again, succeeded}},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, t.TempDir())
			for onDisk := 1; ; onDisk++ {
				job := Job{Pool: "p", Method: "m", MaxAttempts: 5}.withDefaults(noon)
				var err error
				if tc.insert {
					job.ID, err = l.NextID(t.Context())
				} else {
					job, _ = get(t, l.Reader, submit(t, l, job)[0])
				}
				if err != nil {
					t.Fatal(err)
				}
				steps := chain(job, tc.insert, tc.endings...)
				if onDisk > len(steps) {
					break
				}
				for i := 0; i < onDisk; i++ { // each alone, so that the disk's state does not depend on what is tested
					hand(l, steps[i:i+1], 0)
					flush(t, l)
				}
				var answers chan error
				together(t, l, func() { answers = hand(l, steps, onDisk) })
				for range steps {
					if err := <-answers; err != nil {
						t.Errorf("%d of %d steps on disk: %v", onDisk, len(steps), err)
					}
				}
				want := steps[len(steps)-1].job
				got, attempts := get(t, l.Reader, job.ID)
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%d of %d steps on disk:\ngot  %+v\nwant %+v", onDisk, len(steps), got, want)
				}
				if len(attempts) != len(tc.endings) {
					t.Errorf("%d of %d steps on disk: attempts %v", onDisk, len(steps), attempts)
				}
			}
			mustBeSound(t, l.Reader)
		})
	}
}

func TestAnInsertedJobThatEndsUnrunGoesOnFromItsInsertion(t *testing.T) {
	l := open(t, t.TempDir())
	id, err := l.NextID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	job := Job{ID: id, Pool: "p", Method: "m", Origin: FromInvoke}.withDefaults(noon)
	l.Insert(job, nil)
	flush(t, l)
	ended := job
	ended.State, ended.FinishedAt = Cancelled, noon.Add(time.Second)
	var answers chan error
	together(t, l, func() {
		answers = hand(l, []step{{kind: opInsert, job: job}, {kind: opFinish, job: ended}}, 1)
	})
	if err := errors.Join(<-answers, <-answers); err != nil {
		t.Error(err)
	}
	if got, attempts := get(t, l.Reader, id); !reflect.DeepEqual(got, ended) || attempts != nil {
		t.Errorf("got %+v\nwant %+v, attempts %v", got, ended, attempts)
	}
	mustBeSound(t, l.Reader)
}

func TestARetriedChangeOfARowThatIsAnothersIsRefused(t *testing.T) {
	l := open(t, t.TempDir())
	for name, disk := range map[string]func(Job){
		"another worker runs it": func(job Job) { l.Start(Begin(job, "w9", 9, noon.Add(time.Hour)), nil) },
		"it has ended otherwise": func(job Job) { run(l, job, Ending{Outcome: OutcomeCancelled}) },
	} {
		job, _ := get(t, l.Reader, submit(t, l, Job{Pool: "p", Method: "m"})[0])
		disk(job)
		flush(t, l)
		before, attemptsBefore := get(t, l.Reader, job.ID)
		var answers chan error
		together(t, l, func() { answers = hand(l, chain(job, false, Ending{Outcome: OutcomeSucceeded}), 1) })
		for range 2 {
			if err := <-answers; !errors.Is(err, ErrGuard) {
				t.Errorf("%s: answer %v, want a guard error", name, err)
			}
		}
		if got, attempts := get(t, l.Reader, job.ID); !reflect.DeepEqual(got, before) || !reflect.DeepEqual(attempts, attemptsBefore) {
			t.Errorf("%s: it has become %+v with attempts %v", name, got, attempts)
		}
	}
	mustBeSound(t, l.Reader)
}

// What was in no failed commit cannot be on disk, so a row that looks as if it were is somebody else's doing.
func TestAChangeThatWasInNoFailedCommitIsNotTakenForWritten(t *testing.T) {
	l := open(t, t.TempDir())
	job, _ := get(t, l.Reader, submit(t, l, Job{Pool: "p", Method: "m"})[0])
	steps := chain(job, false, Ending{Outcome: OutcomeSucceeded})
	hand(l, steps[:1], 0)
	flush(t, l)
	var answers chan error
	together(t, l, func() { answers = hand(l, steps, 0) })
	for range steps {
		if err := <-answers; !errors.Is(err, ErrGuard) {
			t.Errorf("answer %v, want a guard error", err)
		}
	}
	mustBeSound(t, l.Reader)
}
