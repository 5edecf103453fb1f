// Command client is the Go client's program; package matrix says how it is spoken to.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

type command struct {
	ID        int             `json:"id"`
	Do        string          `json:"do"`
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params"`
	TimeoutMs int64           `json:"timeoutMs"`
	CancelOn  string          `json:"cancelOn"`
	Job       int64           `json:"job"`
	Options   struct {
		IdempotencyKey string            `json:"idempotencyKey"`
		ConcurrencyKey string            `json:"concurrencyKey"`
		Labels         map[string]string `json:"labels"`
		Priority       int               `json:"priority"`
		MaxAttempts    int               `json:"maxAttempts"`
		DelayMs        int64             `json:"delayMs"`
		ExpiresIn      time.Duration     `json:"expiresInMs"`
		BackoffMs      int64             `json:"backoffMs"`
	} `json:"options"`
}

type answer struct {
	ID        int               `json:"id"`
	Result    json.RawMessage   `json:"result,omitempty"`
	Progress  []json.RawMessage `json:"progress,omitempty"`
	Job       int64             `json:"job,omitempty"`
	Duplicate *bool             `json:"duplicate,omitempty"`
	State     string            `json:"state,omitempty"`
	Attempt   int               `json:"attempt,omitempty"`
	Count     int               `json:"count,omitempty"`
	Error     *failure          `json:"error,omitempty"`
}

type failure struct {
	Type      string          `json:"type"`
	Condition bool            `json:"condition"`
	Message   string          `json:"message"`
	Code      int64           `json:"code"`
	Fields    json.RawMessage `json:"fields,omitempty"`
}

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	client, err := whipper.Dial(ctx, whipper.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	var mu sync.Mutex
	var all sync.WaitGroup
	defer all.Wait()
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var c command
		if err := json.Unmarshal(line, &c); err != nil {
			return err
		}
		all.Go(func() {
			a := serve(ctx, client, c)
			mu.Lock()
			defer mu.Unlock()
			_ = json.NewEncoder(out).Encode(a) // the test has ended
		})
	}
}

func serve(ctx context.Context, client *whipper.Client, c command) (a answer) {
	a.ID = c.ID
	var err error
	switch c.Do {
	case "invoke":
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		p := whipper.InvokeParams{Method: c.Method, Params: c.Params, TimeoutMs: c.TimeoutMs}
		a.Result, _, err = client.InvokeProgress(ctx, p, func(p whipper.ProgressUpdate) {
			a.Progress = append(a.Progress, p.Value)
			if c.CancelOn != "" {
				cancel()
			}
		})
	case "submit":
		p := whipper.SubmitParams{
			Method: c.Method, Params: c.Params, TimeoutMs: c.TimeoutMs, IdempotencyKey: c.Options.IdempotencyKey, Priority: c.Options.Priority,
			MaxAttempts: c.Options.MaxAttempts, DelayMs: c.Options.DelayMs, ConcurrencyKey: c.Options.ConcurrencyKey, Labels: c.Options.Labels,
		}
		if c.Options.ExpiresIn != 0 {
			p.ExpiresAt = &whipper.Time{Time: time.Now().Add(c.Options.ExpiresIn * time.Millisecond)}
		}
		if c.Options.BackoffMs != 0 {
			p.Backoff = &whipper.Backoff{BaseMs: c.Options.BackoffMs}
		}
		var s whipper.SubmitResult
		s, err = client.Submit(ctx, p)
		if err == nil {
			a.Job, a.Duplicate = s.ID, &s.Duplicate
		}
	case "wait":
		var done whipper.JobsResult
		if done, err = client.Wait(ctx, whipper.WaitParams{IDs: []int64{c.Job}}); err == nil {
			j := done.Jobs[0]
			a.State, a.Attempt = j.State, j.Attempt
			a.Result, err = whipper.Result[json.RawMessage](j)
		}
	case "cancel":
		var n whipper.CountResult
		n, err = client.Cancel(ctx, whipper.CancelJobsParams{IDs: []int64{c.Job}})
		a.Count = n.Count
	default:
		err = fmt.Errorf("unknown command %q", c.Do)
	}
	if err != nil {
		a.Error = describe(err)
	}
	return a
}

func describe(err error) *failure {
	var failed *whipper.CallError
	switch {
	case errors.Is(err, context.Canceled):
		return &failure{Type: "cancelled", Message: err.Error()}
	case !errors.As(err, &failed):
		return &failure{Type: fmt.Sprintf("%T", err), Message: err.Error()}
	}
	d := failed.Err.Details()
	return &failure{Type: d.Type, Condition: !failed.FromWorker(), Message: failed.Err.Message, Code: failed.Err.Code, Fields: d.Fields}
}
