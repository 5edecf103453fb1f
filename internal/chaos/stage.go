package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// patience bounds every wait for something that must happen.
const patience = 60 * time.Second

// answered bounds how long a client waits for an answer. A call may stand behind many others of a method that runs one at a time.
const answered = 5 * patience

// stage is a state folder, the supervisors that live on it one after the other, and the clients that come to them.
type stage struct {
	name      string
	dir       string
	kinds     []kind   // of workers, a pool each. One: whipper exec; several: whipper serve
	workers   int      // of each pool
	binaries  []string // builds of whipper
	jumps     bool     // the clock of one of the builds jumps
	old       bool     // its supervisor is never ended, and is measured
	o         options
	stream    uint64
	books     *books
	languages languages

	disk    *disk
	told    bell // of each acknowledgement
	samples samples
	totals  totals
	seen    int64 // bytes of effects that have been looked at

	mu     sync.Mutex
	deaths []death
}

func (s *stage) state() string   { return filepath.Join(s.dir, "disk", "state") }
func (s *stage) temp() string    { return filepath.Join(s.dir, "tmp") }
func (s *stage) effects() string { return filepath.Join(s.dir, "effects") }

// random gives a source of random numbers that depends on the seed, the stage and whoever asks.
func (s *stage) random(who ...uint64) *rand.Rand {
	stream := s.stream
	for _, n := range who {
		stream = stream<<12 | n
	}
	return rand.New(rand.NewPCG(s.o.seed, stream))
}

// How a supervisor ends.
type ending string

const (
	drained  ending = "SIGTERM"
	murdered ending = "SIGKILL"
)

// run has rounds until it is time.
func (s *stage) run(ctx context.Context, until time.Time, log io.Writer) {
	if err := s.play(ctx, until); err != nil && ctx.Err() == nil {
		s.books.violation("%v", err)
	}
	for _, pid := range s.ours() { // what workers of a supervisor that was given up have left behind
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
	if s.disk != nil {
		if err := s.disk.unmount(s.books.failed() || s.o.keep); err != nil {
			fmt.Fprintln(log, "chaos:", err)
		}
	}
}

func (s *stage) play(ctx context.Context, until time.Time) (err error) {
	if err := os.MkdirAll(s.temp(), 0o700); err != nil {
		return err
	}
	size := max(diskAtLeast, int64(s.o.round.Seconds()*diskRate))
	if s.old {
		size = 0
	}
	if s.disk, err = newDisk(filepath.Dir(s.state()), size); err != nil {
		return err
	}
	watched, unwatch := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer unwatch()
	var r round
	for n := uint64(1); ctx.Err() == nil && (n == 1 || time.Until(until) > s.o.round/3); n++ {
		if s.o.sign != "" && s.books.said(s.o.sign) != "" {
			break
		}
		if r, err = s.newRound(n, r.life); err == nil && r.life == nil {
			r.life, err = s.begin(ctx, r.chance)
		}
		if err == nil && s.old && n == 1 {
			l := r.life
			watching.Go(func() { l.watch(watched, max(s.o.duration/400, time.Second)) })
		}
		if err == nil {
			end := time.Now().Add(s.o.round)
			if end.After(until) || until.Sub(end) < s.o.round/3 {
				end = until
			}
			err = r.run(ctx, end)
		}
		if err != nil {
			if r.life != nil {
				r.life.abandon()
			}
			return err
		}
		s.books.add("rounds", 1)
	}
	unwatch()
	watching.Wait()
	if grown := s.samples.flat(); grown != "" {
		s.books.violation("%s over the life of one supervisor", grown)
	}
	if r.life != nil {
		return r.life.stop()
	}
	return nil
}

// begin has the next supervisor: of one of the builds, with other settings. In an old stage it is the only one.
func (s *stage) begin(ctx context.Context, chance *rand.Rand) (*life, error) {
	l, err := s.start(ctx, s.binaries[chance.IntN(len(s.binaries))], draw(chance, s.workers))
	if err == nil {
		s.books.add("supervisors", 1)
	}
	return l, err
}

// stop ends a supervisor at rest.
func (l *life) stop() error {
	defer l.abandon()
	if !l.end(drained) || !l.nothingRuns(drained) {
		return errors.New("the supervisor has not ended as it should")
	}
	return nil
}

// death is that of a supervisor by SIGKILL.
type death struct {
	began, killed time.Time
	over          time.Time // no worker of its lived any more; zero: one may
}

// murder notes that the supervisor gets SIGKILL now.
func (l *life) murder() {
	l.books.add("supervisors SIGKILLed", 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaths = append(l.deaths, death{began: l.began, killed: time.Now()})
}

// bury notes that the workers of the supervisor that got SIGKILL have ended.
func (s *stage) bury() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaths[len(s.deaths)-1].over = time.Now()
}

// writtenBehind bounds how long the start or the outcome of a run may be in memory only.
const writtenBehind = 5 * time.Second

// unwritten says whether what happened then may not be on record, as no promise is made for it: a supervisor was killed soon after, or
// could not write from soon after until it was.
func (s *stage) unwritten(at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.deaths {
		if at.After(d.began) && (d.over.IsZero() || at.Before(d.over)) && at.After(s.disk.fullSince(d.killed).Add(-writtenBehind)) {
			return true
		}
	}
	return false
}

// sweep waits until every job has ended, and gives how many there are. It gives up when nothing moves any more.
func (l *life) sweep(ctx context.Context) (jobs int64, err error) {
	var last string
	moved := time.Now()
	for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		pools, err := l.client.Pools(ctx)
		if err != nil {
			return 0, fmt.Errorf("list pools: %w", err)
		}
		open, now := int64(0), ""
		jobs = 0
		for _, p := range pools.Pools {
			open += p.Jobs["queued"] + p.Jobs["running"]
			now += fmt.Sprint(p.Name, p.Jobs)
			for _, n := range p.Jobs {
				jobs += n
			}
		}
		if open == 0 {
			return jobs, nil
		}
		if now != last {
			last, moved = now, time.Now()
		}
		if time.Since(moved) > l.o.stuck {
			for _, state := range []string{"running", "queued"} {
				list, _ := l.client.List(ctx, whipper.ListParams{State: state, Limit: 3})
				for _, j := range list.Jobs {
					l.books.violation("job %d of pool %s, %s, is %s and does not come to an end: created %s, to run %s, %d attempts charged, pid %d", j.ID, j.Pool, j.Method,
						j.State, j.CreatedAt.Format(clock), j.RunAt.Format(clock), j.Attempt, pidOf(j))
				}
			}
			_ = l.cmd.Process.Signal(syscall.SIGQUIT)
			return 0, fmt.Errorf("nothing has moved for %s, and there are jobs that have not ended: %s", l.o.stuck, now)
		}
	}
	return 0, ctx.Err()
}

func pidOf(j whipper.Job) int {
	if n := len(j.Attempts); n > 0 {
		return j.Attempts[n-1].PID
	}
	return 0
}
