package main

import (
	"context"
	_ "embed" // for the workers
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// The workers in other languages. Each has the methods of perform.
var (
	//go:embed workers/worker.py
	python []byte
	//go:embed workers/worker.mjs
	node []byte
)

// What makes this program a worker, and where that leaves its effects.
const (
	workerEnv  = "CHAOS_WORKER"
	effectsEnv = "CHAOS_EFFECTS"
)

// kind is a kind of worker.
type kind struct {
	name        string
	script      string // one of these two
	command     []string
	interpreter string
	concurrent  int // calls at once; 0: what it declares
}

// writeWorkers puts the workers where the supervisors find them.
func writeWorkers(dir, interpreter string) (map[string]kind, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	py, mjs := filepath.Join(dir, "worker.py"), filepath.Join(dir, "worker.mjs")
	if err := errors.Join(os.WriteFile(py, python, 0o600), os.WriteFile(mjs, node, 0o600)); err != nil {
		return nil, err
	}
	return map[string]kind{
		"python": {name: "python", script: py, interpreter: interpreter},
		"node":   {name: "node", script: mjs},
		"go":     {name: "go", command: []string{self, "go"}},
		"bare":   {name: "bare", command: []string{self, "bare"}, concurrent: 3},
	}, nil
}

// runWorker is a worker: of the Go SDK, or without any.
func runWorker() {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		runBare()
		return
	}
	methods := whipper.Methods{}
	for _, name := range methodNames {
		methods[name] = whipper.Raw(func(ctx context.Context, params json.RawMessage) (json.RawMessage, error) {
			c, _ := whipper.CallFrom(ctx)
			result, err := perform(c.Method, effect{Job: c.Job, Attempt: c.Attempt}, params, func(text string) { fmt.Println(text) })
			switch {
			case errors.Is(err, errForGood):
				return nil, whipper.Permanent(err)
			case errors.Is(err, errLater):
				return nil, whipper.Snooze(100 * time.Millisecond)
			}
			return result, err
		})
	}
	if err := whipper.Serve(context.Background(), methods); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var methodNames = []string{
	"effect", "large", "crash", "hang", "late", "fail", "permanent", "snooze", "flood", "leak", "child", "fork", "double", "lie",
}

// What a function may end with.
var (
	errFails   = errors.New("it fails")
	errForGood = errors.New("it fails for good")
	errLater   = errors.New("not now")
)

var (
	runs   atomic.Int64
	leaked sync.Map // from tokens to what is not given back
)

// perform runs a call: `method [name, ms, n]`. It leaves a line behind before it does anything else. say prints.
func perform(method string, e effect, params json.RawMessage, say func(string)) (json.RawMessage, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(params, &raw); err != nil {
		return nil, err
	}
	var ms, n int
	for i, v := range []any{&e.Task, &ms, &n} {
		if i < len(raw) {
			_ = json.Unmarshal(raw[i], v) // what a task has besides is ballast
		}
	}
	e.PID, e.At = os.Getpid(), time.Now().UnixNano()
	e.Token = fmt.Sprintf("%d-%d-%d", e.PID, runs.Add(1), e.At)
	if err := e.leave(os.Getenv(effectsEnv)); err != nil {
		return nil, err
	}
	if method == "late" {
		ms += 400
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	switch method {
	case "crash":
		fmt.Fprintln(os.Stderr, "out of paper")
		if n == 0 {
			os.Exit(3)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hang":
		time.Sleep(time.Hour)
	case "fail":
		return nil, errFails
	case "permanent":
		return nil, errForGood
	case "snooze":
		if rand.IntN(2) == 0 { // by a count, a job that every process runs first would never be done
			return nil, errLater
		}
	case "flood":
		for i := range n {
			say(fmt.Sprintf("line %d of a program that prints what it does %s", i, strings.Repeat("x", i)))
		}
	case "leak":
		leaked.Store(e.Token, []byte(strings.Repeat("x", 8_000_000)))
	case "child": // one in the group, and one in a session of its own
		c := exec.Command("sh", "-c", "sleep 1000 >/dev/null 2>&1 </dev/null & setsid sleep 1000 >/dev/null 2>&1 </dev/null &")
		if err := c.Run(); err != nil {
			return nil, err
		}
	case "fork": // with the pipes in its hands
		c := exec.Command("sleep", "1000")
		c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
		_ = c.Start() // the process ends in any case
		os.Exit(0)
	}
	return json.Marshal(proof{Task: e.Task, Job: e.Job, Token: e.Token})
}
