package server

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

func TestSocketIsPrivateUnderAnyUmask(t *testing.T) {
	for _, umask := range []string{"000", "022", "077", "277"} {
		t.Run(umask, func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			c := exec.Command(self, umask, filepath.Join(shortDir(t), "new"))
			c.Env = append(os.Environ(), childEnv, modeEnv+"=listen")
			out, err := c.CombinedOutput()
			if want := "0700\n0600\n0600\n"; err != nil || string(out) != want {
				t.Errorf("folder, socket and note are %q %v, want %q", out, err, want)
			}
		})
	}
}

func TestSocketOfADeadSupervisorIsReplaced(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, socketName)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal("the stale socket is not there to begin with:", err)
	}
	l, err := Listen(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestSocketOfALivingProcessIsLeftAlone(t *testing.T) {
	dir, other := shortDir(t), shortDir(t)
	path := filepath.Join(dir, socketName)
	first, err := Listen(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = Listen(other, path) // as two supervisors with one --socket
	var inUse *AddressInUseError
	if !errors.As(err, &inUse) || inUse.Path != path {
		t.Errorf("err = %v, want an *AddressInUseError for %s", err, path)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error("the first one's socket is gone:", err)
	}
}

func TestFileInTheSocketsPlaceIsNotRemoved(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "precious")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Listen(dir, path); err == nil {
		l.Close()
		t.Error("no error")
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestFileOfAnotherKindInTheNotesPlaceIsLeftAsItIs(t *testing.T) {
	for text, ours := range map[string]bool{
		"precious": false, "/etc/hosts\n/etc/passwd\n": false, "/" + strings.Repeat("x", MaxAddress) + "\n": false,
		"/tmp/s.sock\n": true, "": true, "\x00\x00\x00": true,
	} {
		dir := shortDir(t)
		note, path := filepath.Join(dir, "socket"), filepath.Join(dir, "s")
		if err := os.WriteFile(note, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Listen(dir, path)
		if err == nil {
			l.Close()
		}
		if (err == nil) != ours || err != nil && !strings.Contains(err.Error(), "is a file of yours") {
			t.Errorf("%q: %v", text, err)
		}
		if got, err := os.ReadFile(note); !ours && (err != nil || string(got) != text) {
			t.Errorf("%q has become %q, %v", text, got, err)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%q: the socket is left behind", text)
		}
	}
}

func TestAPipeInTheNotesPlaceIsNotReadAndLeftAsItIs(t *testing.T) {
	dir := shortDir(t)
	note := filepath.Join(dir, "socket")
	if err := syscall.Mkfifo(note, 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Listen(dir, filepath.Join(dir, "s")); err == nil {
		l.Close()
		t.Error("no error")
	}
	if info, err := os.Lstat(note); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("%v, %v", info, err)
	}
}

func TestNoteNamesTheSocketAndBothGoAtClose(t *testing.T) {
	dir, elsewhere := shortDir(t), shortDir(t)
	path := filepath.Join(elsewhere, "s")
	l, err := Listen(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "socket")); err != nil || string(text) != path+"\n" {
		t.Errorf("note = %q %v, want %s", text, err, path)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, folder := range []string{dir, elsewhere} {
		if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
			t.Errorf("left in %s: %v %v", folder, left, err)
		}
	}
}

func TestCloseLeavesASuccessorsSocketAlone(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, socketName)
	l, err := Listen(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	successor, err := Listen(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	defer successor.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestAddressIsShortenedBeyond103Bytes(t *testing.T) {
	runtime := shortDir(t)
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	base := shortDir(t)
	dirFor := func(length int) string { // a folder whose whipper.sock has that many bytes
		return filepath.Join(base, strings.Repeat("d", length-len(base)-len("//whipper.sock")))
	}
	fits, tooLong := dirFor(103), dirFor(104)

	path, err := Address(fits, "")
	if want := filepath.Join(fits, "whipper.sock"); err != nil || path != want || len(path) != 103 {
		t.Errorf("at 103 bytes: %q %v, want %q", path, err, want)
	}
	path, err = Address(tooLong, "")
	if err != nil || filepath.Dir(path) != filepath.Join(runtime, "whipper") || len(path) > 103 {
		t.Errorf("at 104 bytes: %q %v, want a path in XDG_RUNTIME_DIR", path, err)
	}
	if again, _ := Address(tooLong, ""); again != path {
		t.Errorf("not deterministic: %q, then %q", path, again)
	}
	if other, _ := Address(tooLong+"x", ""); other == path {
		t.Error("two folders share a socket")
	}

	l, err := Listen(tooLong, path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if text, err := os.ReadFile(filepath.Join(tooLong, "socket")); err != nil || string(text) != path+"\n" {
		t.Errorf("note = %q %v, want %s", text, err, path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("short folder: %v %v, want mode 0700", info.Mode(), err)
	}
}

func TestAddressWithoutAUsableRuntimeFolderIsInTmp(t *testing.T) {
	long := "/" + strings.Repeat("d", 120)
	for _, runtime := range []string{"", "relative", "/does/not/exist", "/" + strings.Repeat("r", 120)} {
		t.Setenv("XDG_RUNTIME_DIR", runtime)
		path, err := Address(long, "")
		if err != nil || !strings.HasPrefix(path, "/tmp/whipper-") || len(path) > 103 {
			t.Errorf("XDG_RUNTIME_DIR=%.20q: %q %v", runtime, path, err)
		}
	}
}

func TestOverrideThatIsTooLongNamesLengthAndLimit(t *testing.T) {
	path := "/" + strings.Repeat("s", 103)
	_, err := Address("/x", path)
	var tooLong *AddressTooLongError
	if !errors.As(err, &tooLong) {
		t.Fatalf("err = %v, want an *AddressTooLongError", err)
	}
	if want := `socket path "` + path + `" has 104 bytes, but the system allows 103: choose a shorter --socket`; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if got, err := Address("/x", path[:103]); err != nil || got != path[:103] {
		t.Errorf("at 103 bytes: %q %v", got, err)
	}
}

func TestShortFolderThatIsNotSafeIsRefused(t *testing.T) {
	for name, prepare := range map[string]func(folder string) error{
		"a symbolic link": func(folder string) error { return os.Symlink(shortDir(t), folder) },
		"a file":          func(folder string) error { return os.WriteFile(folder, nil, 0o700) },
		"open to others":  func(folder string) error { return errors.Join(os.Mkdir(folder, 0o700), os.Chmod(folder, 0o755)) },
		"somebody else's": func(folder string) error {
			if os.Getuid() != 0 {
				t.Skip("needs root")
			}
			return errors.Join(os.Mkdir(folder, 0o700), os.Chown(folder, 65534, 65534))
		},
	} {
		t.Run(name, func(t *testing.T) {
			runtime := shortDir(t)
			t.Setenv("XDG_RUNTIME_DIR", runtime)
			if err := prepare(filepath.Join(runtime, "whipper")); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(shortDir(t), strings.Repeat("d", 100))
			path, err := Address(dir, "")
			if err != nil {
				t.Fatal(err)
			}
			l, err := Listen(dir, path)
			var folder *ownership.Error
			if !errors.As(err, &folder) {
				t.Errorf("err = %v, want an *ownership.Error", err)
			}
			if err == nil {
				l.Close()
			}
		})
	}
}

func TestFolderThatEverybodyMayWriteToIsRefused(t *testing.T) {
	dir := shortDir(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(dir, filepath.Join(dir, socketName))
	var folder *ownership.Error
	if !errors.As(err, &folder) {
		t.Errorf("err = %v, want an *ownership.Error", err)
	}
	if err == nil {
		l.Close()
	}
}

func TestOtherUsersAreRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to become another user")
	}
	r := serveFake(t, &fakePool{})
	// The permissions would keep the other user out by themselves: here the check must.
	for path, mode := range map[string]os.FileMode{r.dir: 0o755, r.socket: 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	binary := copyOfSelf(t)
	for _, c := range []struct {
		uid  uint32
		want string
	}{{65534, `read ""`}, {0, `read "{\"jsonrpc\":\"2.0\"`}} {
		cmd := exec.Command(binary, r.socket)
		cmd.Env = append(os.Environ(), childEnv, modeEnv+"=connect")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), c.want) {
			t.Errorf("user %d: %s %v, want %s", c.uid, out, err, c.want)
		}
	}
	r.end()
	if !strings.Contains(r.log.String(), "uid=65534") {
		t.Errorf("the refused user is not in the log: %s", r.log)
	}
}

// copyOfSelf puts the test binary where any user can run it.
func copyOfSelf(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir := shortDir(t)
	path := filepath.Join(dir, "test")
	if err := errors.Join(os.WriteFile(path, text, 0o755), os.Chmod(path, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestASocketOfAnotherUserIsLeftAlone(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to give a socket to another user")
	}
	dir := shortDir(t)
	path := filepath.Join(dir, "foreign")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	if err := errors.Join(dead.Close(), os.Chown(path, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(dir, path)
	var wrong *ownership.Error
	if !errors.As(err, &wrong) || wrong.Path != path {
		t.Errorf("err = %v, want an *ownership.Error for it", err)
	}
	if err == nil {
		l.Close()
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestASocketIsNotMadeWhereOthersCouldReplaceIt(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string) error{
		"everybody may write to it": func(_ *testing.T, dir string) error { return os.Chmod(dir, 0o777) },
		"it is another user's": func(t *testing.T, dir string) error {
			if os.Getuid() != 0 {
				t.Skip("needs root to give a folder to another user")
			}
			return os.Chown(dir, 65534, 65534)
		},
	} {
		t.Run(name, func(t *testing.T) {
			elsewhere := shortDir(t)
			if err := spoil(t, elsewhere); err != nil {
				t.Fatal(err)
			}
			l, err := Listen(shortDir(t), filepath.Join(elsewhere, "s"))
			var wrong *ownership.Error
			if !errors.As(err, &wrong) || wrong.Path != elsewhere {
				t.Errorf("err = %v, want an *ownership.Error for the folder", err)
			}
			if err == nil {
				l.Close()
			}
		})
	}
}

func TestARuntimeFolderOfAnotherUserIsNotUsed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to give a folder to another user")
	}
	runtime := shortDir(t)
	if err := os.Chown(runtime, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", runtime) // as su leaves it
	path, err := Address("/"+strings.Repeat("d", 120), "")
	if err != nil || !strings.HasPrefix(path, "/tmp/whipper-") {
		t.Errorf("%q %v, want a path in /tmp", path, err)
	}
}
