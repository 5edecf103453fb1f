package supervisor

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
)

// progressWaits are those who wait for jobs and want to hear how far these are.
type progressWaits struct {
	count atomic.Int64 // of entries in byJob

	mu    sync.Mutex
	byJob map[int64][]*progressWait
}

type progressWait struct {
	tell func(job int64, value json.RawMessage)
}

// WatchProgress calls tell with what workers say about the jobs, from the workers' goroutines, which it must not block, until stop is
// called; a call that is under way then may still end.
func (e *Events) WatchProgress(jobs []int64, tell func(job int64, value json.RawMessage)) (stop func()) {
	if e == nil {
		return func() {}
	}
	w := &progressWait{tell}
	ws := &e.waits
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.byJob == nil {
		ws.byJob = map[int64][]*progressWait{}
	}
	jobs = slices.Compact(slices.Sorted(slices.Values(jobs)))
	for _, id := range jobs {
		ws.byJob[id] = append(ws.byJob[id], w)
	}
	ws.count.Store(int64(len(ws.byJob)))
	return func() {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		for _, id := range jobs {
			rest := slices.DeleteFunc(slices.Clone(ws.byJob[id]), func(other *progressWait) bool { return other == w })
			if len(rest) == 0 {
				delete(ws.byJob, id)
			} else {
				ws.byJob[id] = rest
			}
		}
		ws.count.Store(int64(len(ws.byJob)))
	}
}

// tellWaits hands a job's progress to those who wait for it.
func (e *Events) tellWaits(job int64, value json.RawMessage) {
	if e == nil || e.waits.count.Load() == 0 {
		return
	}
	e.waits.mu.Lock()
	waits := e.waits.byJob[job] // stop replaces it, and others add behind its end
	e.waits.mu.Unlock()
	for _, w := range waits {
		w.tell(job, value)
	}
}
