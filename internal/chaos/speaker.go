package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// speaker is a client in one of the languages: it asks the supervisor by its SDK. Many may speak at once.
type speaker interface {
	language() string
	speak(ctx context.Context, q ask) answer
	close() error
	abandon() // when nothing answers any more
}

// ask is something that a client is told to ask for.
type ask struct {
	ID            int64                  `json:"id"`
	Do            string                 `json:"do"` // submit, batch, invoke, wait, cancel, retry, request
	Job           *whipper.SubmitParams  `json:"job,omitempty"`
	Jobs          []whipper.SubmitParams `json:"jobs,omitempty"`
	Call          *whipper.InvokeParams  `json:"call,omitempty"`
	CancelAfterMs int64                  `json:"cancelAfterMs,omitempty"`
	IDs           []int64                `json:"ids,omitempty"`
	TimeoutMs     int64                  `json:"timeoutMs,omitempty"`
	Method        string                 `json:"method,omitempty"`
	Params        json.RawMessage        `json:"params,omitempty"`
}

// answer is what came of it.
type answer struct {
	ID        int64           `json:"id"`
	IDs       []int64         `json:"ids"`
	Duplicate bool            `json:"duplicate"`
	Result    json.RawMessage `json:"result"`
	Job       int64           `json:"job"` // of a call, where the SDK tells
	Jobs      []struct {
		ID    int64
		State string
	} `json:"jobs"`
	Error *failure `json:"error"`
}

type failure struct {
	Type    string `json:"type"`
	Code    int64  `json:"code"`
	Message string `json:"message"`
	Own     bool   `json:"own"` // whipper's, not a worker's
}

func (f *failure) Error() string { return fmt.Sprintf("%s %d: %s", f.Type, f.Code, f.Message) }

// unknowns are errors, in any of the languages, after which nobody knows whether a request took effect.
var unknowns = map[string]bool{
	"UnknownOutcomeError": true, "ConnectionLostError": true, "DisconnectedError": true, "NoSupervisorError": true, "ClosedError": true,
	"ShuttingDownError": true,
}

// What there is in place of an answer.
const (
	silence = "silence" // nothing for a long time
	gone    = "gone"    // the client itself has ended
)

// unknown says whether the request may have been taken or not.
func (f *failure) unknown() bool {
	return f.Own && unknowns[f.Type] || f.Type == silence || f.Type == gone
}

// called off says whether it was the client itself that called it off.
func (f *failure) calledOff() bool {
	return f.Type == "AbortError" || f.Type == "CancelledError" || f.Type == "context canceled"
}

// goSpeaker is the Go SDK's.
type goSpeaker struct{ *whipper.Client }

func newGoSpeaker(ctx context.Context, dir string) (speaker, error) {
	c, err := whipper.Dial(ctx, whipper.Options{Dir: dir})
	return goSpeaker{c}, err
}

func (goSpeaker) language() string { return "go" }
func (g goSpeaker) close() error   { return g.Close() }
func (g goSpeaker) abandon()       { _ = g.Close() }

func (g goSpeaker) speak(ctx context.Context, q ask) (a answer) {
	ctx, cancel := context.WithTimeout(ctx, answered)
	defer cancel()
	err := g.try(ctx, q, &a)
	if err != nil {
		a.Error = asFailure(err)
	}
	return a
}

func (g goSpeaker) try(ctx context.Context, q ask, a *answer) (err error) {
	switch q.Do {
	case "submit":
		r, err := g.Submit(ctx, *q.Job)
		a.IDs, a.Duplicate = []int64{r.ID}, r.Duplicate
		return err
	case "batch":
		r, err := g.SubmitBatch(ctx, whipper.SubmitBatchParams{Jobs: q.Jobs})
		a.IDs = r.IDs
		return err
	case "invoke":
		if q.CancelAfterMs > 0 {
			called, off := context.WithCancel(ctx)
			timer := time.AfterFunc(time.Duration(q.CancelAfterMs)*time.Millisecond, off)
			defer timer.Stop()
			ctx = called
		}
		var meta whipper.ResponseMeta
		a.Result, meta, err = g.Invoke(ctx, *q.Call)
		a.Job = meta.Job
		return err
	case "wait":
		r, err := g.Wait(ctx, whipper.WaitParams{IDs: q.IDs, TimeoutMs: q.TimeoutMs})
		for _, j := range r.Jobs {
			a.Jobs = append(a.Jobs, struct {
				ID    int64
				State string
			}{j.ID, j.State})
		}
		return err
	case "cancel":
		_, err = g.Cancel(ctx, whipper.CancelJobsParams{IDs: q.IDs})
		return err
	case "retry":
		_, err = g.Retry(ctx, whipper.RetryJobsParams{IDs: q.IDs})
		return err
	case "request":
		return g.request(ctx, q)
	}
	return fmt.Errorf("nobody can %s", q.Do)
}

func (g goSpeaker) request(ctx context.Context, q ask) error {
	if q.Method != "schedule.put" {
		return fmt.Errorf("nobody can ask for %s", q.Method)
	}
	var p whipper.SchedulePutParams
	if err := json.Unmarshal(q.Params, &p); err != nil {
		return err
	}
	_, err := g.PutSchedule(ctx, p)
	return err
}

func asFailure(err error) *failure {
	f := &failure{Type: strings.TrimPrefix(fmt.Sprintf("%T", err), "*whipper."), Message: err.Error(), Own: true}
	var call *whipper.CallError
	var e *whipper.Error
	switch {
	case errors.As(err, &call):
		f.Own = !call.FromWorker()
		f.Type, f.Code = call.Err.Type(), call.Err.Code
	case errors.As(err, &e):
		f.Type, f.Code = e.Type(), e.Code
	case errors.Is(err, whipper.ErrClosed):
		f.Type = "ClosedError"
	case errors.Is(err, context.DeadlineExceeded):
		f.Type = silence
	case errors.Is(err, context.Canceled):
		f.Type = "context canceled"
	}
	return f
}
