package endtoend

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// smallDisk mounts a file system of 4 MiB, in memory.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=0700")
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("to mount a file system takes privileges that are missing here: %v", err)
	}
	check(t, err)
	t.Cleanup(func() { check(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// fill leaves no room on the disk that a folder is on. free gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	check(t, err)
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return func() { check(t, os.Remove(path)) }
}

func TestAFullDiskRefusesWhatComesKeepsWhatRanAndNothingIsHalfWritten(t *testing.T) {
	disk := smallDisk(t)
	dir, gate := filepath.Join(disk, "state"), filepath.Join(t.TempDir(), "gate")
	check(t, syscall.Mkfifo(gate, 0o600)) // the worker's open waits for a reader
	s := start(t, dir, "testdata/worker.py")
	c := s.client()
	ended := must(t, dir, "submit", "--wait", "add", "1", "2")
	if ended != "3" {
		t.Fatalf("1 + 2 = %s", ended)
	}
	running, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "effect", Params: raw(t, gate, "x")})
	check(t, err)
	for job := (whipper.Job{}); job.State != "running"; job = jobs(t, dir)[running.ID] {
	}

	free := fill(t, disk)
	f, err := os.Open(gate)
	check(t, err)
	defer f.Close()
	large := strings.Repeat("x", 10_000)
	fails := func(code int, says string, args ...string) {
		t.Helper()
		out := cli(t, dir, args...)
		if out.code != code || !strings.Contains(out.stderr, says) {
			t.Errorf("whipper %.60q: exit code %d, want %d: %s", args, out.code, code, out.stderr)
		}
	}
	fails(4, "LedgerError: the ledger cannot be written", "submit", "--string", "add", large)
	s.says(1, "outcomes wait in memory")
	fails(4, "LedgerError: the ledger cannot be written", "submit", "add", "1", "2")
	_, err = c.Submit(t.Context(), whipper.SubmitParams{Method: "add", Params: raw(t, 1, 2)})
	var refused *whipper.Error
	if !errors.As(err, &refused) || refused.Code != 1011 {
		t.Errorf("a submission to a full disk: %v", err)
	}
	backup := filepath.Join(disk, "copy.db")
	fails(1, "back up to", "ledger", "backup", backup)
	fails(4, "LedgerError", "ledger", "prune", "--yes", "--method", "add")
	if n := len(jobs(t, dir)); n != 2 {
		t.Errorf("%d jobs", n)
	}
	free()
	out := must(t, dir, "wait", "2")
	if out != `"x"` {
		t.Errorf("the job that ran came to %s", out)
	}
	must(t, dir, "submit", "--wait", "add", "1", "2")
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}

	before, err := os.ReadFile(filepath.Join(dir, "ledger.db"))
	check(t, err)
	export := must(t, dir, "ledger", "export")
	free = fill(t, disk)
	fails(1, "no room on the disk", "ledger", "backup", backup)
	fails(1, "no room on the disk", "ledger", "prune", "--yes", "--method", "add")
	other := filepath.Join(t.TempDir(), "export")
	check(t, os.WriteFile(other, []byte(export+"\n"), 0o600))
	into := filepath.Join(disk, "other")
	if out := cli(t, into, "ledger", "import", other); out.code == 0 {
		t.Errorf("an import to a full disk: %s", out.stdout)
	}
	if out := cli(t, dir, "exec", "testdata/worker.py"); out.code == 0 || !strings.Contains(out.stderr, "no room on the disk") {
		t.Errorf("a start on a full disk: %d %s", out.code, out.stderr)
	}
	free()
	if after, err := os.ReadFile(filepath.Join(dir, "ledger.db")); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the ledger is not what it was: %v", err)
	}
	must(t, dir, "ledger", "check")
	must(t, into, "ledger", "import", other)
	left, err := os.ReadDir(disk)
	check(t, err)
	for _, e := range left {
		if e.Name() != "state" && e.Name() != "other" {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}
