package main

import (
	"encoding/json"
	"os"
	"sync"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// outcome is what a client knows of what it asked for.
type outcome string

const (
	acknowledged outcome = "acknowledged" // a job is on disk
	succeeded    outcome = "succeeded"    // a call
	failed       outcome = "failed"       // a call
	refused      outcome = "refused"      // it has no effect
	unknown      outcome = "unknown"      // it may have been taken or not
)

// deed is what a client asked for, under a name that nothing else has, and what it was told.
type deed struct {
	Name           string
	Client         string
	Do             string // submit, invoke, schedule
	Pool, Method   string
	Delivery       string
	Key            string // of idempotency
	ConcurrencyKey string
	MaxAttempts    int
	Asked, Told    time.Time
	Outcome        outcome
	ID             int64  // 0: not told
	Token          string // in the result of a call
	Why            string // of what is not as it was asked for
}

func submitting(client string, p whipper.SubmitParams, name string) *deed {
	if p.Delivery == "" {
		p.Delivery = "at-least-once"
	}
	return &deed{
		Name: name, Client: client, Do: "submit", Pool: p.Pool, Method: p.Method, Delivery: p.Delivery, Key: p.IdempotencyKey,
		ConcurrencyKey: p.ConcurrencyKey, MaxAttempts: p.MaxAttempts,
	}
}

// history is all that the clients of a stage asked for in one round. It is in a file too, for whoever looks for the cause of a violation.
type history struct {
	mu      sync.Mutex
	file    *os.File
	deeds   map[string]*deed
	states  map[int64]string // of jobs, as a wait was answered
	retried map[int64]int    // how often a retry by command was asked for
	events  events
}

func newHistory(file *os.File) *history {
	nobody := &deed{Name: "nobody", Client: "babbling", Do: babbled, Method: "hang", MaxAttempts: 1, Outcome: unknown}
	return &history{
		file: file, deeds: map[string]*deed{nobody.Name: nobody}, states: map[int64]string{}, retried: map[int64]int{}, events: newEvents(),
	}
}

// ask notes what is about to be asked for. Until somebody tells more of it, its outcome is unknown.
func (h *history) ask(deeds ...*deed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range deeds {
		d.Asked, d.Outcome = time.Now().UTC(), unknown
		h.deeds[d.Name] = d
	}
}

// tell notes what a client was told.
func (h *history) tell(d *deed, o outcome, id int64, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d.Told, d.Outcome, d.ID, d.Why = time.Now().UTC(), o, id, why
	line, _ := json.Marshal(d)              // it has a form
	_, _ = h.file.Write(append(line, '\n')) // for people; the check does not read it
}

// retry notes that jobs may be run again, though they had ended.
func (h *history) retry(ids ...int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		h.retried[id]++
	}
}

// saw notes the state in which somebody who waited found a job.
func (h *history) saw(id int64, state string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states[id] = state
}

// since is when something was asked for.
func (h *history) since(d *deed) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return d.Asked
}
