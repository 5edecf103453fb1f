package main

import (
	"context"
	"sync/atomic"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// watching is a subscription that counts.
type watching struct {
	l       *life
	cancel  context.CancelFunc
	done    chan struct{}
	forked  int64 // before it began, -1: not known
	ended   int64 // the same
	created atomic.Int64
	exited  atomic.Int64
	more    chan struct{} // holds one token when one of these has changed
	lost    atomic.Int64
	final   map[int64]string // the state in which a job ended
}

// watchEvents counts processes, and looks whether any job ends twice.
func (l *life) watchEvents(ctx context.Context) *watching {
	ctx, cancel := context.WithCancel(ctx)
	w := &watching{l: l, cancel: cancel, done: make(chan struct{}), more: make(chan struct{}, 1), final: map[int64]string{}}
	before, err := l.client.Stats(ctx, whipper.PoolParams{})
	if err != nil {
		l.books.violation("stats: %v", err)
	}
	events, err := l.client.Events(ctx, whipper.EventFilter{Types: []string{
		whipper.EventProcessCreated, whipper.EventProcessExited,
		whipper.EventJobSucceeded, whipper.EventJobFailed, whipper.EventJobCancelled, whipper.EventJobDropped,
	}})
	if err != nil {
		l.books.violation("subscribe: %v", err)
		close(w.done)
		return w
	}
	after, err := l.client.Stats(ctx, whipper.PoolParams{})
	if err != nil {
		l.books.violation("stats: %v", err)
	}
	w.forked, w.ended = after.Workers.ForkCount, after.Workers.ExitCount
	if before.Workers != after.Workers { // jobs of the life before are at work
		w.forked = -1
	}
	go func() {
		defer close(w.done)
		for e, err := range events {
			if err != nil {
				return // the supervisor has ended, or stop was called
			}
			w.lost.Add(e.Lost)
			switch {
			case e.Type == whipper.EventProcessCreated:
				w.created.Add(1)
			case e.Type == whipper.EventProcessExited:
				w.exited.Add(1)
			case e.Job != nil:
				if before, twice := w.final[e.Job.ID]; twice {
					l.books.violation("job %d ended as %s and then as %s", e.Job.ID, before, e.Job.State)
				}
				w.final[e.Job.ID] = e.Job.State
			}
			select {
			case w.more <- struct{}{}:
			default:
			}
		}
	}()
	return w
}

func (w *watching) stop() {
	w.cancel()
	<-w.done
}

// balance holds the counters against each other and against the events, with the pool at rest.
func (w *watching) balance(ctx context.Context) {
	stats, err := w.l.client.Stats(ctx, whipper.PoolParams{})
	if err != nil {
		w.l.books.violation("stats: %v", err)
	}
	s := stats.Workers
	forks, exits := s.ForkCount-w.forked, s.ExitCount-w.ended
	late := time.After(patience)
	for waits := w.forked >= 0; waits && w.lost.Load() == 0 && (w.created.Load() < forks || w.exited.Load() < exits); { // the last events are on their way
		select {
		case <-w.more:
		case <-w.done:
			waits = false
		case <-late:
			waits = false
		}
	}
	w.stop()
	if s.ForkCount != s.ExitCount+workers || stats.ProcessCount != workers {
		w.l.books.violation("%d processes were started, %d have ended, and %d live: %+v", s.ForkCount, s.ExitCount, workers, stats)
	}
	if created, exited := w.created.Load(), w.exited.Load(); w.lost.Load() == 0 && w.forked >= 0 && (created != forks || exited != exits) {
		w.l.books.violation("events tell of %d starts and %d ends, the counters of %d and %d", created, exited, forks, exits)
	}
	w.l.books.add("processes", s.ForkCount)
	w.l.books.add("events lost", w.lost.Load())
}
