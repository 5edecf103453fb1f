package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// It is for the interpreter to wait for who writes to it, which a signal ends.
func TestAScriptThatIsAPipeIsNotWaitedFor(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "tasks.py")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := resolveScript([]string{pipe}, "", func(argv []string) string { return strings.Join(argv, " ") })
	if err != nil || p.script != pipe {
		t.Errorf("%+v %v", p, err)
	}
}
