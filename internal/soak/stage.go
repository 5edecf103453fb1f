package main

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// workers is how many a pool has when nobody resizes it.
const workers = 4

// patience bounds every wait for something that must happen.
const patience = 60 * time.Second

// stage is one kind of worker: a state folder and the supervisors that live on it, one after the other.
type stage struct {
	binary string
	dir    string
	kind   kind
	o      options
	stream uint64
	books  *books
}

func newStage(binary, dir string, k kind, o options, stream uint64) *stage {
	return &stage{binary: binary, dir: dir, kind: k, o: o, stream: stream, books: newBooks()}
}

func (s *stage) state() string   { return filepath.Join(s.dir, "state") }
func (s *stage) temp() string    { return filepath.Join(s.dir, "tmp") }
func (s *stage) effects() string { return filepath.Join(s.dir, "effects") }

// random gives a source of random numbers that depends on the seed, the stage and whoever asks.
func (s *stage) random(who uint64) *rand.Rand {
	return rand.New(rand.NewPCG(s.o.seed, s.stream<<32|who))
}

// How a supervisor ends.
type ending string

const (
	atRest   ending = "at rest"   // nobody calls it any more
	drained  ending = "SIGTERM"   // under load
	murdered ending = "SIGKILL"   // under load
	swept    ending = "the sweep" // the last one: nothing goes wrong, and what is left is run
)

// run has one supervisor after the other until it is time, and a last one that is left in peace.
func (s *stage) run(ctx context.Context, until time.Time) {
	for _, dir := range []string{s.dir, s.temp()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			s.books.violation("create folder: %v", err)
			return
		}
	}
	chance := s.random(0)
	for life := uint64(1); ctx.Err() == nil; life++ {
		end := []ending{atRest, drained, murdered}[(life-1+s.stream)%3]
		span := time.Duration(float64(s.o.life) * (0.5 + chance.Float64()))
		if left := time.Until(until); left < s.o.life/2 {
			break
		} else if left < span+s.o.life/2 {
			span = left
		}
		if !s.live(ctx, life, span, end) {
			return
		}
	}
	if s.live(ctx, 0, 0, swept) {
		s.audit()
	}
}

// live is the life of one supervisor. False means that there is no point in going on.
func (s *stage) live(ctx context.Context, number uint64, span time.Duration, end ending) bool {
	s.books.add("lives", 1)
	l, err := s.start(ctx)
	if err != nil {
		s.books.violation("%v", err)
		return false
	}
	defer l.abandon()
	if l.client, err = whipper.Dial(ctx, whipper.Options{Dir: s.state(), Once: true}); err != nil {
		s.books.violation("connect: %v", err)
		return false
	}
	defer l.client.Close() // the supervisor may have closed it first
	if !l.whole(ctx) {
		return false
	}
	watching := l.watchEvents(ctx)
	before := l.measure()

	during, over := context.WithTimeout(ctx, span)
	defer over()
	var clients, vandal sync.WaitGroup
	if end != swept {
		for i := range uint64(2) {
			clients.Go(func() { l.invoke(during, s.random(number<<8|1<<4|i)) })
			clients.Go(func() { l.submit(during, s.random(number<<8|2<<4|i)) })
		}
		clients.Go(func() { l.babble(during, s.random(number<<8|3<<4)) })
		vandal.Go(func() { l.vandalise(during, s.random(number<<8|4<<4)) })
	}
	if end == drained || end == murdered {
		<-during.Done()
		ok := l.end(end)
		clients.Wait()
		vandal.Wait()
		watching.stop()
		return ok && l.nothingRuns(end)
	}
	vandal.Wait()
	l.repair(ctx)
	clients.Wait()
	if end == swept {
		l.sweep(ctx)
	}
	if !l.whole(ctx) {
		return false
	}
	l.compare(before)
	watching.balance(ctx)
	return l.end(end) && l.nothingRuns(end)
}
