package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAFullDiskLeavesNoHalfLine(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("takes a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "w.log")
	r, said := rotated(t, path, 1<<20, 2)
	line := strings.Repeat("x", 9998) + "\n" // of which six and a half fit
	for range 10 {
		fmt.Fprint(r, line)
	}
	if got := content(t, path); got != strings.Repeat(line, 6) {
		t.Errorf("the log has %d bytes", len(got))
	}
	if !strings.Contains(said.String(), "no space left on device") {
		t.Error(said)
	}
	if err := os.Remove(path); err != nil { // as one does
		t.Fatal(err)
	}
	r.looked = time.Time{}
	fmt.Fprint(r, line)
	if content(t, path) != line || !strings.Contains(said.String(), "lost=4") {
		t.Errorf("afterwards:\n%s", said)
	}
}
