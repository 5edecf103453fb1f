package ownership

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const stranger = 65534

func chown(t *testing.T, path string, uid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a file to another user")
	}
	if err := os.Lchown(path, uid, uid); err != nil {
		t.Fatal(err)
	}
}

// folder makes a folder of a user's.
func folder(t *testing.T, uid int, mode fs.FileMode) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "folder")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
		t.Fatal(err)
	}
	if uid != os.Geteuid() {
		chown(t, dir, uid)
	}
	return dir
}

func TestFoldersThatOthersCanReachIntoAreRefused(t *testing.T) {
	me := os.Geteuid()
	for _, test := range []struct {
		name   string
		check  func(string) error
		uid    int
		mode   fs.FileMode
		faulty bool
	}{
		{"own, private", Own, me, 0o700, false},
		{"own, readable", Own, me, 0o755, false},
		{"own, of a group that is trusted", Own, me, 0o770, false},
		{"own, open", Own, me, 0o707, true},
		{"own, open and sticky", Own, me, 0o777 | fs.ModeSticky, true},
		{"own, of a stranger", Own, stranger, 0o700, true},
		{"real, private", Real, me, 0o700, false},
		{"real, open", Real, me, 0o777, true},
		{"trusted, private", Trusted, me, 0o700, false},
		{"trusted, open", Trusted, me, 0o777, true},
		{"shared, private", Shared, me, 0o700, false},
		{"shared, open", Shared, me, 0o777, true},
		{"shared, open and sticky", Shared, me, 0o777 | fs.ModeSticky, false},
		{"shared, of a stranger and sticky", Shared, stranger, 0o777 | fs.ModeSticky, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t, test.uid, test.mode)
			err := test.check(dir)
			var wrong *Error
			if errors.As(err, &wrong) != test.faulty || err != nil && !strings.Contains(err.Error(), dir) {
				t.Errorf("err = %v, want a fault: %t", err, test.faulty)
			}
		})
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder(t, me, 0o700), link); err != nil {
		t.Fatal(err)
	}
	if wrong := (*Error)(nil); Own(link) != nil || !errors.As(Real(link), &wrong) {
		t.Errorf("a link: %v, real: %v", Own(link), Real(link))
	}
	for _, check := range []func(string) error{Own, Real, Trusted, Shared} {
		if err := check(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a folder that is not there: %v", err)
		}
	}
}

// Who made the link chose the folder, though that is this user's own.
func TestAFolderThatAnothersLinkLeadsToIsRefused(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder(t, os.Geteuid(), 0o700), link); err != nil {
		t.Fatal(err)
	}
	chown(t, link, stranger)
	for _, path := range []string{link, link + "/"} {
		for name, check := range map[string]func(string) error{"own": Own, "trusted": Trusted, "shared": Shared} {
			if wrong := (*Error)(nil); !errors.As(check(path), &wrong) {
				t.Errorf("%s: %s is taken: %v", name, path, check(path))
			}
		}
	}
}

func TestWhatAnotherMayHavePutInAFilesPlaceIsNotOpened(t *testing.T) {
	for name, plant := range map[string]func(t *testing.T, path, precious string) error{
		"a symbolic link":                      func(_ *testing.T, path, precious string) error { return os.Symlink(precious, path) },
		"a symbolic link to what is not there": func(_ *testing.T, path, precious string) error { return os.Symlink(precious+"2", path) },
		"a hard link":                          func(_ *testing.T, path, precious string) error { return os.Link(precious, path) },
		"a pipe":                               func(_ *testing.T, path, _ string) error { return syscall.Mkfifo(path, 0o600) },
		"a folder":                             func(_ *testing.T, path, _ string) error { return os.Mkdir(path, 0o700) },
		"a file that is another user's, to read": func(t *testing.T, path, _ string) error {
			err := os.WriteFile(path, nil, 0o666)
			chown(t, path, stranger)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, precious := filepath.Join(dir, "log"), filepath.Join(dir, "precious")
			if err := errors.Join(os.WriteFile(precious, []byte("kept"), 0o644), plant(t, path, precious)); err != nil {
				t.Fatal(err)
			}
			file, err := Open(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
			if err == nil {
				file.Close()
				t.Error("it was opened")
			}
			var wrong *Error
			if !errors.As(err, &wrong) && !errors.Is(err, syscall.EISDIR) {
				t.Errorf("err = %v, want an *Error", err)
			}
			text, err := os.ReadFile(precious)
			info, statErr := os.Stat(precious)
			if err != nil || statErr != nil || string(text) != "kept" || info.Mode().Perm() != 0o644 {
				t.Errorf("the other file is %q %v %v %v", text, info, err, statErr)
			}
			if _, err := os.Stat(precious + "2"); err == nil {
				t.Error("a file was made where the link leads")
			}
		})
	}
}

func TestAFileOfOnesOwnIsOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for range 2 { // new, and there
		file, err := Open(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v %v, want mode 0600", info, err)
	}
}
