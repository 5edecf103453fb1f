package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// visitor has a client ask for one thing after the other, up to some at once, and notes what came of each.
type visitor struct {
	*stage
	speaker
	chance  *rand.Rand // of whoever makes up the asks, one after the other
	mark    string     // of all its names
	names   int
	history *history

	mu   sync.Mutex
	jobs []int64 // some that were acknowledged not long ago
}

// atOnce is how many things a client asks for at once.
const atOnce = 8

// visit asks until ctx ends, and returns when all has been answered.
func (v *visitor) visit(ctx context.Context) {
	slots := make(chan struct{}, atOnce)
	for pause(ctx, v.chance, v.o.pace); ctx.Err() == nil; pause(ctx, v.chance, v.o.pace) {
		slots <- struct{}{}
		do := v.think()
		go func() {
			defer func() { <-slots }()
			do(context.WithoutCancel(ctx))
		}()
	}
	for range atOnce {
		slots <- struct{}{}
	}
}

// speak has the client ask. An answer that does not come is a violation: supervisors come back, and to a full disk there is an answer too.
func (v *visitor) speak(ctx context.Context, q ask) answer {
	a := v.speaker.speak(ctx, q)
	if a.Error != nil && a.Error.Type == silence {
		v.books.violation("the %s client: %s has not been answered: %+v", v.language(), q.Do, q)
	}
	return a
}

// think makes up what is asked for next.
func (v *visitor) think() func(context.Context) {
	switch n := v.chance.IntN(100); {
	case n < 36:
		return v.submit()
	case n < 46:
		return v.batch()
	case n < 76:
		return v.invoke()
	case n < 81:
		return v.steer("wait", "waits")
	case n < 87:
		return v.steer("cancel", "cancellations")
	case n < 93:
		return v.steer("retry", "retries by command")
	case n < 97:
		return v.impossible()
	default:
		return v.schedule()
	}
}

func (v *visitor) newTask() task {
	v.names++
	return newTask(v.chance, fmt.Sprintf("%s-%d", v.mark, v.names))
}

func (v *visitor) pool() string { return v.kinds[v.chance.IntN(len(v.kinds))].name }

// pause waits for up to twice a time.
func pause(ctx context.Context, chance *rand.Rand, mean time.Duration) {
	select {
	case <-time.After(time.Duration(chance.Int64N(int64(2 * mean)))):
	case <-ctx.Done():
	}
}
