package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// Submit puts jobs into the ledger, all or none, and returns once they are on disk. Their Pool is set to this one. While the
// pool drains the error is a *jsonrpc.Error; the ledger's own errors pass through.
func (p *Pool) Submit(ctx context.Context, jobs []ledger.Job) ([]ledger.Submitted, error) {
	sent := p.traceSend(jobs)
	o, err := p.takeIn(jobs)
	if err != nil {
		sent.end(nil, err)
		return nil, err
	}
	submitted, err := p.ledger.SubmitWith(ctx, jobs, o)
	err = p.refused(len(jobs), err)
	sent.end(submitted, err)
	return submitted, err
}

// SubmitThen is Submit for who cannot wait. done is told once, maybe before SubmitThen returns and else on the ledger's goroutine, which it
// must not hold up. Jobs that the ledger has not begun to write after atMost are not written, and the error is context.DeadlineExceeded.
func (p *Pool) SubmitThen(jobs []ledger.Job, atMost time.Duration, done func([]ledger.Submitted, error)) {
	sent := p.traceSend(jobs)
	o, err := p.takeIn(jobs)
	if err != nil {
		sent.end(nil, err)
		done(nil, err)
		return
	}
	p.ledger.SubmitThen(jobs, o, atMost, func(submitted []ledger.Submitted, err error) {
		err = p.refused(len(jobs), err)
		sent.end(submitted, err)
		done(submitted, err)
	})
}

// takeIn makes jobs the pool's.
func (p *Pool) takeIn(jobs []ledger.Job) (o ledger.SubmitOptions, err error) {
	if err := p.open(); err != nil {
		return o, err
	}
	for i := range jobs {
		jobs[i].Pool = p.name
	}
	return ledger.SubmitOptions{Backlog: p.options().MaxBacklog, Committed: p.committed}, nil
}

// refused says of a submission that was refused for the backlog what is the matter. After any other error the jobs are looked for: a commit
// that fails may have reached the disk all the same.
func (p *Pool) refused(jobs int, err error) error {
	var full *ledger.BacklogError
	switch {
	case errors.As(err, &full):
		return jsonrpc.Errorf(jsonrpc.CodeQueueFull, "%d jobs may be queued, as --max-backlog says, and %s", full.Most, tooMany(jobs, full.Most))
	case err != nil:
		p.lookFor(ledger.MaxPriority)
	}
	return err
}

// tooMany says why jobs are refused: there is no room left, or there never was.
func tooMany(jobs, most int) string {
	switch {
	case jobs > most:
		return fmt.Sprintf("%d are more", jobs)
	case jobs > 1:
		return fmt.Sprintf("there is no room for %d more", jobs)
	}
	return "as many are"
}

// open says why nothing new is taken in, if so.
func (p *Pool) open() error {
	if err := p.writable(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase == poolDraining {
		return shuttingDown(p.name)
	}
	return nil
}

// writable says why the ledger is not, if so.
func (p *Pool) writable() error {
	if err := p.ledger.Err(); err != nil {
		return jsonrpc.Errorf(jsonrpc.CodeLedger, "the ledger cannot be written: %v", err)
	}
	return nil
}

// takesJobs says whether a job that is put on the ledger now will be looked for.
func (p *Pool) takesJobs() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.phase != poolDraining
}

// lookFor has the claimer look for jobs of up to this priority that somebody else has put on the ledger.
func (p *Pool) lookFor(priority int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lookAgain(priority)
}

func shuttingDown(pool string) *jsonrpc.Error {
	return jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "pool %q is shutting down", pool)
}

// admit queues an invoke and dispatches it if a slot is free. One that has to wait is put on record as queued.
func (p *Pool) admit(c *call, k *jsonrpc.Cork) error {
	p.mu.Lock()
	defer p.mu.UnlockWith(k)
	if p.phase == poolDraining {
		return shuttingDown(p.name)
	}
	if p.hopeless() {
		return p.degradedError()
	}
	if dropped, err := p.refuse(c); dropped || err != nil {
		return err
	}
	p.remember(c)
	p.invoked[c.job.ID] = c
	p.enqueue(c)
	p.dispatch()
	if c.worker == nil {
		c.onRecord = true
		p.jobEvent(jobQueued, &c.job, "")
		p.ledger.Insert(c.job, func(err error) {
			if err != nil {
				p.log.Error("queued call was not recorded", "job", c.job.ID, "error", err)
			}
		})
	}
	return nil
}

// remember has the claimer leave a job alone that is in memory; mu is held.
func (p *Pool) remember(c *call) {
	p.held[c.job.ID] = struct{}{}
	p.current[c.job.ID] = c
}
