package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the whipper that the tests drive.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(envApplication) != "" {
		return serveApplication()
	}
	dir, err := os.MkdirTemp("", "whipper-endtoend-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "whipper")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/whipper")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build whipper: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
