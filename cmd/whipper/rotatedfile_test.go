package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

// rotated opens such a log, and keeps what it says of itself.
func rotated(t *testing.T, path string, most int64, keep int) (*rotatedFile, *bytes.Buffer) {
	t.Helper()
	said := &bytes.Buffer{}
	r, err := openRotatedFile(path, most, keep, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, said
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func TestALogIsPutAsideAtItsSizeAndOldOnesGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.log")
	r, said := rotated(t, path, 10, 2)
	for i := range 9 {
		fmt.Fprintf(r, "%03d\n", i) // two of them fit
	}
	fmt.Fprintln(r, "longer than a file may be")
	fmt.Fprintln(r, "x")
	for name, want := range map[string]string{"": "x\n", ".1": "longer than a file may be\n", ".2": "008\n"} {
		if got := content(t, path+name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	entries, _ := os.ReadDir(filepath.Dir(path))
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v (%v)", e.Name(), info.Mode(), err)
		}
	}
	if len(entries) != 3 || said.Len() > 0 {
		t.Errorf("%v; %s", entries, said)
	}
}

func TestALogThatIsThereIsGoneOnWith(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.log")
	for i := range 3 {
		r, _ := rotated(t, path, 10, 2)
		fmt.Fprintf(r, "%03d\n", i)
	}
	if got := content(t, path); got != "002\n" {
		t.Errorf("%q", got)
	}
	if got := content(t, path+".1"); got != "000\n001\n" {
		t.Errorf("%q", got)
	}
}

func TestALogThatSomebodyMovedIsBegunAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.log")
	r, said := rotated(t, path, 1000, 2)
	fmt.Fprintln(r, "one")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	r.looked = time.Time{} // a second later
	fmt.Fprintln(r, "two")
	if content(t, path) != "two\n" || content(t, path+".moved") != "one\n" || said.Len() > 0 {
		t.Errorf("%q, %q; %s", content(t, path), content(t, path+".moved"), said)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.looked = time.Time{}
	fmt.Fprintln(r, "three")
	if content(t, path) != "three\n" {
		t.Errorf("%q", content(t, path))
	}
}

func TestWhileALogCannotBeWrittenItsLinesAreLostAndThatIsSaidOnce(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "w.log")
	r, said := rotated(t, path, 1000, 2)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	r.looked = time.Time{}
	for range 3 {
		fmt.Fprintln(r, "lost")
	}
	if n := strings.Count(said.String(), "worker log cannot be written"); n != 1 || !strings.Contains(said.String(), "no such file") {
		t.Errorf("said %d times:\n%s", n, said)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(r, "kept")
	if !strings.Contains(said.String(), "worker log can be written again") || !strings.Contains(said.String(), "lost=3") || content(t, path) != "kept\n" {
		t.Errorf("%q:\n%s", content(t, path), said)
	}
}

func TestALogThatCannotBePutAsideGrowsOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.log")
	if err := os.MkdirAll(filepath.Join(path+".1", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	r, said := rotated(t, path, 10, 1)
	for i := range 6 {
		fmt.Fprintf(r, "%03d\n", i)
	}
	if got := content(t, path); got != "000\n001\n002\n003\n004\n005\n" {
		t.Errorf("%q", got)
	}
	if n := strings.Count(said.String(), "worker log cannot be rotated and grows on"); n != 2 {
		t.Errorf("said %d times:\n%s", n, said)
	}
}

func TestWhatIsNoFileIsNoLog(t *testing.T) {
	for _, path := range []string{t.TempDir(), os.DevNull} {
		if r, err := openRotatedFile(path, 10, 1, slog.New(slog.DiscardHandler)); err == nil {
			r.Close()
			t.Errorf("%s was opened", path)
		}
	}
}

func TestALogIsNotWrittenToWhatAnotherMayHavePutInItsPlace(t *testing.T) {
	dir := t.TempDir()
	path, precious := filepath.Join(dir, "w.log"), filepath.Join(dir, "precious")
	if err := errors.Join(os.WriteFile(precious, []byte("kept\n"), 0o600), os.Symlink(precious, path)); err != nil {
		t.Fatal(err)
	}
	_, err := openRotatedFile(path, 10, 1, slog.New(slog.DiscardHandler))
	if wrong := (*ownership.Error)(nil); !errors.As(err, &wrong) || wrong.Path != path {
		t.Errorf("err = %v, want an *ownership.Error", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r, said := rotated(t, path, 10, 1)
	fmt.Fprintln(r, "1")
	if err := errors.Join(os.Remove(path), os.Symlink(precious, path)); err != nil { // while it is written
		t.Fatal(err)
	}
	r.looked = time.Time{}
	fmt.Fprintln(r, "2")
	if err := os.Remove(path + ".1"); err == nil {
		t.Error("the link was put aside")
	}
	if got := content(t, precious); got != "kept\n" || !strings.Contains(said.String(), "symbolic link") {
		t.Errorf("the other file has %q; said: %s", got, said)
	}
}
