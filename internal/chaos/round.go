package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// round is a part of a stage: trouble, then peace, in which all comes to an end and is held against the history.
type round struct {
	*stage
	number   uint64
	life     *life // nil: there is none yet, or any more
	chance   *rand.Rand
	history  *history
	file     *os.File
	visitors []*visitor
	deafen   []func() // ends the subscriptions
	before   measures // of an old supervisor, at rest
}

func (s *stage) newRound(n uint64, l *life) (round, error) {
	file, err := os.OpenFile(filepath.Join(s.dir, "history"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return round{life: l}, err
	}
	return round{stage: s, number: n, life: l, chance: s.random(n, 0), file: file, history: newHistory(file)}, nil
}

func (r *round) run(ctx context.Context, end time.Time) (err error) {
	defer r.file.Close() // it is for people
	if !r.life.whole(ctx) {
		return fmt.Errorf("round %d: the supervisor does not come to rest", r.number)
	}
	if r.old {
		r.before = r.life.measure()
	}
	r.hear(ctx)
	if err := r.connect(ctx); err != nil {
		return err
	}
	open, closing := context.WithCancel(ctx)
	defer closing()
	var visits sync.WaitGroup
	for _, v := range r.visitors {
		visits.Go(func() { v.visit(open) })
	}
	err = r.trouble(ctx, end)
	closing()
	if err != nil {
		for _, v := range r.visitors { // they would wait in vain
			v.abandon()
		}
		return err
	}
	life := r.life
	calm, over := context.WithTimeout(ctx, peacemaking)
	defer over()
	life.repair(calm)
	visits.Wait()
	if err = r.peace(calm); calm.Err() != nil && ctx.Err() == nil {
		r.books.violation("round %d: no peace within %s: %v; see the dump in the log", r.number, peacemaking, err)
		_ = life.cmd.Process.Signal(syscall.SIGQUIT)
		time.Sleep(time.Second)
	}
	return err
}

// peacemaking bounds the end of a round as a whole, the last answers to its clients included. Most take some seconds.
const peacemaking = answered + 3*patience

// hear has the life's events noted.
func (r *round) hear(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	done := r.life.follow(ctx, r.history)
	r.deafen = append(r.deafen, func() {
		cancel()
		<-done
	})
}

// connect has clients in all languages come.
func (r *round) connect(ctx context.Context) error {
	stderr, err := os.OpenFile(filepath.Join(r.dir, "clients"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer stderr.Close() // the programs have it
	for i, language := range []string{"go", "node", "python"} {
		var client speaker
		if language == "go" {
			client, err = newGoSpeaker(ctx, r.state())
		} else {
			client, err = r.languages.start(language, r.state(), stderr)
		}
		if err != nil {
			return err
		}
		r.visitors = append(r.visitors, &visitor{
			stage: r.stage, speaker: client, history: r.history, chance: r.random(r.number, 1, uint64(i)),
			mark: fmt.Sprintf("%s-%s-%d", r.name, language, r.number),
		})
	}
	return nil
}

// trouble is one life after the other, with a vandal in each; the last life is still there.
func (r *round) trouble(ctx context.Context, end time.Time) (err error) {
	for n := uint64(1); ctx.Err() == nil && time.Now().Before(end); n++ {
		span := time.Duration(float64(r.o.life) * (0.5 + r.chance.Float64()))
		if r.old {
			span = time.Until(end)
		}
		during, over := context.WithTimeout(ctx, span)
		var vandals sync.WaitGroup
		vandals.Go(func() { r.life.vandalise(during, r.random(r.number, 2, n)) })
		vandals.Go(func() { r.life.babble(during, r.random(r.number, 3, n)) })
		<-during.Done()
		over()
		if r.old {
			vandals.Wait()
			return ctx.Err()
		}
		how := drained
		if r.chance.IntN(5) < 3 {
			how = murdered
		}
		if how == murdered && r.chance.IntN(2) == 0 { // the moment a client hears that a job is on disk
			select {
			case <-r.told.heard():
			case <-time.After(time.Second):
			}
		}
		if how == drained {
			r.books.add("supervisors SIGTERMed", 1)
			vandals.Wait() // or one fills the disk, on which outcomes are lost then, as the exit code says
		}
		ok := r.life.end(how)
		vandals.Wait()
		r.disk.free()
		ok = ok && r.life.nothingRuns(how)
		if ok && how == murdered {
			r.bury()
		}
		r.life.abandon()
		if !ok {
			r.life = nil
			return fmt.Errorf("round %d: a supervisor has not ended as it should", r.number)
		}
		if r.life, err = r.begin(ctx, r.chance); err != nil {
			return err
		}
		r.hear(ctx)
	}
	return ctx.Err()
}

// peace lets all come to an end, and holds the ledger, the history, the events and the effects against each other.
func (r *round) peace(ctx context.Context) error {
	for _, v := range r.visitors {
		if err := v.close(); err != nil && ctx.Err() == nil {
			r.books.violation("%v", err)
		}
	}
	if err := r.deleteSchedules(ctx); err != nil {
		return err
	}
	jobs, err := r.life.sweep(ctx)
	if err != nil {
		return err
	}
	if !r.life.whole(ctx) {
		return fmt.Errorf("round %d: the supervisor does not come to rest", r.number)
	}
	if r.old {
		r.history.events.hear(jobs)
	}
	for _, end := range r.deafen {
		end()
	}
	if r.old {
		r.life.compare(r.before)
	}
	r.life.balance(ctx)
	if err := r.audit(ctx); err != nil {
		return err
	}
	if err := r.prune(ctx); err != nil || r.old {
		return err
	}
	err = r.life.stop()
	r.life = nil
	return err
}

func (r *round) deleteSchedules(ctx context.Context) error {
	list, err := r.life.client.Schedules(ctx, whipper.ScheduleListParams{})
	if err != nil {
		return fmt.Errorf("list schedules: %w", err)
	}
	var names []string
	for _, s := range list.Schedules {
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return nil
	}
	_, err = r.life.client.DeleteSchedules(ctx, whipper.ScheduleDeleteParams{Names: names})
	return err
}

// prune takes all jobs off the ledger, so that the next round begins with none.
func (r *round) prune(ctx context.Context) error {
	for {
		soon := whipper.Time{Time: time.Now().Add(time.Hour)}
		n, err := r.life.client.Prune(ctx, whipper.PruneJobsParams{Filter: &whipper.PruneFilter{EndedBefore: &soon}})
		if err != nil {
			return fmt.Errorf("prune: %w", err)
		}
		if n.Count == 0 {
			return nil
		}
	}
}

// balance holds a pool's counters against each other, with the pool at rest.
func (l *life) balance(ctx context.Context) {
	for _, k := range l.kinds {
		stats, err := l.client.Stats(ctx, whipper.PoolParams{Pool: k.name})
		if err != nil {
			l.books.violation("stats: %v", err)
			continue
		}
		if s := stats.Workers; s.ForkCount != s.ExitCount+int64(stats.ProcessCount) {
			l.books.violation("pool %s: %d processes were started, %d have ended, and %d live: %+v", k.name, s.ForkCount, s.ExitCount, stats.ProcessCount, stats)
		}
		l.books.add("processes", stats.Workers.ForkCount)
	}
}
