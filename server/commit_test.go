package server

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// Nothing ends these requests from outside: they must end by themselves, or a session never finishes.
func TestRequestsDoNotWaitForeverForADiskThatFails(t *testing.T) {
	l := openLedger(t, shortDir(t))
	submitted, err := l.Submit(t.Context(), []ledger.Job{{Pool: "default", Method: "m"}})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Ledger: l, Pools: []Pool{&fakePool{stuck: true}}})
	for name, request := range map[string]func(context.Context) error{
		"job.submit": func(context.Context) error {
			done := make(chan error, 1)
			s.submitThen(jsonrpc.SubmitParams{Method: "m"}, func(_ []ledger.Submitted, err error) { done <- err })
			return <-done
		},
		"job.submitBatch": func(ctx context.Context) error {
			_, err := s.submitBatch(ctx, jsonrpc.SubmitBatchParams{Jobs: []jsonrpc.SubmitParams{{Method: "m"}}})
			return err
		},
		"job.cancel by ids": func(ctx context.Context) error {
			_, err := s.cancelJobs(ctx, jsonrpc.CancelJobsParams{IDs: []int64{submitted[0].ID}})
			return err
		},
		"job.cancel by filter": func(ctx context.Context) error {
			_, err := s.cancelJobs(ctx, jsonrpc.CancelJobsParams{Filter: &jsonrpc.ListParams{Pool: "default"}})
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errPeerGone) // which does not cut it short
			begun := time.Now()
			var e *jsonrpc.Error
			err := request(ctx)
			if !errors.As(err, &e) || e.Code != jsonrpc.CodeLedger || !strings.Contains(e.Message, "not written within 10s, and whether it will be is unknown") {
				t.Errorf("%s: %v", name, err)
			}
			if waited := time.Since(begun); waited != commitAtMost {
				t.Errorf("%s: ended after %v", name, waited)
			}
		})
	}
}

func TestARefusalIsNotTakenForADiskThatFails(t *testing.T) {
	refusal := &ledger.KeyConflictError{Pool: "p", Key: "k"}
	if err := commit(t.Context(), func(context.Context) error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
}
