package whipper_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func TestASidecarEndsWithAnApplicationThatIsKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	application := exec.Command(self, binary(t))
	application.Env = append(os.Environ(), childEnv, modeEnv+"=application")
	out, err := application.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := application.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = application.Wait() }()
	defer func() { _ = application.Process.Kill() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	var pid int
	var dir string
	if _, e := fmt.Sscan(line, &pid, &dir); err != nil || e != nil {
		t.Fatalf("%q %v %v", strings.TrimSpace(line), err, e)
	}
	sidecar, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sidecar)
	if err := application.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(sidecar), Events: unix.POLLIN}}, int(patience/time.Millisecond))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 1 {
			t.Fatalf("the sidecar lives on: %d %v", n, err)
		}
		break
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("its folder %s: %v", dir, err)
	}
}

func TestVariablesOfTheWorkersAreNoArguments(t *testing.T) {
	for _, flags := range [][]string{nil, {"--clean-env"}} {
		o := own(t)
		o.Flags = append(flags, "--env", modeEnv+"=own")
		o.Env = append(o.Env, "COLOUR=s3cret=red")
		c, ctx := start(t, o)
		colour, err := whipper.Invoke[string](ctx, c, "variable", "COLOUR")
		if err != nil || colour != "s3cret=red" {
			t.Errorf("%q %v", colour, err)
		}
		ping, err := c.Ping(ctx)
		if err != nil {
			t.Fatal(err)
		}
		command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", ping.PID))
		if err != nil || strings.Contains(string(command), "s3cret") {
			t.Errorf("%q %v", command, err)
		}
	}
}

// openFDs counts this process's descriptors.
func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
