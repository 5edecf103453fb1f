package endtoend

import (
	"database/sql"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"

	_ "modernc.org/sqlite"
)

// manager stands in for systemd: a datagram socket that is told how a service is.
type manager struct {
	t    *testing.T
	addr string
	conn *net.UnixConn
}

func newManager(t *testing.T, addr string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: addr, Net: "unixgram"})
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	return &manager{t, addr, conn}
}

// told waits for a message that a pattern matches, and gives those before.
func (m *manager) told(pattern string) (before []string) {
	m.t.Helper()
	p := regexp.MustCompile(pattern)
	check(m.t, m.conn.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 4096)
	for {
		n, err := m.conn.Read(b)
		if err != nil {
			m.t.Fatalf("the service manager was not told %q but %q", pattern, before)
		}
		message := string(b[:n])
		if p.MatchString(message) {
			return before
		}
		before = append(before, message)
	}
}

// startService starts whipper as a service of m, with more in its environment.
func startService(t *testing.T, m *manager, env []string, args ...string) *supervisor {
	s := prepare(t, filepath.Join(t.TempDir(), "state"), args...)
	s.cmd.Env = append(append(s.cmd.Env, "NOTIFY_SOCKET="+m.addr), env...)
	s.begin()
	return s
}

// script writes a worker's script into a folder of its own.
func script(t *testing.T, name, code string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, []byte(code), 0o600))
	return path
}

func TestAServiceTellsHowItIs(t *testing.T) {
	addresses := map[string]string{"by path": filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		addresses["abstract"] = "@whipper-endtoend-" + filepath.Base(t.TempDir()) + time.Now().Format("150405.000000000")
	}
	for name, address := range addresses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, address)
			worker := script(t, "env.py", "import os\ndef names(): return [n for n in os.environ if n.startswith(('NOTIFY', 'WATCHDOG'))]\n")
			s := startService(t, m, []string{"WATCHDOG_USEC=200000"}, worker)
			before := m.told(`^READY=1\nSTATUS=pool default is available$`)
			if len(s.workers(s.client(), "processing")) == 0 {
				t.Error("no worker serves, and the manager was told that all is ready")
			}
			for _, message := range before {
				if message != "WATCHDOG=1" {
					t.Errorf("told before: %q", message)
				}
			}
			if got := must(t, s.dir, "call", "names"); got != "[]" {
				t.Errorf("the worker has %s in its environment", got)
			}
			for range 3 {
				m.told(`^WATCHDOG=1$`)
			}
			m.drain() // a socket has room for ten messages, and more are lost
			s.signal(syscall.SIGHUP)
			m.told(`^RELOADING=1\nMONOTONIC_USEC=[1-9]\d*$`)
			m.told(`^READY=1\nSTATUS=pool default is available$`)
			s.signal(syscall.SIGTERM)
			m.told(`^STOPPING=1\nSTATUS=draining$`)
			if code := s.exitCode(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestAServiceWhosePoolIsDegradedHasStarted(t *testing.T) {
	t.Parallel()
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	tasks := script(t, "tasks.py", "raise ValueError('no luck')\n")
	s := startService(t, m, nil, tasks)
	const why = `exit code 1 before it was ready; it printed: … ValueError: no luck$`
	m.told(`^READY=1\nSTATUS=pool default is degraded: ` + why)

	check(t, os.WriteFile(tasks, []byte("def one(): return 1\n"), 0o600))
	s.signal(syscall.SIGHUP)
	m.told(`^RELOADING=1`)
	m.told(`^READY=1\nSTATUS=pool default is available$`)
	check(t, os.WriteFile(tasks, []byte("raise ValueError('no luck')\n"), 0o600))
	c := s.client()
	for range 2 { // the first may be one of before
		for _, pid := range s.workers(c, anyState) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	m.told(`^STATUS=pool default is degraded: ` + why)
	stop(t, s)
}

func TestTheWatchdogIsForTheProcessThatIsNamed(t *testing.T) {
	t.Parallel()
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	s := startService(t, m, []string{"WATCHDOG_USEC=1000", "WATCHDOG_PID=1"}, "testdata/worker.py")
	m.told(`^READY=1`)
	s.signal(syscall.SIGTERM)
	if before := m.told(`^STOPPING=1`); len(before) > 0 {
		t.Errorf("told %q", before)
	}
	s.exitCode()

	bad := startService(t, m, []string{"WATCHDOG_USEC=soon"}, "testdata/worker.py")
	if code := bad.exitCode(); code != 2 || !strings.Contains(bad.stderr.String(), `WATCHDOG_USEC is "soon"`) {
		t.Errorf("exit code %d", code)
	}
}

func TestTheWatchdogIsNotFedWhileTheLedgersWriterHangs(t *testing.T) {
	t.Parallel()
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	s := startService(t, m, []string{"WATCHDOG_USEC=400000"}, "testdata/worker.py")
	m.told(`^READY=1`)
	letGo := s.holdUpWriter()
	submitted := make(chan error, 1)
	c := s.client()
	go func() {
		for refused := (*whipper.Error)(nil); ; time.Sleep(time.Millisecond) { // as it is where this takes more than five seconds
			_, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "add", Params: []byte("[1,2]")})
			if !errors.As(err, &refused) || refused.Code != 1011 {
				submitted <- err
				return
			}
		}
	}()
	s.says(2, `the service manager is not told that all is well.*the ledger's writer does not respond`)
	s.signal(syscall.SIGQUIT)
	s.says(1, `\nledger: \d+ changes? to be written, the ledger's writer does not respond: `)
	s.says(1, `\nheap: \d+ bytes live at the last collection\ngoroutines: \d+\n`)
	letGo()
	check(t, <-submitted)
	m.drain() // what was told before
	m.told(`^WATCHDOG=1$`)
	stop(t, s)
}

// holdUpWriter keeps the supervisor's next commit from going on until letGo is called. After five seconds it fails, and is tried again.
func (s *supervisor) holdUpWriter() (letGo func()) {
	s.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.dir, "ledger.db"))
	check(s.t, err)
	s.t.Cleanup(func() { db.Close() })
	hold, err := db.Conn(s.t.Context())
	check(s.t, err)
	_, err = hold.ExecContext(s.t.Context(), "BEGIN IMMEDIATE")
	check(s.t, err)
	return func() {
		_, err := hold.ExecContext(s.t.Context(), "ROLLBACK")
		check(s.t, errors.Join(err, hold.Close()))
	}
}

// drain forgets what has been told.
func (m *manager) drain() {
	b := make([]byte, 4096)
	for m.conn.SetReadDeadline(time.Now().Add(time.Millisecond)) == nil {
		if _, err := m.conn.Read(b); err != nil {
			return
		}
	}
}

func TestAManagerThatDoesNotReadHoldsNothingUp(t *testing.T) {
	t.Parallel()
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	s := startService(t, m, []string{"WATCHDOG_USEC=2000"}, "testdata/worker.py") // fills the socket's buffer at once
	s.says(1, `the service manager was not told`)
	eventually(t, "the socket is there", func() bool { _, err := os.Stat(filepath.Join(s.dir, "whipper.sock")); return err == nil })
	if got := must(t, s.dir, "call", "add", "1", "2"); got != "3" {
		t.Errorf("call printed %s", got)
	}
	stop(t, s)
}
