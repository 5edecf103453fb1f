package supervisor

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// envAlone is set in a test that has a process of its own.
const envAlone = "WHIPPER_TEST_ALONE"

// alone says whether a test may go on: it must not have this process in common with others, whose orphans it would adopt.
// Where it may not, the test has been run in a process of its own.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(envAlone) != "" {
		return true
	}
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.timeout="+(2*patience).String())
	// As in a worker; of a folder that no other test means, for one of them kills what looks like workers of its folder.
	c.Env = append(os.Environ(), envAlone+"=1", envMark+"=outer.w1.1", fmt.Sprintf("WHIPPER_DIR=/here/%d/%s", os.Getpid(), t.Name()))
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	return false
}

// daemon has a worker start one, see there, and gives its process id.
func (r *rig) daemon(how string) (pid int) {
	r.Helper()
	i := r.call("daemon", fmt.Sprintf("[%q]", how)).answer()
	if _, err := fmt.Sscan(i.result, &pid); err != nil || pid == 0 {
		r.Fatalf("no daemon: %q, %v", i.result, i.err)
	}
	r.Cleanup(func() { _ = unix.Kill(pid, unix.SIGKILL) }) // only if the test fails; it is nobody else's yet, being unreaped
	return pid
}

// lives says whether a process, reaped or not, has not ended.
func lives(pid int) bool { return startTicks(pid) != 0 }

func killTree(o *Options) { o.KillTree = true }

func TestDaemonsDieWithTheirWorkerAndNoneElseDoes(t *testing.T) {
	if !alone(t) {
		return
	}
	r := start(t, func(o *Options) { o.KillTree, o.MinWorkers, o.MaxWorkers = true, 2, 2 })
	r.gate.await("boot")
	r.gate.await("boot")
	r.call("gate", `["first"]`)
	first := r.gate.await("first")
	orphan := r.daemon("orphan") // of the second worker
	held := r.call("gate", `["second"]`)
	second := r.gate.await("second")
	first.pass()
	var own []int // of the first
	for _, how := range []string{"orphan", "child", "orphan", "clean child"} {
		own = append(own, r.daemon(how))
	}
	if p := processes()[own[0]]; p.parent != os.Getpid() || p.group == first.pid {
		t.Errorf("the daemon is %+v; want one that this process has adopted, in another group than its worker's", p)
	}
	call := r.call("gate", `["again"]`)
	if again := r.gate.await("again"); again.pid != first.pid {
		t.Fatal("the second worker has two calls")
	}
	for _, pid := range append(own, orphan) {
		if !lives(pid) {
			t.Errorf("daemon %d did not survive a call", pid)
		}
	}

	if err := unix.Kill(first.pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := call.code(); code != jsonrpc.CodeWorkerCrashed {
		t.Errorf("the call that was interrupted got error %d", code)
	}
	for _, pid := range own[:3] { // the call has its outcome: nothing of it may go on
		if lives(pid) {
			t.Errorf("daemon %d is left by its worker", pid)
		}
	}
	if !lives(own[3]) {
		t.Error("whose child without an environment was that?")
	}
	if !lives(orphan) {
		t.Error("the other worker's daemon was killed too")
	}
	second.pass()
	if code := held.code(); code != 0 {
		t.Errorf("the other worker's call got error %d", code)
	}

	r.drain()
	r.ended()
	if lives(orphan) {
		t.Error("a daemon is left when the pool has ended")
	}
	if err := KillOrphans(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
	if lives(own[3]) {
		t.Error("an orphan that is nobody's is left")
	}
}

func TestAChildWithoutAnEnvironmentDiesWithAWorkerThatIsKilled(t *testing.T) {
	if !alone(t) {
		return
	}
	for name, end := range map[string]func(*rig){
		"for its call": func(r *rig) {
			if code := r.callAs(Call{Method: "hang", Timeout: time.Millisecond}).code(); code != jsonrpc.CodeTimeout {
				r.Errorf("the call got error %d", code)
			}
		},
		"with the pool":                    func(r *rig) { r.drain() },
		"at once, by the second signal":    func(r *rig) { r.call("hang", `[]`); r.gate.await("hang"); r.drain(); r.kill() },
		"because it has closed its stdout": func(r *rig) { r.call("close", `["stdout"]`) },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(o *Options) { o.KillTree, o.FlushTimeout = true, time.Millisecond })
			gone := watch(t, r.daemon("clean child"))
			end(r)
			gone(5 * time.Second)
		})
	}
}

func TestWithoutKillTreeADaemonOutlivesItsWorker(t *testing.T) {
	if !alone(t) {
		return
	}
	r := start(t, nil)
	pid := r.daemon("orphan")
	r.drain()
	r.ended()
	if !lives(pid) {
		t.Error("it was killed")
	}
}

// sleeper starts a process that sleeps and has nothing else in its environment, as a child or an orphan.
func sleeper(t *testing.T, orphan bool, env ...string) (pid int) {
	t.Helper()
	script := "echo $$; exec >/dev/null; exec sleep 1000"
	if orphan {
		script = "sleep 1000 >/dev/null 2>&1 </dev/null & echo $!"
	}
	c := exec.Command("/bin/sh", "-c", script)
	c.Env = env
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if _, err := fmt.Sscan(line, &pid); err != nil {
		t.Fatalf("sleeper said %q", line)
	}
	if orphan {
		_ = c.Wait() // it has printed all there is
	}
	t.Cleanup(func() { _ = unix.Kill(pid, unix.SIGKILL) })
	return pid
}

func TestWhatADeadSupervisorsWorkersLeftBehindIsKilledAndNoneElse(t *testing.T) {
	if !alone(t) { // and this process looks like a worker's in that folder itself
		return
	}
	mark, here, pool := envMark+"=run.w1.1", "WHIPPER_DIR="+os.Getenv("WHIPPER_DIR"), envPool+"=default"
	ours := []int{sleeper(t, true, mark, here, pool), sleeper(t, true, pool, here, "A=B", mark)}
	others := []int{
		sleeper(t, true, here, pool), sleeper(t, true, mark, here), sleeper(t, true, mark, here+"/too", pool),
		sleeper(t, true, mark, "WHIPPER_DIR=/elsewhere", pool), sleeper(t, true, mark, here, envPool+"=another"), os.Getppid(),
	}
	if err := KillLeftTrees(t.Context(), slog.New(slog.DiscardHandler), here, pool); err != nil {
		t.Error(err)
	}
	for _, pid := range ours {
		if lives(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
	for _, pid := range others {
		if !lives(pid) {
			t.Errorf("process %d was killed", pid)
		}
	}
	if err := KillLeftTrees(t.Context(), slog.New(slog.DiscardHandler), here); err != nil {
		t.Error(err)
	}
}

func TestATreeHoldsNobodyElsesProcesses(t *testing.T) {
	if !alone(t) {
		return
	}
	mark := envMark + "=run.w1.1"
	outside := sleeper(t, true, mark) // this process does not adopt orphans
	ours, numbered := sleeper(t, false, mark), sleeper(t, false, "A=B")
	others := []int{sleeper(t, false, mark+"0"), sleeper(t, false, envMark+"=run.w1."), sleeper(t, false, "X"+mark)}
	tree := &tree{mark: mark, family: map[int]uint64{numbered: startTicks(numbered) - 1}}
	if err := tree.kill(t.Context()); err != nil {
		t.Error(err)
	}
	if lives(ours) {
		t.Error("a process of the tree is left")
	}
	if !lives(outside) {
		t.Error("a process that is not below this one was killed")
	}
	if !lives(numbered) {
		t.Error("a process that has the number of a member which has ended was killed")
	}
	for _, pid := range others {
		if !lives(pid) {
			t.Errorf("process %d was killed for a mark that is another's", pid)
		}
	}
	tree.family = map[int]uint64{numbered: startTicks(numbered)}
	if err := tree.kill(t.Context()); err != nil || lives(numbered) {
		t.Errorf("a member that was known by its ancestors is left (%v)", err)
	}
}

func TestProcessesThatWereThereBeforeThePoolAreNoOrphansOfWorkers(t *testing.T) {
	if !alone(t) {
		return
	}
	c := exec.Command("sleep", "1000") // as in a script that ends with `exec whipper`
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait() // killed
	}()
	r := start(t, killTree)
	r.ready()
	r.drain()
	r.ended()
	if err := KillOrphans(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
	if !lives(c.Process.Pid) {
		t.Error("it was killed")
	}
}

func TestEachProcessOfAWorkerHasAMarkOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 2 { // two pools
		r := start(t, nil)
		for range 2 {
			env := r.call("env", `[]`).answer().result
			_, rest, found := strings.Cut(env, `"`+envMark+`=`)
			mark, _, _ := strings.Cut(rest, `"`)
			if !found || seen[mark] {
				t.Errorf("mark %q of %v", mark, seen)
			}
			seen[mark] = true
			r.call("exit", `[1]`).answer()
		}
	}
}
