package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/whipper-sidecar/whipper/supervisor"
)

// TestMain lets the scripts, and the supervisors that they start, run this test binary as whipper.
func TestMain(m *testing.M) {
	supervisor.Launch()
	testscript.Main(m, map[string]func(){"whipper": main, "httpget": httpGet})
}

// Each script in testdata is a story told to a real supervisor with real workers.
func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"supervise":   supervise,
			"interrupted": interrupted,
			"signal":      signalSupervisor,
			"ended":       ended,
			"told":        told,
			"follow":      follow,
			"listens":     listens,
			"sameJob":     sameJob,
			"occupy":      occupy,
			"damage":      damage,
			"code":        exitsWith,
		},
		Condition: func(condition string) (bool, error) {
			if condition == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", condition)
		},
		Setup: func(e *testscript.Env) error {
			if os.Geteuid() == 0 { // other users are to see the scripts' folders
				if err := os.Chmod(filepath.Dir(e.WorkDir), 0o755); err != nil {
					return err
				}
			}
			e.Values[supervisorsKey{}] = map[string]*supervised{}
			e.Setenv("TERM", "xterm")
			e.Setenv("REPLACEMENT", "\uFFFD")
			e.Setenv("LONG", strings.Repeat("a-long-name/", 9)+"end")
			e.Setenv("BIN", filepath.SplitList(e.Getenv("PATH"))[0])
			return nil
		},
	})
}

// exitsWith CODE COMMAND ARGS... runs a command and wants that exit code.
func exitsWith(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
