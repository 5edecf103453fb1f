package whipper_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	program = regexp.MustCompile("(?ms)^```go\n// (\\S+)/main\\.go\n(.*?)^```$")
	console = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
)

// TestThePageOfGoDoesWhatItSays builds the programs of docs/go.md, and runs those that the page runs.
func TestThePageOfGoDoesWhatItSays(t *testing.T) {
	text, err := os.ReadFile("../docs/go.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	// The programs lie elsewhere, and are built as if they were packages of this module.
	overlay := map[string]map[string]string{"Replace": {}}
	for _, match := range program.FindAllStringSubmatch(string(text), -1) {
		source := filepath.Join(folder, match[1]+".go")
		if err := os.WriteFile(source, []byte(match[2]), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][filepath.Join(root, "examples", "page", match[1], "main.go")] = source
	}
	raw, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "overlay.json"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, match := range console.FindAllStringSubmatch(string(text), -1) {
		for _, command := range strings.Split("\n"+match[1], "\n$ ")[1:] {
			line, want, _ := strings.Cut(command, "\n")
			var cmd *exec.Cmd
			switch {
			case strings.HasPrefix(line, "go build ./"):
				name := strings.TrimPrefix(line, "go build ./")
				cmd = exec.Command("go", "build", "-overlay", filepath.Join(folder, "overlay.json"), "-o", folder, "./examples/page/"+name)
				cmd.Dir = root
			case strings.HasPrefix(line, "./"):
				cmd = exec.Command(filepath.Join(folder, line))
				cmd.Dir = folder
				cmd.Env = append(os.Environ(), "WHIPPER_BIN="+binary(t))
				ran++
			default:
				continue
			}
			var stderr strings.Builder
			cmd.Stderr = &stderr
			if out, err := cmd.Output(); err != nil || strings.TrimRight(string(out), "\n") != strings.TrimRight(want, "\n") {
				t.Errorf("%s: %v, printed\n%s\nbut should\n%s\n%s", line, err, out, want, &stderr)
			}
		}
	}
	if ran == 0 {
		t.Error("the page runs no program")
	}
}
