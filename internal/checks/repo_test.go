package checks

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the repository's folder: go test runs in the folder of the package.
const root = "../.."

// files lists what is in git, or would be after `git add`, as slash-separated paths from the root. Patterns are git's;
// without one it lists everything.
func files(t *testing.T, patterns ...string) []string {
	t.Helper()
	args := append([]string{"ls-files", "--cached", "--others", "--exclude-standard", "-z", "--"}, patterns...)
	list := strings.FieldsFunc(run(t, "git", args...), func(r rune) bool { return r == 0 })
	return slices.DeleteFunc(list, func(file string) bool {
		_, err := os.Stat(filepath.Join(root, file)) // deleted, but not yet from git
		return err != nil
	})
}

// read returns a file's text and ends the test where there is no such file.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	return string(text)
}

// run returns what a command prints when run in the root, and ends the test if it fails.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run %s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// report fails the test with every problem found.
func report(t *testing.T, problems []string) {
	t.Helper()
	for _, problem := range problems {
		t.Error(problem)
	}
}

// expect fails the test unless exactly these problems were found, in this order.
func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("problems found:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}
