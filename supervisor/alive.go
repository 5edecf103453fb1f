package supervisor

import (
	"context"
	"fmt"
)

// Responds waits until the pool can take a decision, which it can at once unless something holds its lock. An error says that ctx
// has ended first.
func (p *Pool) Responds(ctx context.Context) error {
	if !p.lockBefore(ctx) {
		return fmt.Errorf("the lock of pool %q is held: %w", p.name, ctx.Err())
	}
	p.mu.Unlock()
	return nil
}

// lockBefore takes the lock unless ctx ends first.
func (p *Pool) lockBefore(ctx context.Context) bool {
	locked := make(chan struct{})
	go func() { // ends when whoever holds the lock lets go of it
		p.mu.Lock()
		select {
		case locked <- struct{}{}:
		case <-ctx.Done():
			p.mu.Unlock()
		}
	}()
	select {
	case <-locked:
		return true
	case <-ctx.Done():
		return false
	}
}
