package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

type supervisorsKey struct{}

// patience is how long a script waits for something that ought to happen at once.
const patience = time.Minute

// supervised is a supervisor that a script has started.
type supervised struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	log   *lines
	ended chan struct{}
	dir   string
}

// lines is output that is written to while others look for something in it.
type lines struct {
	mu     sync.Mutex
	text   bytes.Buffer
	change chan struct{} // closed and replaced with each write
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.change)
	l.change = make(chan struct{})
	return l.text.Write(p)
}

func (l *lines) look() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.change
}

// supervise NAME ARGS... starts whipper exec with ARGS, or whipper serve if that is the first of them, and returns when it is ready. With "!"
// in front it does not wait: then ARGS may have --ready-fd 3, which nobody reads.
func supervise(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: [!] supervise NAME ARGS...")
	}
	name := args[0]
	pipe, fd, err := os.Pipe()
	ts.Check(err)
	path := ts.Getenv("PATH")
	program := filepath.Join(filepath.SplitList(path)[0], "whipper")
	s := &supervised{log: &lines{change: make(chan struct{})}, ended: make(chan struct{})}
	command, args := "exec", args[1:]
	if args[0] == "serve" {
		command, args = args[0], args[1:]
	}
	s.cmd = exec.Command(program, command)
	if !neg {
		s.cmd.Args = append(s.cmd.Args, "--ready-fd", "3")
	}
	s.cmd.Args = append(s.cmd.Args, args...)
	s.cmd.Dir = ts.MkAbs(".")
	s.cmd.Env = []string{"PATH=" + path, "HOME=" + ts.Getenv("HOME"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	for _, name := range []string{"SECRET", envHTTPToken, "WHIPPER_HTTP", "WHIPPER_LISTEN", "WHIPPER_MAX_WORKERS", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if value := ts.Getenv(name); value != "" {
			s.cmd.Env = append(s.cmd.Env, name+"="+value)
		}
	}
	s.cmd.ExtraFiles = []*os.File{fd}
	s.cmd.Stderr = s.log
	s.stdin, err = s.cmd.StdinPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	ts.Check(fd.Close())
	supervisors(ts)[name] = s
	go func() {
		_ = s.cmd.Wait() // the script asks for the exit code
		close(s.ended)
	}()
	ts.Defer(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
		text, _ := s.log.look()
		ts.Logf("[supervisor %s]\n%s", name, text)
	})
	if neg {
		ts.Check(pipe.Close())
		return
	}
	defer pipe.Close()
	ts.Check(pipe.SetReadDeadline(time.Now().Add(patience)))
	line, err := io.ReadAll(pipe) // to its end: no worker holds the descriptor open
	if err != nil || len(line) == 0 {
		text, _ := s.log.look()
		ts.Fatalf("supervisor %s did not get ready: %v\n%s", name, err, text)
	}
	var r readiness
	ts.Check(json.Unmarshal(line, &r))
	if r.PID != s.cmd.Process.Pid || (r.Pool == "") == (r.Pools == nil) || r.Socket == "" {
		ts.Fatalf("--ready-fd got %s", line)
	}
	s.dir = r.Dir
	ts.Setenv("SUPERVISOR_PID", strconv.Itoa(r.PID))
}

// signal NAME SIGNAL|EOF sends a signal, or ends the supervisor's stdin.
func signalSupervisor(ts *testscript.TestScript, _ bool, args []string) {
	s := supervisors(ts)[args[0]]
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT}
	if args[1] == "EOF" {
		ts.Check(s.stdin.Close())
		return
	}
	ts.Check(s.cmd.Process.Signal(signals[args[1]]))
}

// ended NAME CODE waits for a supervisor and wants that exit code, and that none of its workers is left. Those of one that was killed, -1, may
// still be about to end.
func ended(ts *testscript.TestScript, _ bool, args []string) {
	s := supervisors(ts)[args[0]]
	select {
	case <-s.ended:
	case <-time.After(patience):
		ts.Fatalf("supervisor %s has not ended", args[0])
	}
	text, _ := s.log.look()
	if code := strconv.Itoa(s.cmd.ProcessState.ExitCode()); code != args[1] {
		ts.Fatalf("supervisor %s exited with %s, want %s\n%s", args[0], code, args[1], text)
	}
	if s.dir == "" {
		return
	}
	pids := carrying("WHIPPER_DIR=" + s.dir)
	for deadline := time.Now().Add(patience); len(pids) > 0 && args[1] == "-1" && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		pids = carrying("WHIPPER_DIR=" + s.dir)
	}
	if len(pids) > 0 {
		ts.Fatalf("workers of supervisor %s are left: %v", args[0], pids)
	}
}

// told NAME PATTERN waits until a supervisor has said something.
func told(ts *testscript.TestScript, neg bool, args []string) {
	s := supervisors(ts)[args[0]]
	pattern := regexp.MustCompile(args[1])
	deadline := time.After(patience)
	for {
		text, change := s.log.look()
		if pattern.MatchString(text) {
			if neg {
				ts.Fatalf("supervisor %s said\n%s", args[0], text)
			}
			return
		}
		if neg {
			return
		}
		select {
		case <-change:
		case <-deadline:
			ts.Fatalf("supervisor %s did not say %q but\n%s", args[0], args[1], text)
		}
	}
}

// follow NAME ARGS... starts whipper events with ARGS, or whipper ledger tail where they begin so, and returns when it follows. told, signal and ended are for it too: what it has
// said is its stdout.
func follow(ts *testscript.TestScript, _ bool, args []string) {
	s := &supervised{log: &lines{change: make(chan struct{})}, ended: make(chan struct{})}
	command := append([]string{"events"}, args[1:]...)
	if len(args) > 1 && args[1] == "ledger" {
		command = args[1:]
	}
	s.cmd = exec.Command(filepath.Join(ts.Getenv("BIN"), "whipper"), command...)
	s.cmd.Dir = ts.MkAbs(".")
	s.cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "TZ=UTC"}
	s.cmd.Stdout = s.log
	stderr := &supervised{log: &lines{change: make(chan struct{})}}
	s.cmd.Stderr = stderr.log
	ts.Check(s.cmd.Start())
	supervisors(ts)[args[0]], supervisors(ts)[args[0]+".stderr"] = s, stderr
	go func() {
		_ = s.cmd.Wait() // the script asks for the exit code
		close(s.ended)
	}()
	ts.Defer(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
		text, _ := s.log.look()
		ts.Logf("[events %s]\n%s", args[0], text)
	})
	told(ts, false, []string{args[0] + ".stderr", "^whipper: (following (events|jobs); Ctrl-C ends it|no supervisor runs; waiting for one)\n"})
}

// interrupted NAME PATTERN COMMAND ARGS... runs a command, sends it SIGINT once supervisor NAME has said PATTERN, and wants
// exit code 130.
func interrupted(ts *testscript.TestScript, _ bool, args []string) {
	program := filepath.Join(ts.Getenv("BIN"), args[2])
	cmd := exec.Command(program, args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH")}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	ts.Check(cmd.Start())
	told(ts, false, args[:2])
	ts.Check(cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait() // the exit code tells
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || stderr.String() != "whipper: interrupted\n" {
		ts.Fatalf("exit code %d, stderr %s", code, stderr.String())
	}
}

// sameJob ID wants ledger show --json and ledger --json to give what the socket's job.get and job.list give.
func sameJob(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := whipper.Dial(ctx, whipper.Options{Dir: ts.MkAbs(".whipper"), Once: true})
	ts.Check(err)
	defer client.Close()
	id, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	compare := func(socket jsonrpc.Job, args ...string) {
		ts.Check(ts.Exec("whipper", args...))
		line, _, _ := strings.Cut(ts.ReadFile("stdout"), "\n")
		var offline jsonrpc.Job
		ts.Check(json.Unmarshal([]byte(line), &offline))
		if !reflect.DeepEqual(offline, socket) {
			ts.Fatalf("whipper %s: %+v\nover the socket: %+v", strings.Join(args, " "), offline, socket)
		}
	}
	got, err := client.Get(ctx, jsonrpc.GetParams{ID: id})
	ts.Check(err)
	compare(got, "ledger", "show", "--json", args[0])
	list, err := client.List(ctx, jsonrpc.ListParams{Limit: 1})
	ts.Check(err)
	compare(list.Jobs[0], "ledger", "--json", "--limit", "1")
}

func supervisors(ts *testscript.TestScript) map[string]*supervised {
	return ts.Value(supervisorsKey{}).(map[string]*supervised)
}

// carrying lists the processes that have a variable in their environment.
func carrying(variable string) []int {
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	var pids []int
	for _, path := range environments {
		env, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrPermission) {
			continue // gone
		}
		if bytes.Contains(env, []byte(variable+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}
