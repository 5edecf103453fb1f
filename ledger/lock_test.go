package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// holdLedger has the ledger open until it is killed.
func holdLedger(dir string) error {
	l, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		return err
	}
	if _, err := l.Submit(context.Background(), []Job{{Pool: "p", Method: "m"}}); err != nil {
		return err
	}
	fmt.Println("held")
	select {}
}

func TestASecondProcessIsRefusedByTheFirstOnesPid(t *testing.T) {
	dir := t.TempDir()
	child, out := startChild(t, "hold", dir)
	if !out.Scan() {
		t.Fatal("child did not start")
	}
	_, err := Open(t.Context(), Options{Dir: dir})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != child.Process.Pid {
		t.Fatalf("got %v, want a locked error with pid %d", err, child.Process.Pid)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("kill %d", child.Process.Pid)) {
		t.Errorf("%q does not say what to do", err)
	}

	// Reading needs no lock.
	r, err := OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if counts, err := r.Counts(t.Context(), ""); err != nil || counts[Queued] != 1 {
		t.Error(counts, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}

	// The kernel lets go of a dead process's lock.
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for out.Scan() { // until its end is closed, and the process gone
	}
	_ = child.Wait() // it was killed
	open(t, dir)
}

func TestASecondLedgerOfTheSameProcessIsRefusedToo(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	_, err := Open(t.Context(), Options{Dir: dir})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("got %v, want a locked error", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestAFileOfTheUsersThatIsCalledLockIsLeftAsItIs(t *testing.T) {
	for text, ours := range map[string]bool{"yarn lockfile v1\n": false, "123456789012345678901": false, "4711": true, "4711\n": true, "": true, "\x00\x00\x00": true} {
		dir := t.TempDir()
		path := filepath.Join(dir, "lock")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(t.Context(), Options{Dir: dir})
		if err == nil {
			err = l.Close()
		}
		if (err == nil) != ours || err != nil && !strings.Contains(err.Error(), "it is a file of yours") {
			t.Errorf("%q: %v", text, err)
		}
		if got, err := os.ReadFile(path); !ours && (err != nil || string(got) != text) {
			t.Errorf("%q has become %q, %v", text, got, err)
		}
	}
}

func TestFilesAreTheOwnersAloneWhateverTheUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := filepath.Join(t.TempDir(), "a", "b")
	l := open(t, dir)
	submit(t, l, Job{Pool: "p", Method: "m"})
	mode := func(name string) os.FileMode {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if got := mode("."); got != 0o700 {
		t.Errorf("folder is %o", got)
	}
	for _, name := range []string{"ledger.db", "ledger.db-wal", "ledger.db-shm", "lock"} {
		if got := mode(name); got != 0o600 {
			t.Errorf("%s is %o", name, got)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	// A file that was made readable by others is made private again; the folder is the user's business.
	os.Chmod(dir, 0o755)
	os.Chmod(filepath.Join(dir, "ledger.db"), 0o644)
	open(t, dir)
	if folder, file := mode("."), mode("ledger.db"); folder != 0o755 || file != 0o600 {
		t.Errorf("folder %o, file %o", folder, file)
	}
}
