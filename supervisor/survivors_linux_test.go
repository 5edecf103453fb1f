package supervisor

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

// startSupervisor runs a supervisor process that gives its worker one job, on a ledger in dir.
func startSupervisor(t *testing.T, dir, job string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := exec.Command(self)
	s.Dir, s.Stderr = dir, os.Stderr
	s.Env = append(append(os.Environ(), envRole+"=supervisor", envJob+"="+job), env...)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Process.Kill()
		_ = s.Wait() // killed: that is the point
	})
	return s
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wsv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func reopen(t *testing.T, dir string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestASupervisorThatIsKilledTakesItsWorkersWithIt(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	g := openGate(t, filepath.Join(dir, "gate"))
	s := startSupervisor(t, dir, "hang")
	var gone []func(time.Duration)
	for range 2 {
		gone = append(gone, watch(t, g.await("boot").pid))
	}
	g.await("hang") // one of them is in a call
	if err := s.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, within := range gone {
		within(2 * time.Second)
	}
}

func TestWhatOutlivedASupervisorIsKilledAndItsJobsAreQueuedAgain(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	g := openGate(t, filepath.Join(dir, "gate"))
	s := startSupervisor(t, dir, "child")
	grandchild := g.await("grandchild")
	g.await("child-started")
	gone := watch(t, grandchild.pid)
	if err := s.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.Wait() // killed
	if !alive(grandchild.pid) {
		t.Skip("the system killed the grandchild too")
	}
	l := reopen(t, dir)
	if err := KillSurvivors(t.Context(), l, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if left := living(grandchild.pid); len(left) != 0 {
		t.Errorf("still there: %v", left)
	}
	gone(0) // when KillSurvivors has returned, it can have no effect any more
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := l.Processes(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("on record: %v, %v", left, err)
	}
	if _, err := l.Recover(t.Context()); err != nil {
		t.Error(err)
	}
	jobs, _, err := l.Ready(t.Context(), "default", time.Now(), 2, nil) // its start may not have been on disk yet
	if err != nil || len(jobs) != 1 {
		t.Errorf("queued again: %+v, %v", jobs, err)
	}
}

func TestAProcessThatHasTheNumberOfADeadWorkerIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	g := openGate(t, filepath.Join(dir, "gate"))
	l := reopen(t, dir)
	sleeper := func() int {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(self)
		c.Env = append(os.Environ(), envRole+"=sleeper", envGate+"="+filepath.Join(dir, "gate"), workerMark("w1"))
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = c.Process.Kill()
			_ = c.Wait() // killed
		})
		return g.await("grandchild").pid
	}
	foreign, rebooted, ours := sleeper(), sleeper(), sleeper()
	for _, p := range []ledger.Process{
		{PID: foreign, StartTicks: startTicks(foreign) - 1, BootID: bootID(), Worker: "w1"},
		{PID: rebooted, StartTicks: startTicks(rebooted), BootID: "another", Worker: "w1"},
		{PID: ours, StartTicks: startTicks(ours), BootID: bootID(), Worker: "w1"},
	} {
		if err := l.RecordProcess(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	gone := watch(t, ours)
	if err := KillSurvivors(t.Context(), l, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	gone(0)
	for name, pid := range map[string]int{"foreign": foreign, "of another boot": rebooted} {
		if len(living(pid)) != 1 {
			t.Errorf("the process that is %s was killed", name)
		}
	}
}

func TestAGroupWhoseLeaderIsGoneIsKnownByTheWorkersNameInItsEnvironment(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	g := openGate(t, filepath.Join(dir, "gate"))
	r := &rig{T: t}
	group := func(mark string) (leader, member int) {
		self, err := os.Executable()
		if err != nil {
			r.Fatal(err)
		}
		c := exec.Command("/bin/sh", "-c", `"$0" </dev/null >/dev/null 2>&1 & `, self)
		c.Env = []string{envRole + "=sleeper", envGate + "=" + filepath.Join(dir, "gate"), mark}
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := c.Run(); err != nil {
			r.Fatal(err)
		}
		return c.Process.Pid, g.await("grandchild").pid
	}
	theirs, member := group(workerMark("w10"))
	ours, _ := group(workerMark("w1"))
	for _, c := range []struct {
		leader int
		want   bool
	}{{theirs, false}, {ours, true}} {
		if got := survives(ledger.Process{PID: c.leader, StartTicks: 1, BootID: bootID(), Worker: "w1"}); got != c.want {
			t.Errorf("group %d survives: %t, want %t", c.leader, got, c.want)
		}
	}
	for _, leader := range []int{theirs, ours} {
		_ = syscall.Kill(-leader, syscall.SIGKILL)
		if err := awaitGroup(t.Context(), leader); err != nil {
			t.Error(err)
		}
	}
	if alive(member) && len(living(theirs)) > 0 {
		t.Error("a member is still there")
	}
}

func TestStatIsReadEvenWhenTheProgramsNameLooksLikeFields(t *testing.T) {
	text := "42 (a) R 1 2) S 9 77 77 0 -1 4194560 5 6 7 8 1 20 300 4000 20 0 3 0 123456 99 4711 18446744073709551615 1\n"
	want := stat{state: "S", parent: 9, group: 77, threads: 3, ticks: 123456, cpu: 4321, rss: 4711}
	if got := parseStat([]byte(text)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := parseStat([]byte(strings.Repeat("1 ", 5))); got != (stat{}) {
		t.Errorf("of a line cut short: %+v", got)
	}
}

func TestAProcessHasEndedWhenItsLastThreadHas(t *testing.T) {
	for s, want := range map[stat]bool{
		{state: "S", threads: 1}: false,
		{state: "Z", threads: 3}: false,
		{state: "Z", threads: 1}: true,
		{state: "X", threads: 0}: true,
	} {
		if got := s.ended(); got != want {
			t.Errorf("%+v has ended: %t, want %t", s, got, want)
		}
	}
}
