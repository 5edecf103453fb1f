package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// row is a job as whipper ledger export has it.
type row struct {
	ID             int64             `json:"id"`
	Pool           string            `json:"pool"`
	Method         string            `json:"method"`
	State          string            `json:"state"`
	Attempt        int               `json:"attempt"`
	MaxAttempts    int               `json:"maxAttempts"`
	Runs           int               `json:"runs"`
	Delivery       string            `json:"delivery"`
	Origin         string            `json:"origin"`
	IdempotencyKey string            `json:"idempotencyKey"`
	ConcurrencyKey string            `json:"concurrencyKey"`
	Labels         map[string]string `json:"labels"`
	CreatedAt      time.Time         `json:"createdAt"`
	FinishedAt     time.Time         `json:"finishedAt"`
	Params         json.RawMessage   `json:"params"`
	Result         json.RawMessage   `json:"result"`
	Error          json.RawMessage   `json:"error"`
	Attempts       []attempt         `json:"attempts"`
}

type attempt struct {
	Attempt    int       `json:"attempt"`
	Outcome    string    `json:"outcome"`
	PID        int       `json:"pid"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
}

// name is the task's, or that of the schedule's.
func (r *row) name() (name string) {
	var args []json.RawMessage
	if json.Unmarshal(r.Params, &args) == nil && len(args) > 0 {
		_ = json.Unmarshal(args[0], &name) // a job without a name is one that nobody asked for
	}
	return name
}

// proof is what the result says.
func (r *row) proof() (p proof, err error) {
	err = json.Unmarshal(r.Result, &p)
	return p, err
}

// cli runs a command of whipper on the stage's ledger and gives what it prints.
func (s *stage) cli(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.binaries[0], append(args, "--dir", s.state())...)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("whipper %v: exit code %d: %s", args, failed.ExitCode(), bytes.TrimSpace(failed.Stderr))
	}
	return out, err
}

// lines reads a value from each line.
func lines[T any](text []byte) (all []T, err error) {
	for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
		var v T
		if err := d.Decode(&v); err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}
