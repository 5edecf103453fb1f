package ledger

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

// stranger is a user that nobody here is.
const stranger = 65534

func TestAFolderThatAnotherUserCanReachIntoIsNotOpened(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string) error{
		"everybody may write to it": func(_ *testing.T, dir string) error { return os.Chmod(dir, 0o777) },
		"it is another user's": func(t *testing.T, dir string) error {
			if os.Geteuid() != 0 {
				t.Skip("needs root to give a folder to another user")
			}
			return os.Chown(dir, stranger, stranger)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := spoil(t, dir); err != nil {
				t.Fatal(err)
			}
			precious := filepath.Join(t.TempDir(), "precious")
			if err := errors.Join(os.WriteFile(precious, []byte("kept"), 0o600), os.Symlink(precious, filepath.Join(dir, lockName))); err != nil {
				t.Fatal(err)
			}
			l, err := Open(t.Context(), Options{Dir: dir})
			var wrong *ownership.Error
			if !errors.As(err, &wrong) || wrong.Path != dir {
				t.Errorf("err = %v, want an *ownership.Error for the folder", err)
			}
			if err == nil {
				l.Close()
			}
			if text, err := os.ReadFile(precious); err != nil || string(text) != "kept" {
				t.Errorf("the file that the lock leads to has %q %v", text, err)
			}
			if _, err := os.Lstat(filepath.Join(dir, fileName)); err == nil {
				t.Error("a ledger was made there")
			}
		})
	}
}

func TestAnotherUsersLedgerIsReadByRootAlone(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := OpenReader(t.Context(), dir)
	if wrong := (*ownership.Error)(nil); !errors.As(err, &wrong) {
		t.Errorf("in a folder that all write to: %v, want an *ownership.Error", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("the rest needs root")
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(dir, stranger, stranger)); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal("root:", err)
	}
	r.Close()
	if _, err := Open(t.Context(), Options{Dir: dir, Existing: true}); err == nil {
		t.Error("root has written to another user's folder")
	}
}

// A folder that everybody could write to may hold more than its owner knows of when that has been put right.
func TestWhatWasPutInPlaceOfTheLedgersFilesIsNotWrittenTo(t *testing.T) {
	for _, name := range []string{lockName, fileName, fileName + "-wal", fileName + "-shm"} {
		for kind, plant := range map[string]func(old, path string) error{"symbolic": os.Symlink, "hard": os.Link} {
			t.Run(kind+" "+name, func(t *testing.T) {
				dir, precious := t.TempDir(), filepath.Join(t.TempDir(), "precious")
				if err := errors.Join(os.WriteFile(precious, []byte("kept"), 0o644), plant(precious, filepath.Join(dir, name))); err != nil {
					t.Fatal(err)
				}
				l, err := Open(t.Context(), Options{Dir: dir})
				if err == nil {
					l.Close()
				}
				var wrong *ownership.Error
				if !errors.As(err, &wrong) || wrong.Path != filepath.Join(dir, name) {
					t.Errorf("err = %v, want an *ownership.Error for %s", err, name)
				}
				info, err := os.Stat(precious)
				if text, e := os.ReadFile(precious); err != nil || e != nil || string(text) != "kept" || info.Mode() != 0o644 {
					t.Errorf("the other file has %q, %v %v %v", text, info, err, e)
				}
			})
		}
	}
}

func TestABackupIsNotMadeWhereAnotherUserCouldReplaceIt(t *testing.T) {
	l := open(t, t.TempDir())
	to := t.TempDir()
	path := filepath.Join(to, "backup.db")
	if err := os.Chmod(to, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := l.Backup(t.Context(), path, BackupOptions{})
	if wrong := (*ownership.Error)(nil); !errors.As(err, &wrong) || wrong.Path != to {
		t.Errorf("err = %v, want an *ownership.Error for the folder", err)
	}
	if err := os.Chmod(to, 0o777|os.ModeSticky); err != nil { // as /tmp
		t.Fatal(err)
	}
	if _, err := l.Backup(t.Context(), path, BackupOptions{}); err != nil {
		t.Error(err)
	}
}

func TestFilesThatAreMadeOfALedgerAreTheOwnersAloneAndFollowNoLink(t *testing.T) {
	folders := map[string]string{"backup": t.TempDir(), "export": t.TempDir()}
	l := open(t, t.TempDir())
	defer syscall.Umask(syscall.Umask(0))
	submit(t, l, Job{Pool: "p", Method: "m"})
	for name, write := range map[string]func(path string, force bool) error{
		"backup": func(path string, force bool) error {
			_, err := l.Backup(t.Context(), path, BackupOptions{Force: force})
			return err
		},
		"export": func(path string, force bool) error {
			_, err := l.ExportFile(t.Context(), path, Filter{}, force, nil)
			return err
		},
	} {
		dir := folders[name]
		path, precious := filepath.Join(dir, name), filepath.Join(dir, "precious")
		if err := errors.Join(os.WriteFile(precious, []byte("kept"), 0o644), os.Symlink(precious, path)); err != nil {
			t.Fatal(err)
		}
		if err := write(path, false); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s over a link: %v, want fs.ErrExist", name, err)
		}
		if err := write(path, true); err != nil {
			t.Errorf("%s in place of a link: %v", name, err)
		}
		if text, err := os.ReadFile(precious); err != nil || string(text) != "kept" {
			t.Errorf("%s: the other file has %q %v", name, text, err)
		}
		if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v %v, want a file of mode 0600", name, info, err)
		}
	}
}
