package main

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" {
		runWorker()
		return
	}
	os.Exit(m.Run())
}

// logWriter prints what a soak says into the test's log.
type logWriter struct{ t *testing.T }

func (w logWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// The short form of `make soak`.
func TestTheBooksBalanceAfterAllThatCanGoWrongHasGoneWrong(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it looks for what is left in /proc")
	}
	duration := time.Duration(envSeconds(16) * float64(time.Second))
	if err := soak(t.Context(), options{duration: duration, life: 6 * time.Second, seed: rand.Uint64()}, logWriter{t}); err != nil {
		t.Error(err)
	}
}
