package whipper_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// serveListeners answers one connection on each shared socket, and says what a program that it executes sees of them.
func serveListeners() {
	listeners, err := whipper.Listeners()
	again, _ := whipper.Listeners()
	fmt.Println(len(listeners), err)
	for i, l := range listeners {
		c, err := l.Accept()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Fprintf(c, "socket %d %t", i, again[i] == l)
		c.Close()
	}
	inherited, err := exec.Command("/bin/sh", "-c", "ls -l /proc/$$/fd | grep -c 'socket:'").Output()
	fmt.Printf("inherited %s", inherited)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) { // grep found none
		fmt.Println(err)
	}
}

func listenersCommand(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/bin/sh", "-c", script+` exec "$0"`, self)
	c.Env = append(os.Environ(), modeEnv+"=listeners", childEnv, "LISTEN_FDS=2", "LISTEN_FDNAMES=a:b")
	return c
}

func TestListenersAreThoseThatTheProcessWasGiven(t *testing.T) {
	c := listenersCommand(t, "LISTEN_PID=$$")
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	local, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	local.(*net.UnixListener).SetUnlinkOnClose(false)
	for _, l := range []net.Listener{tcp, local} {
		file, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		c.ExtraFiles = append(c.ExtraFiles, file)
		l.Close()
	}
	var out strings.Builder
	c.Stdout, c.Stderr = &out, os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for _, file := range c.ExtraFiles {
		file.Close()
	}
	for i, address := range []net.Addr{tcp.Addr(), local.Addr()} {
		conn, err := net.Dial(address.Network(), address.String())
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(conn)
		conn.Close()
		if err != nil || string(text) != fmt.Sprintf("socket %d true", i) {
			t.Errorf("%s answered %q, %v", address, text, err)
		}
	}
	if err := c.Wait(); err != nil || out.String() != "2 <nil>\ninherited 0\n" {
		t.Errorf("%v: %s", err, &out)
	}
}

func TestThereAreNoListenersInAProcessThatWasGivenNone(t *testing.T) {
	for _, script := range []string{"LISTEN_PID=1", "unset LISTEN_PID;"} {
		out, err := listenersCommand(t, script).Output()
		if err != nil || !strings.HasPrefix(string(out), "0 <nil>\n") {
			t.Errorf("%s: %v: %s", script, err, out)
		}
	}
	c := listenersCommand(t, "LISTEN_PID=$$ LISTEN_FDS=many")
	if out, err := c.Output(); err != nil || !strings.Contains(string(out), `read LISTEN_FDS: strconv.Atoi: parsing "many"`) {
		t.Errorf("%v: %s", err, out)
	}
	c = listenersCommand(t, "LISTEN_PID=$$")
	c.ExtraFiles = []*os.File{os.Stderr, os.Stderr}
	if out, err := c.Output(); err != nil || !strings.Contains(string(out), "listen on descriptor 3: ") {
		t.Errorf("%v: %s", err, out)
	}
}
