package main

import (
	"bufio"
	_ "embed" // for the workers
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The workers in other languages. Each has the methods of runWorker.
var (
	//go:embed workers/worker.py
	python []byte
	//go:embed workers/worker.mjs
	node []byte
)

// workerEnv makes this program a worker.
const workerEnv = "WHIPPER_SOAK_WORKER"

// kind is a kind of worker.
type kind struct {
	name    string
	command []string // of whipper exec
}

// writeWorkers puts the workers where the supervisors find them.
func writeWorkers(dir string) ([]kind, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	py, mjs := filepath.Join(dir, "worker.py"), filepath.Join(dir, "worker.mjs")
	if err := os.WriteFile(py, python, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(mjs, node, 0o600); err != nil {
		return nil, err
	}
	return []kind{{"python", []string{py}}, {"node", []string{mjs}}, {"bare", []string{"--max-concurrent-calls", "3", "--", self}}}, nil
}

// runWorker is a worker without an SDK. Each method leaves a line behind in a file before it does anything else: `effect FILE NAME MS …`.
func runWorker() {
	var out sync.Mutex
	write := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var m struct {
			ID     json.RawMessage
			Method string
			Params []json.RawMessage
		}
		_ = json.Unmarshal(line, &m)
		switch {
		case m.Method == "$/ping":
			write(`{"jsonrpc":"2.0","id":%s,"result":true}`, m.ID)
		case m.Method == "$/initialize":
			write(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":1,"concurrency":3}}`, m.ID)
		case len(m.ID) > 0 && m.Method != "":
			go func() {
				result, err := work(m.Method, m.Params, write)
				if err != nil {
					write(`{"jsonrpc":"2.0","id":%s,"error":{"code":1,"message":%q}}`, m.ID, err.Error())
				} else {
					write(`{"jsonrpc":"2.0","id":%s,"result":%q}`, m.ID, result)
				}
			}()
		}
	}
}

// work runs one call.
func work(method string, params []json.RawMessage, write func(string, ...any)) (string, error) {
	var file, name string
	var ms, n int
	for i, v := range []any{&file, &name, &ms, &n} {
		if i < len(params) {
			_ = json.Unmarshal(params[i], v)
		}
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(name + "\n")
	_ = f.Close()
	if err != nil {
		return "", err
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
		return "", fmt.Errorf("%s fails", name)
	case "chatter":
		for i := range n {
			write("line %d of a program that prints what it does %s", i, strings.Repeat("x", i))
		}
	case "child": // one in the group, and one in a session of its own
		c := exec.Command("sh", "-c", "sleep 1000 >/dev/null 2>&1 </dev/null & setsid sleep 1000 >/dev/null 2>&1 </dev/null &")
		if err := c.Run(); err != nil {
			return "", err
		}
	}
	return name, nil
}
