package endtoend

import (
	"cmp"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// turn is a job of a schedule and the time that it is for.
type turn struct {
	whipper.Job
	at time.Time
}

// turns gives a schedule's jobs in the order of their times. No time may have two.
func turns(t *testing.T, dir, schedule string) []turn {
	t.Helper()
	var all []turn
	seen := map[time.Time]bool{}
	for _, job := range jobs(t, dir) {
		text, ours := strings.CutPrefix(job.IdempotencyKey, "schedule:"+schedule+"@")
		if !ours {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		check(t, err)
		if seen[at] || job.Labels["schedule"] != schedule {
			t.Errorf("job %d for %v is its second, or not labelled: %v", job.ID, at, job.Labels)
		}
		seen[at] = true
		all = append(all, turn{job, at})
	}
	slices.SortFunc(all, func(a, b turn) int { return a.at.Compare(b.at) })
	if !slices.IsSortedFunc(all, func(a, b turn) int { return cmp.Compare(a.ID, b.ID) }) {
		t.Error("jobs are not in the order of their times")
	}
	return all
}

func TestATimeOfAScheduleRunsOnceWheneverTheSupervisorIsKilled(t *testing.T) {
	log := filepath.Join(t.TempDir(), "effects")
	dir := filepath.Join(t.TempDir(), "state")
	const lives = 9
	var begun, ended [lives]time.Time
	for life := range lives {
		begun[life] = time.Now()
		s := start(t, dir, "--max-workers", "2", "testdata/worker.py")
		if life == 0 {
			must(t, dir, "schedule", "add", "--overlap", "queue", "--at-most-once", "tick", "* * * * * *", "effect", `"`+log+`"`, `"tick"`)
		}
		if life == lives-1 {
			eventually(t, "a time comes", func() bool {
				all := turns(t, dir, "tick")
				last := all[len(all)-1]
				return last.CreatedAt.After(begun[life]) && last.State == "succeeded"
			})
			stop(t, s)
			ended[life] = time.Now()
			break
		}
		// Killed at any moment, or in the milliseconds after a time has come.
		moment := time.Now().Add(time.Second + time.Duration(rand.IntN(1000))*time.Millisecond)
		if life%2 == 0 {
			moment = moment.Truncate(time.Second).Add(time.Second + time.Duration(rand.IntN(10_000))*time.Microsecond)
		}
		<-time.After(time.Until(moment))
		s.signal(syscall.SIGKILL)
		s.exitCode()
		ended[life] = time.Now()
		if life == lives/2 {
			<-time.After(3 * time.Second) // for nobody to see two times come
		}
	}

	all := turns(t, dir, "tick")
	states := map[string]int{}
	has := map[time.Time]bool{}
	for _, turn := range all {
		states[turn.State]++
		has[turn.at] = true
		if turn.CreatedAt.Before(turn.at) {
			t.Errorf("job %d for %v was there at %v", turn.ID, turn.at, turn.CreatedAt)
		}
	}
	for life := range lives {
		var its []turn
		for _, turn := range all {
			if turn.CreatedAt.After(begun[life]) && turn.CreatedAt.Before(ended[life]) {
				its = append(its, turn)
			}
		}
		if len(its) == 0 {
			continue
		}
		for at := its[0].CreatedAt.Truncate(time.Second).Add(time.Second); !at.After(its[len(its)-1].at); at = at.Add(time.Second) {
			if !has[at] {
				t.Errorf("%v has no job, though a supervisor ran from %v to %v", at, begun[life], ended[life])
			}
		}
	}
	missed := int(all[len(all)-1].at.Sub(all[0].at)/time.Second) + 1 - len(all)
	if n := effects(t, log)["tick"]; n > len(all) || n < states["succeeded"] || states["queued"]+states["running"] > 0 || len(all) < lives || missed == 0 {
		t.Errorf("%d runs of %d jobs: %v; %d times were missed", n, len(all), states, missed)
	}
	t.Logf("%d jobs: %v; %d times were missed", len(all), states, missed)
}

func TestASlowJobHasItsTimesSkippedOrWaiting(t *testing.T) {
	log := filepath.Join(t.TempDir(), "effects")
	dir := filepath.Join(t.TempDir(), "state")
	s := start(t, dir, "--min-workers", "4", "--max-workers", "4", "testdata/worker.py")
	c := s.client()
	for _, overlap := range []string{"skip", "queue"} {
		_, err := c.PutSchedule(t.Context(), whipper.SchedulePutParams{
			Name: overlap, Spec: "* * * * * *", Overlap: overlap, Method: "effect", Params: raw(t, log, overlap, 2.2),
		})
		check(t, err)
	}
	eventually(t, "both have had two jobs", func() bool {
		for _, overlap := range []string{"skip", "queue"} {
			done := 0
			for _, turn := range turns(t, dir, overlap) {
				if turn.State == "succeeded" {
					done++
				}
			}
			if done < 2 {
				return false
			}
		}
		return true
	})
	list, err := c.Schedules(t.Context(), whipper.ScheduleListParams{})
	check(t, err)
	waits, skips := list.Schedules[0], list.Schedules[1]
	if waits.WaitingAt == nil || waits.Skipped != 0 || skips.WaitingAt != nil || skips.Skipped < 2 {
		t.Errorf("waits: %+v\nskips: %+v", waits, skips)
	}
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for overlap, step := range map[string]time.Duration{"skip": 2 * time.Second, "queue": time.Second} {
		all := turns(t, dir, overlap)
		for i := 1; i < len(all); i++ {
			before, turn := all[i-1], all[i]
			if before.FinishedAt == nil || turn.StartedAt != nil && turn.StartedAt.Before(before.FinishedAt.Time) {
				t.Errorf("%s: job %d ran from %v, and the one before until %v", overlap, turn.ID, turn.StartedAt, before.FinishedAt)
			}
			if got := turn.at.Sub(before.at); overlap == "queue" && got != step || overlap == "skip" && got < step {
				t.Errorf("%s: %v lies between two of its times", overlap, got)
			}
		}
	}
}
