package main

import (
	"context"
	"sync"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// events are what subscribers of a stage were told in a round.
type events struct {
	mu    sync.Mutex
	more  bell
	final map[int64][]string // in which states a job ended, in order
	lost  int64
}

func newEvents() events { return events{final: map[int64][]string{}} }

// hear waits until the ends of so many jobs have been told of, or cannot be.
func (e *events) hear(jobs int64) {
	late := time.After(patience)
	for {
		more := e.more.heard()
		e.mu.Lock()
		done := int64(len(e.final)) >= jobs || e.lost > 0
		e.mu.Unlock()
		if done {
			return
		}
		select {
		case <-more:
		case <-late:
			return // whose is missing is found out
		}
	}
}

// follow notes how jobs end, until the supervisor does. It returns when it is subscribed; the channel is closed when it has heard all.
func (l *life) follow(ctx context.Context, h *history) <-chan struct{} {
	done := make(chan struct{})
	all, err := l.client.Events(ctx, whipper.EventFilter{Types: []string{
		whipper.EventJobSucceeded, whipper.EventJobFailed, whipper.EventJobCancelled, whipper.EventJobDropped,
	}})
	if err != nil {
		l.books.violation("subscribe: %v", err)
		close(done)
		return done
	}
	go func() {
		defer close(done)
		for e, err := range all {
			if err != nil {
				return // the supervisor has ended
			}
			h.events.mu.Lock()
			h.events.lost += e.Lost
			h.events.final[e.Job.ID] = append(h.events.final[e.Job.ID], e.Job.State)
			h.events.mu.Unlock()
			h.events.more.ring()
			l.books.add("events", 1)
		}
	}()
	return done
}
