package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

func TestAChangeWaitsAWhileForALockThatAnotherProcessHolds(t *testing.T) {
	locked := fmt.Errorf("open: %w", &ledger.LockedError{Path: "lock"})
	other := errors.New("no")
	for name, c := range map[string]struct {
		free  int           // the try that gets the lock; 0: none
		err   error         // of that
		pause time.Duration // of the machine, in the first try
		want  error
		after time.Duration
	}{
		"free at once":                {free: 1},
		"free after two":              {free: 3, after: 2 * lockAgain},
		"another fault":               {free: 2, err: other, want: other, after: lockAgain},
		"never free":                  {want: locked, after: lockPatience},
		"free after ten, and a pause": {free: 11, pause: lockPatience, after: lockPatience + 9*lockAgain}, // one tick came in the pause
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun, tries := time.Now(), 0
				err := whileLocked(t.Context(), func() error {
					if tries++; tries == 1 {
						time.Sleep(c.pause)
					}
					if tries != c.free {
						return locked
					}
					return c.err
				})
				if !errors.Is(err, c.want) || time.Since(begun) != c.after {
					t.Errorf("%v after %v and %d tries, want %v after %v", err, time.Since(begun), tries, c.want, c.after)
				}
			})
		})
	}
}

func TestCtrlCEndsTheWaitForALock(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := whileLocked(ctx, func() error {
		cancel()
		return &ledger.LockedError{Path: "lock"}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
