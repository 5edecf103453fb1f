package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mutation is a whipper with a passage of one source file replaced. Only the build in the harness's own folder has it, by the compiler's -overlay.
type mutation struct {
	name     string
	file     string // in the module, or in Go's own sources
	old, new string
}

// clockJumps is a whipper whose clock, but not its timers, jumps by some seconds forward and back, every second and a half of its life. What the
// kernel stamps on files and what others read stays as it is.
var clockJumps = mutation{
	name: "clock that jumps", file: "src/time/time.go",
	old: "	sec, nsec, mono := runtimeNow()\n	if mono == 0 {\n		return Time{",
	new: `	sec, nsec, mono := runtimeNow()
	jumps := [...]int64{0, 2, -1, 5, 0, -5, -3, 4}
	sec += jumps[uint64(mono-startNano)/1_500_000_000%uint64(len(jumps))]
	if mono == 0 {
		return Time{`,
}

// apply gives the file and what its text becomes.
func (m mutation) apply(ctx context.Context, from string) (path, text string, err error) {
	path = filepath.Join(from, m.file)
	if _, err := os.Stat(path); err != nil {
		goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return "", "", fmt.Errorf("look for Go's own sources: %w", err)
		}
		path = filepath.Join(strings.TrimSpace(string(goroot)), m.file)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	if n := strings.Count(string(old), m.old); n != 1 {
		return "", "", fmt.Errorf("%s: the passage to be replaced is %d times in %s, not once: bring it up to date in internal/chaos", m.name, n, path)
	}
	return path, strings.Replace(string(old), m.old, m.new, 1), nil
}

// build makes a whipper with the passage replaced.
func (m mutation) build(ctx context.Context, from, to string) error {
	path, text, err := m.apply(ctx, from)
	if err != nil {
		return err
	}
	changed, file := to+".go", to+".json"
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err == nil {
		err = errors.Join(os.WriteFile(changed, []byte(text), 0o600), os.WriteFile(file, overlay, 0o600))
	}
	if err != nil {
		return err
	}
	return build(ctx, from, to, strings.ReplaceAll(m.name, " ", "-"), "-overlay", file)
}
