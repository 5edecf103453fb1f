package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// How often the memory of a pool's processes is measured, where it has a limit. Nothing tells when a process grows.
const (
	measureBusy = 250 * time.Millisecond // while a call runs
	measureIdle = 5 * time.Second
)

// watchMemory is the goroutine that holds processes to MaxRSS and MaxRSSHard.
func (p *Pool) watchMemory(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.limitWake:
		}
		if again := p.measure(); again > 0 {
			timer.Reset(again)
		}
	}
}

// wakeMemory has the memory looked at now. It never blocks.
func (p *Pool) wakeMemory() {
	select {
	case p.limitWake <- struct{}{}:
	default:
	}
}

// measure looks once, and says when to look again; 0 where there is no limit to hold anything to.
func (p *Pool) measure() time.Duration {
	p.mu.Lock()
	soft, hard := p.opts.MaxRSS, p.opts.MaxRSSHard
	again := measureIdle
	p.dozing = soft > 0 || hard > 0
	var pids []int
	for _, w := range p.seats {
		if w.seat.pid != 0 {
			pids = append(pids, w.seat.pid)
		}
		if w.seat.taken > 0 {
			again, p.dozing = measureBusy, false
		}
	}
	p.mu.Unlock()
	if soft == 0 && hard == 0 {
		return 0
	}
	heavy := heavierThan(pids, leastOf(soft, hard))
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.seats {
		held, measured := heavy[w.seat.pid]
		switch {
		case !measured:
		case hard > 0 && held > hard:
			w.tell(command{kind: overweight, pid: w.seat.pid, err: fmt.Errorf(
				"its processes hold %s of memory, more than --max-rss-hard %s", bytesText(held), bytesText(hard))})
		case soft > 0 && held > soft && w.seat.slots > 0:
			p.recycle(w, dueMemory)
			p.dispatch() // a call may have lost the worker that it was to have for itself
		}
	}
	return again
}

// heavierThan gives the process trees that hold more than limit bytes, and how many. A page that several processes of a tree share
// counts once, where the system tells.
func heavierThan(pids []int, limit int) map[int]int {
	heavy := map[int]int{}
	for pid, u := range usage(pids) {
		held := int(u.rss)
		if held > limit && u.processes > 1 {
			if n, known := sharedOnce(pid); known {
				held = int(n)
			}
		}
		if held > limit {
			heavy[pid] = held
		}
	}
	return heavy
}

// leastOf gives the lower of two limits, of which 0 is none.
func leastOf(a, b int) int {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

func bytesText(n int) string { return humanize.IBytes(uint64(n)) }

// tooHeavy kills a process that holds more memory than it may. Its calls end as in a crash.
func (w *worker) tooHeavy(pid int, why error) {
	if w.process == nil || w.process.pid != pid || w.hungUp != nil {
		return
	}
	switch w.state {
	case Forking, Processing, Flushing:
		w.log.Warn("worker is killed", "pid", pid, "reason", why)
		w.hungUp = why
		w.endFor(endTooHeavy)
		w.fire(onFault)
	}
}
