package endtoend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// patience is how long anything may take before a test gives up on it. It is never what a test measures.
const patience = 120 * time.Second

// languages are the workers that every story is told with: the same functions in each.
var languages = []struct {
	name    string
	command []string // of whipper exec
}{
	{"python", []string{"testdata/worker.py"}},
	{"node", []string{"testdata/worker.mjs"}},
	{"perl without an SDK", []string{"--", "perl", "testdata/worker.pl"}},
}

// supervisor is a running `whipper exec` or `whipper serve`.
type supervisor struct {
	t      *testing.T
	dir    string
	cmd    *exec.Cmd
	stderr *buffer
	ended  chan struct{}
	err    error // of Wait, once ended is closed
}

// eachLanguage runs a test once with each worker.
func eachLanguage(t *testing.T, test func(t *testing.T, command []string)) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			if l.command[0] == "--" {
				if out, err := exec.Command(l.command[1], "-MJSON::PP", "-e1").CombinedOutput(); err != nil {
					t.Skipf("Perl with JSON::PP is not installed here: %v %s", err, out)
				}
			}
			test(t, l.command)
		})
	}
}

// start runs `whipper exec` on a state folder and returns when it is ready.
func start(t *testing.T, dir string, args ...string) *supervisor {
	t.Helper()
	return begin(t, "exec", dir, args...)
}

// serve runs `whipper serve` on a state folder and returns when it is ready.
func serve(t *testing.T, dir, file string) *supervisor {
	t.Helper()
	return begin(t, "serve", dir, "-c", file)
}

func begin(t *testing.T, command, dir string, args ...string) *supervisor {
	t.Helper()
	ready, told, err := os.Pipe()
	check(t, err)
	defer ready.Close()
	s := prepare(t, dir, append([]string{"--ready-fd", "3"}, args...)...)
	s.cmd.Args[1] = command
	s.cmd.ExtraFiles = []*os.File{told}
	s.begin()
	told.Close()
	_ = ready.SetReadDeadline(time.Now().Add(patience))
	var r struct{ PID int }
	if err := json.NewDecoder(ready).Decode(&r); err != nil || r.PID != s.cmd.Process.Pid {
		t.Fatalf("whipper %s did not get ready: %v", command, err)
	}
	return s
}

// prepare is start without starting: what is special about the process can be set before begin.
func prepare(t *testing.T, dir string, args ...string) *supervisor {
	s := &supervisor{t: t, dir: dir, stderr: newBuffer(), ended: make(chan struct{})}
	s.cmd = exec.Command(binary, append([]string{"exec", "--dir", dir}, args...)...)
	s.cmd.Env = os.Environ()
	s.cmd.Stderr = s.stderr
	return s
}

// begin starts the process, and does not wait until it is ready.
func (s *supervisor) begin() {
	s.t.Helper()
	check(s.t, s.cmd.Start())
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	s.t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // ended already, if all went well
		<-s.ended
		if s.t.Failed() {
			s.t.Logf("stderr of the supervisor:\n%s", s.stderr.String())
		}
	})
}

// says waits until whipper has said what a pattern matches n times.
func (s *supervisor) says(n int, pattern string) {
	s.t.Helper()
	p := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for {
		text, changed := s.stderr.look()
		if len(p.FindAllString(text, n)) >= n {
			return
		}
		select {
		case <-changed:
		case <-s.ended:
			if text, _ := s.stderr.look(); len(p.FindAllString(text, n)) >= n {
				return
			}
			s.t.Fatalf("the supervisor has ended without saying %q %d times", pattern, n)
		case <-deadline:
			s.t.Fatalf("the supervisor does not say %q %d times", pattern, n)
		}
	}
}

// client connects to the supervisor.
func (s *supervisor) client() *whipper.Client {
	s.t.Helper()
	c, err := whipper.Dial(s.t.Context(), whipper.Options{Dir: s.dir, Once: true})
	check(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// signal sends a signal to the supervisor alone.
func (s *supervisor) signal(sig syscall.Signal) {
	s.t.Helper()
	check(s.t, s.cmd.Process.Signal(sig))
}

// exitCode waits for the supervisor's end; -1 means that a signal ended it.
func (s *supervisor) exitCode() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.t.Fatal("the supervisor does not end")
	}
	return s.cmd.ProcessState.ExitCode()
}

const anyState = ""

// workers gives the process ids of the workers in a state, or in any.
func (s *supervisor) workers(c *whipper.Client, state string) []int {
	s.t.Helper()
	list, err := c.Workers(s.t.Context(), whipper.PoolParams{})
	check(s.t, err)
	var pids []int
	for _, w := range list.Workers {
		if w.PID != 0 && (state == anyState || w.State == state) {
			pids = append(pids, w.PID)
		}
	}
	return pids
}

// output is what a whipper command printed, and its exit code.
type output struct {
	stdout, stderr string
	code           int
}

// cli runs a whipper command on a state folder.
func cli(t *testing.T, dir string, args ...string) output {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "WHIPPER_DIR="+dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must is cli for a command that has to succeed; it gives stdout without the last line end.
func must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out := cli(t, dir, args...)
	if out.code != 0 {
		t.Fatalf("whipper %s: exit code %d, stderr:\n%s", strings.Join(args, " "), out.code, out.stderr)
	}
	return strings.TrimSuffix(out.stdout, "\n")
}

// jobs reads the whole ledger as the command line does, which needs no supervisor.
func jobs(t *testing.T, dir string) map[int64]whipper.Job {
	t.Helper()
	all := map[int64]whipper.Job{}
	d := json.NewDecoder(strings.NewReader(must(t, dir, "ledger", "--json", "--limit", "1000000")))
	for d.More() {
		var j whipper.Job
		check(t, d.Decode(&j))
		all[j.ID] = j
	}
	return all
}

// effects counts the lines that workers left behind, by name.
func effects(t *testing.T, path string) map[string]int {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	n := map[string]int{}
	for name := range strings.FieldsSeq(string(content)) {
		n[name]++
	}
	return n
}

// alive says whether a process exists that, where that can be told, is no zombie.
func alive(pid int) bool {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	after := stat[bytes.LastIndexByte(stat, ')')+1:]
	return !bytes.HasPrefix(after, []byte(" Z")) && !bytes.HasPrefix(after, []byte(" X"))
}

// raw encodes params.
func raw(t *testing.T, args ...any) json.RawMessage {
	t.Helper()
	b, err := whipper.Args(args...)
	check(t, err)
	return b
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// buffer is a bytes.Buffer for a writer and a reader at once.
type buffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{} // closed and replaced with each write
}

func newBuffer() *buffer { return &buffer{changed: make(chan struct{})} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
	return b.b.Write(p)
}

// ReadFrom copies what comes, until its end.
func (b *buffer) ReadFrom(r io.Reader) (n int64, err error) { return io.Copy(writerOnly{b}, r) }

type writerOnly struct{ io.Writer }

// look gives what is there, and what tells when there is more.
func (b *buffer) look() (string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String(), b.changed
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
