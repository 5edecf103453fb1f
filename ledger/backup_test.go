package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// restore makes a folder of a backup and opens it.
func restore(t *testing.T, file string) *Ledger {
	t.Helper()
	dir := t.TempDir()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fileName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func TestABackupIsTheLedgerAtOneMomentWhileOthersWrite(t *testing.T) {
	l := open(t, t.TempDir())
	before := submit(t, l, slices.Repeat([]Job{{Pool: "p", Method: "m", Params: make([]byte, 2000)}}, 3000)...)
	stop := make(chan struct{})
	var writing sync.WaitGroup
	var slowest time.Duration
	writing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			at := time.Now()
			if _, err := l.Submit(context.Background(), []Job{{Pool: "p", Method: "m"}}); err != nil {
				t.Error(err)
				return
			}
			slowest = max(slowest, time.Since(at))
		}
	})
	file := filepath.Join(t.TempDir(), "backup.db")
	var done, total int64
	b, err := l.Backup(t.Context(), file, BackupOptions{Progress: func(d, n int64) {
		if d < done || d > n {
			t.Errorf("%d of %d bytes after %d", d, n, done)
		}
		done, total = d, n
	}})
	close(stop)
	writing.Wait()
	if err != nil || b.Jobs < int64(len(before)) || b.Bytes != total || done != total {
		t.Fatalf("%+v, %d of %d: %v", b, done, total, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || info.Size() != b.Bytes {
		t.Errorf("%v, %v", info, err)
	}
	if got := files(t, filepath.Dir(file)); !slices.Equal(got, []string{"backup.db"}) {
		t.Errorf("the backup left %q", got)
	}
	copied := restore(t, file)
	mustBeSound(t, copied.Reader)
	if n, err := copied.Count(t.Context(), Filter{}); err != nil || n != b.Jobs {
		t.Errorf("%d jobs, %d were told: %v", n, b.Jobs, err)
	}
	if _, err := copied.Submit(t.Context(), []Job{{Pool: "p", Method: "m"}}); err != nil {
		t.Error(err)
	}
	t.Logf("%d bytes; the slowest commit meanwhile took %v", b.Bytes, slowest)
}

func TestABackupReplacesAFileOnlyIfForcedAndADatabaseInUseNever(t *testing.T) {
	l := open(t, t.TempDir())
	submit(t, l, Job{Pool: "p", Method: "m"})
	dir := t.TempDir()
	file := filepath.Join(dir, "b")
	if err := os.WriteFile(file, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Backup(t.Context(), file, BackupOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that is there: %v", err)
	}
	if err := putInPlace(file, file, false); !errors.Is(err, fs.ErrExist) { // one that has come meanwhile
		t.Errorf("a file that is there at the end: %v", err)
	}
	if text, _ := os.ReadFile(file); string(text) != "precious" {
		t.Errorf("it holds %q", text)
	}
	if _, err := l.Backup(t.Context(), file, BackupOptions{Force: true}); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := l.Backup(t.Context(), l.path, BackupOptions{Force: true}); !errors.Is(err, ErrInUse) {
		t.Errorf("the ledger itself: %v", err)
	}
	if _, err := l.Backup(t.Context(), dir, BackupOptions{Force: true}); err == nil {
		t.Error("a folder was replaced")
	}
	if got := files(t, dir); !slices.Equal(got, []string{"b"}) {
		t.Errorf("in the folder are %q", got)
	}
}

func TestABackupThatIsInterruptedLeavesNothing(t *testing.T) {
	l := open(t, t.TempDir())
	submit(t, l, slices.Repeat([]Job{{Pool: "p", Method: "m", Params: make([]byte, 4000)}}, 2000)...)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := l.Backup(ctx, filepath.Join(dir, "b"), BackupOptions{Progress: func(int64, int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("it left %q", got)
	}
}
