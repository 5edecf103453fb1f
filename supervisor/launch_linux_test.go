package supervisor

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// processReport is what testdata/report.py says of its process.
type processReport struct {
	PID, PPID, Pgrp int
	Nice            int
	NoFile, AS      [2]int64
	UIDs, GIDs      [3]int
	Groups          []int
	Cwd             string
	Env             map[string]string
	Argv            []string
	Comm            string
	Masks           map[string]string
	Descriptors     map[string]string
	Reopened        []bool
}

// reporter gives the command of a worker that every user can run.
func reporter(t *testing.T) (command []string, dir string) {
	t.Helper()
	python := "/usr/bin/python3" // PATH's may be in somebody's home
	if _, err := os.Stat(python); err != nil {
		t.Skipf("needs Python: %v", err)
	}
	dir = openDir(t)
	script := filepath.Join(dir, "report.py")
	text, err := os.ReadFile("testdata/report.py")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{python, script}, dir
}

// openDir is a folder that every user can look into.
func openDir(t *testing.T) string {
	t.Helper()
	dir := shortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// reportOf runs a pool of one such worker.
func reportOf(t *testing.T, set func(*Options)) processReport {
	t.Helper()
	command, dir := reporter(t)
	r := start(t, func(o *Options) {
		o.Command, o.Dir = command, dir
		if set != nil {
			set(o)
		}
	})
	return r.report()
}

func (r *rig) report() (rep processReport) {
	r.Helper()
	got := r.call("report", `[]`).answer()
	if err := json.Unmarshal([]byte(got.result), &rep); err != nil {
		r.Fatalf("result %q, error %v: %v\n%s", got.result, got.reply.Error, err, r.log)
	}
	return rep
}

func TestALaunchedProcessDiffersFromAPlainOneInNothingButWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	nice, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // as the kernel has it: 20 less
	if err != nil {
		t.Fatal(err)
	}
	nice = 20 - nice
	dir := openDir(t)
	env := append(os.Environ(), "A=1", "B=two words", "LISTEN=no")
	set := func(o *Options) { o.Dir, o.Env = dir, env }
	plain := reportOf(t, set)
	launched := reportOf(t, func(o *Options) { set(o); o.Process.Nice = nice + 1 })
	if plain.Nice != nice || launched.Nice != nice+1 {
		t.Errorf("nice %d and %d, want %d and one more", plain.Nice, launched.Nice, nice)
	}
	for _, r := range []*processReport{&plain, &launched} {
		if r.PPID != os.Getpid() || r.Pgrp != r.PID {
			t.Errorf("process %d has parent %d and group %d", r.PID, r.PPID, r.Pgrp)
		}
		delete(r.Env, envMark)                       // each process has its own
		r.PID, r.Pgrp, r.Nice, r.Argv = 0, 0, 0, nil // the scripts are in folders of their own
		for fd := range r.Descriptors {              // the test itself may have been given more than three
			r.Descriptors[fd] = ""
		}
	}
	if d := cmp.Diff(plain, launched); d != "" {
		t.Errorf("plain and launched:\n%s", d)
	}
}

func TestLimitsAreThoseOfTheWorkerAndOfWhatItStarts(t *testing.T) {
	t.Parallel()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	const address = 1 << 30
	command, dir := reporter(t)
	r := start(t, func(o *Options) {
		o.Command, o.Dir = command, dir
		o.Process = ProcessOptions{LimitNoFile: 100, LimitAS: address}
	})
	got := r.report()
	if got.NoFile != [2]int64{100, 100} || got.AS != [2]int64{address, address} {
		t.Errorf("limits %v and %v", got.NoFile, got.AS)
	}
	limits, err := os.ReadFile(filepath.Join(r.pidFolder(), "limits"))
	if err != nil || !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max open files 100 100 files") {
		t.Errorf("the kernel says (%v)\n%s", err, limits)
	}
	if got := r.call("allocate", `[2000000000]`).answer(); got.reply.Error == nil || got.reply.Error.Message != "MemoryError" {
		t.Errorf("2 GB with a limit of 1 GiB: result %q", got.result)
	}
	if got := r.call("allocate", `[1000000]`).answer(); got.result != "1000000" {
		t.Errorf("1 MB with a limit of 1 GiB: %v", got.reply.Error)
	}
	var after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &after); err != nil || after != before {
		t.Errorf("the supervisor's own limit was %v and is %v (%v)", before, after, err)
	}
}

// pidFolder is the folder in /proc of the only worker.
func (r *rig) pidFolder() string {
	r.Helper()
	for _, w := range r.pool.Workers() {
		if w.PID != 0 {
			return filepath.Join("/proc", strconv.Itoa(w.PID))
		}
	}
	r.Fatal("no worker")
	return ""
}

func TestASettingThatTheSystemRefusesEndsRunAtOnceWithItsNameAndValue(t *testing.T) {
	t.Parallel()
	command, dir := reporter(t)
	r := newRig(t, func(o *Options) {
		o.Command, o.Dir, o.MinWorkers, o.MaxWorkers = command, dir, 2, 2
		o.Process = ProcessOptions{LimitNoFile: 1 << 40} // more than the kernel lets anybody have
	})
	r.run().ended()
	var start *StartError
	if !errors.As(r.err, &start) || !errors.Is(r.err, fs.ErrPermission) {
		t.Errorf("Run ended with %v", r.err)
	}
	for _, part := range []string{"start worker", "set --limit-nofile 1099511627776", "hard limit is", "operation not permitted"} {
		if !strings.Contains(r.err.Error(), part) {
			t.Errorf("%q does not say %q", r.err, part)
		}
	}
	r.err = nil
}

// nobody is a user that every system has and that is not us.
func nobody(t *testing.T) *Account {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start processes as another user")
	}
	a, err := FindAccount("nobody")
	if err != nil {
		t.Skip(err)
	}
	return a
}

func TestAWorkerRunsAsTheUserThatItIsGiven(t *testing.T) { // not in parallel: what others start meanwhile would inherit the file
	a := nobody(t)
	uid, gid := int(a.UID), int(a.GID)
	secret, err := os.Open("/etc/shadow") // as somebody may start a supervisor with a file open
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	if _, err := unix.FcntlInt(secret.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		user   string
		uid    int
		gid    int
		groups []int
	}{
		{"nobody", uid, gid, []int{gid}},
		{"nobody:daemon", uid, 1, []int{1, gid}},
		{"nobody:1", uid, 1, []int{1, gid}},
		{"54321:54322", 54321, 54322, []int{54322}}, // in no list of users
	} {
		got := reportOf(t, func(o *Options) {
			o.Process = ProcessOptions{User: c.user, Nice: -5, LimitNoFile: 200} // what needs root is done before
		})
		if got.UIDs != [3]int{c.uid, c.uid, c.uid} || got.GIDs != [3]int{c.gid, c.gid, c.gid} || !slices.Equal(got.Groups, c.groups) {
			t.Errorf("%s: runs as %v %v with groups %v", c.user, got.UIDs, got.GIDs, got.Groups)
		}
		if got.Nice != -5 || got.NoFile != [2]int64{200, 200} {
			t.Errorf("%s: nice %d, limit %v", c.user, got.Nice, got.NoFile)
		}
		if len(got.Descriptors) != 3 {
			t.Errorf("%s: it has the descriptors %v", c.user, got.Descriptors)
		}
		if !slices.Equal(got.Reopened, []bool{true, true, true}) {
			t.Errorf("%s: its own pipes can be opened anew: %v", c.user, got.Reopened)
		}
	}
}

func TestAWorkerOfAnotherUserCannotEnterAFolderThatItMayNot(t *testing.T) {
	t.Parallel()
	nobody(t)
	command, _ := reporter(t)
	r := newRig(t, func(o *Options) {
		o.Command, o.Dir, o.Process.User = command, shortDir(t), "nobody"
	})
	r.run().ended()
	if !errors.Is(r.err, fs.ErrPermission) || !strings.Contains(r.err.Error(), "set --cwd ") {
		t.Errorf("Run ended with %v", r.err)
	}
	r.err = nil
}

func TestALaunchedWorkerDiesWithItsSupervisorWhateverUserItHas(t *testing.T) {
	t.Parallel()
	for name, process := range map[string]ProcessOptions{"own user": {Nice: 19}, "another user": {User: "nobody", Nice: 19}} {
		t.Run(name, func(t *testing.T) {
			if process.User != "" {
				nobody(t)
			}
			command, dir := reporter(t)
			g := openGate(t, filepath.Join(dir, "gate"))
			if err := os.Chmod(filepath.Join(dir, "gate"), 0o777); err != nil {
				t.Fatal(err)
			}
			commandText, _ := json.Marshal(command)
			processText, _ := json.Marshal(process)
			s := startSupervisor(t, dir, "hang", envCommand+"="+string(commandText), envProcess+"="+string(processText))
			gone := watch(t, g.await("hang").pid)
			if err := s.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			gone(2 * time.Second)
		})
	}
}

func TestALauncherThatNoSupervisorStartedDoesNothing(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	canary := filepath.Join(t.TempDir(), "canary")
	c := exec.Command(self)
	c.Args = []string{launcherName, `{"status":3}`, "/bin/touch", "touch", canary}
	text, err := c.CombinedOutput()
	if c.ProcessState.ExitCode() != 2 || !strings.Contains(string(text), "not started by a supervisor") {
		t.Errorf("%v: %s", err, text)
	}
	reader, writer, err := os.Pipe() // whose process is not the parent that the order names
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	c = exec.Command(self)
	c.Args = []string{launcherName, `{"status":3,"parent":1}`, "/bin/touch", "touch", canary}
	c.ExtraFiles = []*os.File{writer}
	err = c.Run()
	writer.Close()
	if c.ProcessState.ExitCode() != 1 {
		t.Errorf("a launcher of another parent: %v", err)
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("the program was executed")
	}
}
