package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// acceptor gives the command of a worker that serves shared sockets.
func acceptor(t *testing.T) []string {
	t.Helper()
	command, _ := reporter(t)
	script, err := filepath.Abs("testdata/accept.py")
	if err != nil {
		t.Fatal(err)
	}
	return []string{command[0], script}
}

// connect connects to a shared socket and reads the pid of who answers.
func connect(t *testing.T, address string) int {
	t.Helper()
	network, where, _ := strings.Cut(address, ":")
	c, err := net.Dial(network, strings.TrimPrefix(where, "//"))
	if err != nil {
		t.Fatalf("connect to %s: %v", address, err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("read from %s: %v", address, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatalf("%s answered %q", address, text)
	}
	return pid
}

func TestSharedSocketsAreHandedOverAsSystemdDoes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s.sock")
	r := start(t, func(o *Options) {
		o.Command = acceptor(t)
		o.Listen = []string{"tcp://127.0.0.1:0", "admin=unix:" + path}
		o.Env = append(os.Environ(), "LISTEN_FDS=7", "LISTEN_PID=1", "LISTEN_FDNAMES=foreign")
	}).ready()
	var got struct {
		Names       string
		Blocking    []bool
		Addresses   []string
		Descriptors []int
	}
	if err := json.Unmarshal([]byte(r.call("report", `[]`).answer().result), &got); err != nil {
		t.Fatal(err)
	}
	told := r.pool.Status().Listen
	if len(told) != 2 || !strings.HasPrefix(told[0], "tcp://127.0.0.1:") || strings.HasSuffix(told[0], ":0") || told[1] != "unix:"+path {
		t.Fatalf("status tells %q", told)
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(told[0], "tcp://"))
	if want := []string{"('127.0.0.1', " + port + ")", path}; got.Addresses[0] != want[0] || got.Addresses[1] != want[1] {
		t.Errorf("the worker has %q, want %q", got.Addresses, want)
	}
	if got.Names != "listen1:admin" || got.Blocking[0] || got.Blocking[1] {
		t.Errorf("names %q, blocking %v", got.Names, got.Blocking)
	}
	for _, address := range told {
		if pid := connect(t, address); pid != r.pool.Workers()[0].PID {
			t.Errorf("process %d answers on %s", pid, address)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the socket: %v (%v)", info.Mode(), err)
	}
	r.drain()
	r.ended()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket's file is left")
	}
	if _, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
		t.Error("somebody still listens")
	}
	if told := r.pool.Status().Listen; len(told) != 0 {
		t.Errorf("status still tells %q", told)
	}
}

func TestWithoutSharedSocketsAWorkerIsNotToldOfTheSupervisorsOwn(t *testing.T) {
	t.Parallel()
	got := reportOf(t, func(o *Options) {
		o.Env = append(os.Environ(), "LISTEN_FDS=7", "LISTEN_PID=1", "LISTEN_FDNAMES=foreign")
	})
	for name := range got.Env {
		if strings.HasPrefix(name, "LISTEN_") {
			t.Errorf("it is told %s", name)
		}
	}
}

func TestWhoConnectsWhileAWorkerIsReplacedWaitsAndIsServed(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) {
		o.Command, o.Listen = acceptor(t), []string{"tcp://127.0.0.1:0"}
	}).ready()
	address := r.pool.Status().Listen[0]
	first := connect(t, address)
	for range 5 {
		r.call("crash", `[]`).answer()
		pid := connect(t, address)
		if pid == first {
			t.Error("the dead process answers")
		}
		if got := r.call("report", `[]`).answer(); !strings.Contains(got.result, `"blocking": [false]`) {
			t.Errorf("the next process changed the socket for all: %s", got.result)
		}
		first = pid
	}
}

func TestAReconfiguredPoolOpensTheSocketsThatAreNewAndClosesThoseThatAreNotWanted(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	stays, goes, comes := "unix:"+filepath.Join(dir, "stays"), "unix:"+filepath.Join(dir, "goes"), "unix:"+filepath.Join(dir, "comes")
	r := start(t, func(o *Options) { o.Command, o.Listen = acceptor(t), []string{stays, goes} }).ready()
	info, err := os.Stat(filepath.Join(dir, "stays"))
	if err != nil {
		t.Fatal(err)
	}
	r.reconfigure(func(o *Options) { o.Listen = []string{stays, comes} })
	if _, err := r.pool.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	connect(t, stays) // by the process of before, perhaps, whose last breath this is
	if pid := connect(t, comes); pid != r.processes()[0] {
		t.Errorf("process %d answers on %s", pid, comes)
	}
	if now, err := os.Stat(filepath.Join(dir, "stays")); err != nil || !os.SameFile(info, now) {
		t.Errorf("the socket that stays was opened again (%v)", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "goes")); err == nil {
		t.Error("the socket that goes is still there")
	}
	if told := r.pool.Status().Listen; !slices.Equal(told, []string{stays, comes}) {
		t.Errorf("status tells %q", told)
	}

	// One that cannot be opened leaves the workers with what they have.
	if err := os.WriteFile(filepath.Join(dir, "taken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.reconfigure(func(o *Options) { o.Listen = []string{stays, "unix:" + filepath.Join(dir, "taken")} })
	var gaveUp *RestartError
	if _, err := r.pool.Restart(t.Context()); !errors.As(err, &gaveUp) || !strings.Contains(gaveUp.Reason, "something that is no socket") {
		t.Errorf("error %v", err)
	}
	connect(t, comes)
}

func TestTheSupervisorIsNotWokenByWhoConnects(t *testing.T) {
	t.Parallel()
	s, err := openSockets([]string{"tcp://127.0.0.1:0"}, nil, &sockets{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.all[0].close()
	fd := s.all[0].file.Fd()
	infos, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil || len(infos) == 0 {
		t.Fatal(err)
	}
	for _, info := range infos {
		text, _ := os.ReadFile(info)
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "tfd:" && fields[1] == strconv.Itoa(int(fd)) {
				t.Errorf("it is polled: %s", line)
			}
		}
	}
}

func TestASocketThatCannotBeOpenedEndsRunWithItsAddressAndTheReason(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := shortDir(t)
	served := filepath.Join(dir, "served")
	l, err := net.Listen("unix", served)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]error{
		"tcp://" + taken.Addr().String(): syscall.EADDRINUSE,
		"unix:" + served:                 syscall.EADDRINUSE,
		"tcp://192.0.2.1:0":              syscall.EADDRNOTAVAIL,
		"unix:" + plain:                  nil,
		"unix:/nowhere/at/all":           syscall.ENOENT,
	} {
		free := filepath.Join(dir, "free")
		r := newRig(t, func(o *Options) { o.Listen = []string{"unix:" + free, "tcp://127.0.0.1:0", address} })
		waiting := r.call("echo", `[]`)
		r.until(func() bool { return r.pool.invokes.Len() == 1 })
		r.run().ended()
		var listen *ListenError
		if !errors.As(r.err, &listen) || listen.Address != address || want != nil && !errors.Is(r.err, want) || !strings.Contains(r.err.Error(), address) {
			t.Errorf("%s: Run ended with %v", address, r.err)
		}
		if n := r.pool.Stats().Workers.ForkCount; n != 0 {
			t.Errorf("%s: %d processes were started", address, n)
		}
		if waiting.answer().reply.Error == nil {
			t.Errorf("%s: a caller who waited heard nothing", address)
		}
		if _, err := os.Lstat(free); err == nil {
			t.Errorf("%s: the socket before it is left", address)
		}
		r.err = nil
	}
	for _, path := range []string{served, plain} {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
}

func TestASocketThatADeadProcessLeftIsReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	s, err := openSockets([]string{"unix:" + path}, nil, &sockets{})
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(filepath.Dir(path), "other")
	if err := errors.Join(os.Rename(path, other), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := s.all[0].close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("what took the socket's place was removed: %v", err)
	}
}

func TestAUnixSocketBelongsToTheWorkersUser(t *testing.T) {
	t.Parallel()
	a := nobody(t)
	path := filepath.Join(openDir(t), "s.sock")
	s, err := openSockets([]string{"unix:" + path}, a, &sockets{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.all[0].close()
	info, err := os.Lstat(path)
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != a.UID || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestAddressesOfSharedSocketsAreRead(t *testing.T) {
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]listenAddress{
		"tcp://127.0.0.1:8080":     {"", "tcp", "127.0.0.1:8080"},
		"tcp://[::1]:0":            {"", "tcp", "[::1]:0"},
		"tcp://:80":                {"", "tcp", ":80"},
		"web=tcp://localhost:8080": {"web", "tcp", "localhost:8080"},
		"unix:/run/a.sock":         {"", "unix", "/run/a.sock"},
		"unix:///run/a.sock":       {"", "unix", "/run/a.sock"},
		"unix:a=b.sock":            {"", "unix", cwd + "/a=b.sock"},
		"a.b-c_1=unix:x":           {"a.b-c_1", "unix", cwd + "/x"},
	} {
		if got, err := parseListen(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                       "write it as tcp://",
		"127.0.0.1:8080":         "write it as tcp://",
		"http://127.0.0.1:8080":  "write it as tcp://",
		"tcp://127.0.0.1":        "write it as tcp://127.0.0.1:8080, ",
		"tcp://::1:80":           "write it as",
		"tcp://127.0.0.1:http":   `"http" is no port`,
		"tcp://127.0.0.1:65536":  `"65536" is no port`,
		"tcp://127.0.0.1:-1":     `"-1" is no port`,
		"unix:":                  "write it as tcp://",
		"a b=unix:x":             `"a b" is no name`,
		"=unix:x":                `"" is no name`,
		"unix:/" + longLine(200): "201 bytes, but a socket's may have 103",
	} {
		if _, err := parseListen(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
		o := Options{Command: []string{"x"}, Listen: []string{text}}.withDefaults()
		if err := o.validate(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("listen on %s: ", text)) {
			t.Errorf("options with %s: %v", text, err)
		}
	}
	if got := listenNames([]listenAddress{{}, {name: "web"}, {}}); got != "listen1:web:listen3" {
		t.Errorf("names %q", got)
	}
}
