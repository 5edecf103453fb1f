package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// killsVar is how many times the ledger's process is killed.
const killsVar = "WHIPPER_KILLS"

// workForever recovers the ledger, submits jobs and runs them, without end. It tells of everything that was acknowledged: of each job
// that was submitted, of each run before it begins, and of each final outcome that is on disk. A line ends with a dot, so that one that was cut
// short is known.
func workForever(dir string) error {
	ctx := context.Background()
	l, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return err
	}
	if _, err := l.Recover(ctx); err != nil {
		return err
	}
	say := func(what string, id int64, more any) {
		fmt.Fprintln(os.Stdout, what, id, more, ".") // in one write: lines of two goroutines don't mix
	}
	failed := make(chan error, 4)
	for range 2 {
		go func() {
			for {
				jobs := make([]Job, 1+rand.IntN(8))
				for i := range jobs {
					jobs[i] = Job{Pool: "p", Method: "m", Params: make([]byte, rand.IntN(3000)), Delivery: AtLeastOnce, Backoff: Backoff{Base: 1, Factor: 1, Cap: 1}}
					if rand.IntN(4) == 0 {
						jobs[i].Delivery = AtMostOnce
					}
				}
				answer, err := l.Submit(ctx, jobs)
				if err != nil {
					failed <- err
					return
				}
				for i, a := range answer {
					say("submitted", a.ID, jobs[i].Delivery)
				}
			}
		}()
	}
	go func() {
		for {
			jobs, _, err := l.Ready(ctx, "p", l.now(), 16, nil)
			for i := 0; err == nil && i < len(jobs); i++ {
				err = workOn(l, jobs[i], say)
			}
			if err == nil {
				err = l.Flush(ctx) // or what has begun would be ready once more
			}
			if err != nil {
				failed <- err
				return
			}
		}
	}()
	return <-failed
}

// workOn runs a job to one outcome or another.
func workOn(l *Ledger, job Job, say func(string, int64, any)) error {
	if rand.IntN(16) == 0 {
		cancelled, err := l.CancelQueued(context.Background(), []int64{job.ID}, l.now(), nil)
		for _, id := range cancelled {
			say("ended", id, Cancelled)
		}
		return err
	}
	job = Begin(job, "w1", 1, l.now())
	if job.Delivery == AtMostOnce {
		started := make(chan error, 1)
		l.Start(job, func(err error) { started <- err })
		if err := <-started; err != nil {
			return err
		}
	} else {
		l.Start(job, nil)
	}
	say("ran", job.ID, job.Runs)
	outcomes := []Outcome{OutcomeSucceeded, OutcomeSucceeded, OutcomeSucceeded, OutcomeError, OutcomeCrashed}
	job, attempt := Settle(job, Ending{Outcome: outcomes[rand.IntN(len(outcomes))], At: l.now()}, 0)
	l.Finish(job, attempt, func(err error) {
		if err != nil {
			say("refused", job.ID, err)
		} else if job.State.Terminal() {
			say("ended", job.ID, job.State)
		}
	})
	return nil
}

// witness has heard what all the processes said that had the ledger, one after the other.
type witness struct {
	*testing.T
	delivery map[int64]Delivery // of the jobs that were submitted
	runs     map[int64]int
	final    map[int64]State
	lines    int
}

// hear listens to a process until it is gone.
func (w *witness) hear(line string) {
	words := strings.Fields(line)
	if len(words) != 4 || words[3] != "." {
		return // it was killed in the middle of the line
	}
	w.lines++
	id, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		w.Fatal(err)
	}
	switch words[0] {
	case "submitted":
		if w.delivery[id] != "" {
			w.Errorf("id %d was given out twice", id)
		}
		w.delivery[id] = Delivery(words[2])
	case "ran":
		if w.final[id] != "" {
			w.Errorf("job %d was %s, and was run again", id, w.final[id])
		}
		if w.runs[id]++; w.runs[id] > 1 && w.delivery[id] == AtMostOnce {
			w.Errorf("job %d, at most once, ran %d times", id, w.runs[id])
		}
	case "ended":
		w.ended(id, State(words[2]))
	default:
		w.Errorf("it said: %s", line)
	}
}

func (w *witness) ended(id int64, s State) {
	if was := w.final[id]; was != "" && was != s {
		w.Errorf("job %d was %s, and is %s", id, was, s)
	}
	w.final[id] = s
}

// look holds what is in the ledger against what was said.
func (w *witness) look(r *Reader) {
	w.Helper()
	mustBeSound(w, r)
	mustBalance(w, r)
	found := make(map[int64]State)
	for _, line := range dump(w, r.db, "SELECT id, state FROM job") {
		var id int64
		var s State
		if _, err := fmt.Sscan(line, &id, &s); err != nil {
			w.Fatal(err)
		}
		found[id] = s
		if s.Terminal() {
			w.ended(id, s) // though nobody may have heard of it
		}
	}
	for id := range w.delivery {
		if found[id] == "" {
			w.Errorf("job %d was acknowledged, and is gone", id)
		}
	}
	for id, s := range w.final {
		if found[id] != s {
			w.Errorf("job %d was said to be %s, and is %q", id, s, found[id])
		}
	}
}

func TestWheneverTheProcessIsKilledWhatItSaidIsTrue(t *testing.T) {
	kills := 12
	if n, err := strconv.Atoi(os.Getenv(killsVar)); err == nil {
		kills = n
	}
	dir := t.TempDir()
	w := &witness{T: t, delivery: map[int64]Delivery{}, runs: map[int64]int{}, final: map[int64]State{}}
	early := 0
	for round := range kills {
		child, out := startChild(t, "work", dir)
		kill := func() { _ = child.Process.Kill() } // at a moment it knows nothing of
		before, after := w.lines, 1+rand.IntN(400)
		if round%3 == 0 {
			timer := time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, kill)
			defer timer.Stop()
			after = -1
		}
		for out.Scan() {
			if w.hear(out.Text()); w.lines-before == after {
				kill()
			}
		}
		_ = child.Wait() // it was killed
		if child.ProcessState.Exited() {
			t.Fatalf("round %d: the process ended by itself: %v", round, child.ProcessState)
		}
		if w.lines == before {
			early++
		}
		if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil || round%2 == 0 && round < kills-1 {
			continue // the next process finds what this one left, and not what a reader has put in order
		}
		r, err := OpenReader(t.Context(), dir)
		if err != nil {
			if round == 0 {
				continue // killed before there was a ledger
			}
			t.Fatal(err)
		}
		w.look(r)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}

	// The last process lets everything come to an end.
	l := open(t, dir)
	if _, err := l.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	for {
		jobs, next, err := l.Ready(t.Context(), "p", time.Now(), 1000, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) == 0 && next.IsZero() {
			break
		}
		for _, job := range jobs {
			w.hear(fmt.Sprintln("ran", job.ID, 0, "."))
			run(l, job, Ending{Outcome: OutcomeSucceeded})
		}
		flush(t, l)
	}
	w.look(l.Reader)
	ends := map[State]int{}
	for _, s := range w.final {
		ends[s]++
	}
	for id := range w.delivery {
		if w.final[id] == "" {
			t.Errorf("job %d has no final outcome", id)
		}
	}
	t.Logf("%d kills, %d of them before anything was said; %d jobs acknowledged, %d lines heard; they ended %v", kills, early, len(w.delivery), w.lines, ends)
}
