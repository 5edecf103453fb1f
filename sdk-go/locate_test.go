package whipper_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// shortDir is a temporary folder whose name leaves room for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "wsdk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// listen takes connections at path and keeps them open until the test ends.
func listen(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
}

func TestFindDirLooksUpward(t *testing.T) {
	root := shortDir(t)
	outer := mkdir(t, filepath.Join(root, ".whipper"))
	inner := mkdir(t, filepath.Join(root, "a", ".whipper"))
	deep := mkdir(t, filepath.Join(root, "a", "b", "c"))
	beside := mkdir(t, filepath.Join(root, "x"))
	if err := os.WriteFile(filepath.Join(deep, ".whipper"), nil, 0o600); err != nil { // a file is none
		t.Fatal(err)
	}
	for start, want := range map[string]string{deep: inner, beside: outer, root: outer} {
		if dir, err := whipper.FindDir(start); err != nil || dir != want {
			t.Errorf("from %s: %s %v, want %s", start, dir, err, want)
		}
	}
	t.Chdir(deep)
	if dir, err := whipper.FindDir(""); err != nil || dir != inner {
		t.Errorf("from the working folder: %s %v, want %s", dir, err, inner)
	}
}

func TestFindDirSaysWhereItLooked(t *testing.T) {
	start := shortDir(t)
	_, err := whipper.FindDir(start)
	var none *whipper.NoFolderError
	if !errors.As(err, &none) || none.Start != start {
		t.Errorf("err = %v", err)
	}
}

func TestSocketIsTheOneThatTheFolderNames(t *testing.T) {
	dir, elsewhere := shortDir(t), filepath.Join(shortDir(t), "s")
	listen(t, filepath.Join(dir, "whipper.sock"))
	listen(t, elsewhere)
	connect := func(o whipper.Options) string {
		t.Helper()
		c, err := whipper.Dial(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.Socket()
	}
	if got := connect(whipper.Options{Dir: dir}); got != filepath.Join(dir, "whipper.sock") {
		t.Errorf("without the note: %s", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "socket"), []byte(elsewhere+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := connect(whipper.Options{Dir: dir}); got != elsewhere {
		t.Errorf("with the note: %s", got)
	}
	t.Setenv("WHIPPER_DIR", dir)
	if got := connect(whipper.Options{}); got != elsewhere {
		t.Errorf("by WHIPPER_DIR: %s", got)
	}
	t.Setenv("WHIPPER_SOCKET", filepath.Join(dir, "whipper.sock"))
	if got := connect(whipper.Options{}); got != filepath.Join(dir, "whipper.sock") {
		t.Errorf("by WHIPPER_SOCKET: %s", got)
	}
	if got := connect(whipper.Options{Dir: dir}); got != elsewhere {
		t.Errorf("options go before the environment: %s", got)
	}
}

func TestNoSupervisorIsItsOwnKindOfError(t *testing.T) {
	empty, dead := shortDir(t), shortDir(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dead, "whipper.sock")})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	deep := mkdir(t, filepath.Join(empty, strings.Repeat("d", 100)))
	t.Chdir(empty)
	for name, test := range map[string]struct {
		options whipper.Options
		want    string // beginning of the message
	}{
		"no folder above":    {whipper.Options{}, `no supervisor: no folder .whipper in "` + empty + `" or above it`},
		"folder missing":     {whipper.Options{Dir: empty + "/x"}, `no supervisor is running in folder "` + empty + `/x": `},
		"never started":      {whipper.Options{Dir: empty}, `no supervisor is running in folder "` + empty + `": `},
		"killed":             {whipper.Options{Dir: dead}, `no supervisor is running in folder "` + dead + `": `},
		"path too long":      {whipper.Options{Dir: deep}, `no supervisor is running in folder "` + deep + `": the folder names no socket`},
		"socket of that is":  {whipper.Options{Socket: dead + "/whipper.sock"}, `no supervisor listens on socket "` + dead + `/whipper.sock": `},
		"socket not there":   {whipper.Options{Socket: empty + "/s"}, `no supervisor listens on socket "` + empty + `/s": `},
		"the file is no one": {whipper.Options{Socket: "/etc/passwd"}, `no supervisor listens on socket "/etc/passwd": `},
	} {
		_, err := whipper.Dial(t.Context(), test.options)
		var none *whipper.NoSupervisorError
		if !errors.As(err, &none) || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s…", name, err, test.want)
		}
	}
}

func TestOtherUsersFolderAndProcessAreNotTrusted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to become another user")
	}
	const nobody, somebody = 65534, 65533
	binary := copyOfSelf(t)
	as := func(uid uint32, mode, arg string) *exec.Cmd {
		cmd := exec.Command(binary, arg)
		cmd.Env = append(os.Environ(), childEnv, modeEnv+"="+mode)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		return cmd
	}

	others := shortDir(t)
	if err := errors.Join(os.Chown(others, somebody, somebody), os.Chmod(others, 0o755)); err != nil {
		t.Fatal(err)
	}
	out, err := as(nobody, "connect", others).CombinedOutput()
	if want := `true folder "` + others + `" belongs to user 65533`; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("folder: %s %v, want %s", out, err, want)
	}

	mine := shortDir(t) // nobody's folder, in which somebody listens
	if err := errors.Join(os.Chown(mine, nobody, nobody), os.Chmod(mine, 0o777)); err != nil {
		t.Fatal(err)
	}
	impostor := as(somebody, "impostor", filepath.Join(mine, "whipper.sock"))
	stdin, err := impostor.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := impostor.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := impostor.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make([]byte, 2)
	if _, err := io.ReadFull(stdout, ready); err != nil {
		t.Fatal(err)
	}
	out, err = as(nobody, "connect", mine).CombinedOutput()
	if want := `true process at socket "` + mine + `/whipper.sock" belongs to user 65533`; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("process: %s %v, want %s", out, err, want)
	}
	stdin.Close()
	if err := impostor.Wait(); err != nil {
		t.Error(err)
	}
}

// runImpostor listens on path, says so, and takes connections until stdin ends.
func runImpostor(path string) {
	l, err := net.Listen("unix", path)
	if err == nil {
		err = os.Chmod(path, 0o666)
	}
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	_, _ = os.Stdout.WriteString("ok")
	_, _ = io.Copy(io.Discard, os.Stdin)
	l.Close()
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
