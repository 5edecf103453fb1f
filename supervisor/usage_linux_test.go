package supervisor

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

func TestUsageHoldsWhatAGrandchildInASessionOfItsOwnUses(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers = 2, 2 })
	first, second := r.gate.await("boot").pid, r.gate.await("boot").pid
	before := usage([]int{first, second})
	for _, pid := range []int{first, second} {
		if u := before[pid]; u.processes != 1 || u.rss < 1<<20 || u.rss > hogMemory {
			t.Errorf("worker %d uses %+v before the call", pid, u)
		}
	}
	if code := r.call("child", `["hog session"]`).code(); code != 0 {
		t.Fatalf("child: error %d", code)
	}
	child := r.gate.await("grandchild").pid
	after := usage([]int{first, second})
	hogs := 0
	for _, pid := range []int{first, second} {
		u := after[pid]
		if u.processes == 1 && u.rss < hogMemory {
			continue
		}
		hogs++
		if u.processes != 2 || u.rss < before[pid].rss/2+hogMemory || u.cpu < hogTime/2 { // each of the parts that it adds up is cut to whole ticks
			t.Errorf("worker %d and its child use %+v", pid, u)
		}
		if pss, ok := sharedOnce(pid); !ok || pss < hogMemory || pss > u.rss+hogMemory/2 {
			t.Errorf("worker %d and its child use %d bytes when shared pages count once (%t), %d otherwise", pid, pss, ok, u.rss)
		}
	}
	if hogs != 1 {
		t.Errorf("%d workers use a hog's memory: %v", hogs, after)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

func TestUsageHoldsAnOrphanThatIsStillInTheGroup(t *testing.T) {
	t.Parallel()
	c := exec.Command("/bin/sh", "-c", `sh -c 'sleep 1000 &' && echo started && exec cat`)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out := startScript(t, c)
	if line, err := out.ReadString('\n'); line != "started\n" {
		t.Fatalf("script said %q, %v", line, err)
	}
	if u := usage([]int{c.Process.Pid})[c.Process.Pid]; u.processes != 2 {
		t.Errorf("usage: %+v", u)
	}
}

func TestPagesThatForkedChildrenShareCanBeCountedOnce(t *testing.T) {
	t.Parallel()
	c := exec.Command("python3", "-c", `
import os, sys
hog = bytearray(b"x") * (64 << 20)
for _ in range(3):
    if os.fork() == 0:
        os.write(1, b"started\n")
        os.read(0, 1)
        os._exit(0)
os.read(0, 1)
`)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out := startScript(t, c)
	for range 3 {
		if line, err := out.ReadString('\n'); line != "started\n" {
			t.Fatalf("script said %q, %v", line, err)
		}
	}
	pid := c.Process.Pid
	if u := usage([]int{pid})[pid]; u.processes != 4 || u.rss < 4*64<<20 {
		t.Errorf("usage: %+v", u)
	}
	if pss, ok := sharedOnce(pid); !ok || pss < 64<<20 || pss > 2*64<<20 {
		t.Errorf("with shared pages counted once: %d bytes, %t", pss, ok)
	}
}

// startScript starts a script in a group of its own, which is killed when the test ends.
func startScript(t *testing.T, c *exec.Cmd) *bufio.Reader {
	t.Helper()
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait() // killed
		in.Close()
	})
	return bufio.NewReader(out)
}

func TestAProcessThatHasGoneHasNoUsage(t *testing.T) {
	c := exec.Command("/bin/true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	self := os.Getpid()
	if u := usage([]int{c.Process.Pid, self}); len(u) != 1 || u[self].rss == 0 {
		t.Errorf("usage: %v", u)
	}
	if u := usage(nil); u != nil {
		t.Errorf("usage of nobody: %v", u)
	}
}

func TestAProcessIsInTheTreeOfItsNearestWorker(t *testing.T) {
	all := map[int]stat{
		1:  {parent: 0, group: 1},
		10: {parent: 1, group: 10},  // worker
		11: {parent: 10, group: 10}, // its child
		12: {parent: 11, group: 12}, // in a session of its own
		13: {parent: 1, group: 10},  // orphan in the group
		20: {parent: 10, group: 20}, // worker of a supervisor that is in a worker
		21: {parent: 20, group: 20},
		30: {parent: 1, group: 30}, // somebody else's
		40: {parent: 41, group: 40},
		41: {parent: 40, group: 40}, // a ring
		50: {parent: 49, group: 49}, // whose parent was not seen
	}
	roots := map[int]bool{10: true, 20: true}
	got := map[int]int{}
	for pid := range all {
		if root := rootOf(pid, all, roots); root != 0 {
			got[pid] = root
		}
	}
	want := map[int]int{10: 10, 11: 10, 12: 10, 13: 10, 20: 20, 21: 20}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// BenchmarkUsage looks at 300 processes more than the machine has, in 100 trees of three.
func BenchmarkUsage(b *testing.B) {
	var roots []int
	for range 100 {
		c := exec.Command("/bin/sh", "-c", `sleep 1000 & sleep 1000 & echo started; wait`)
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		r, w, err := os.Pipe()
		if err != nil {
			b.Fatal(err)
		}
		c.Stdout = w
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		w.Close()
		if _, err := io.ReadFull(r, make([]byte, 8)); err != nil {
			b.Fatal(err)
		}
		r.Close()
		roots = append(roots, c.Process.Pid)
		defer func() {
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
			_ = c.Wait() // killed
		}()
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		b.Fatal(err)
	}
	processes := 0
	for _, e := range entries {
		if bytes.IndexByte([]byte("123456789"), e.Name()[0]) >= 0 {
			processes++
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if u := usage(roots); len(u) != len(roots) {
			b.Fatalf("%d trees of %d", len(u), len(roots))
		}
	}
	b.ReportMetric(float64(processes), "processes")
}
