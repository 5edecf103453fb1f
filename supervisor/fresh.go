package supervisor

import (
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

// committed takes note of jobs that are on disk from now on. It runs on the ledger's goroutine, right after their commit.
func (p *Pool) committed(jobs []ledger.Job) {
	p.tellSubmitted(jobs)
	p.mu.Lock()
	defer p.mu.UnlockSoon()
	taken := p.takeFresh(jobs)
	if taken == len(jobs) {
		return
	}
	highest := ledger.MinPriority
	for i := range jobs[taken:] {
		job := &jobs[taken+i]
		highest = max(highest, job.Priority)
		p.overlooked(job.Position())
		if at := job.ExpiresAt; !at.IsZero() && (p.dueAt.IsZero() || at.Before(p.dueAt)) {
			p.overdue = true // or will be, and the claimer has to know when
		}
	}
	p.lookFurther(highest)
	p.expireMore()
}

// takeFresh takes the first of some jobs into the window as they come from their commit, and says how many: the claimer need not read
// them. It takes none where the ledger may have others that come before them; mu is held.
func (p *Pool) takeFresh(jobs []ledger.Job) (taken int) {
	if !p.exhausted || p.claiming || p.phase == poolDraining || !inOrder(jobs) {
		return 0
	}
	now := time.Now()
	bytes, room := 0, min(p.windowSize()-p.window.Len(), len(jobs))
	for taken < room && p.window.bytes < windowBytes && isPlain(&jobs[taken], now) {
		if c := p.adopt(jobs[taken]); c != nil {
			p.enqueue(c)
		}
		bytes += len(jobs[taken].Params)
		taken++
	}
	if taken == 0 {
		return 0
	}
	p.jobBytes = bytes / taken
	if jobs[taken-1].Position().Compare(p.seen) > 0 {
		p.seen = jobs[taken-1].Position()
	}
	p.trim()
	p.dispatch()
	return taken
}

// inOrder says whether the jobs are to run in the order in which they are.
func inOrder(jobs []ledger.Job) bool {
	return slices.IsSortedFunc(jobs, func(a, b ledger.Job) int { return a.Position().Compare(b.Position()) })
}

// isPlain says whether a job may run now and at any time after.
func isPlain(job *ledger.Job, now time.Time) bool {
	return !job.RunAt.After(now) && job.ExpiresAt.IsZero()
}
