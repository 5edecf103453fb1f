package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestARunnerIsUnpackedOnceAndOldOnesAreRemoved(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "runner")
	old := filepath.Join(cache, "0123456789abcdef")
	if err := os.MkdirAll(filepath.Join(old, "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, l := range languages {
			entry, err := l.extract(runnerCache{dir: cache})
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(entry); err != nil || !info.Mode().IsRegular() {
				t.Errorf("%s: %v (%v)", entry, info, err)
			}
		}
	}
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) != len(languages) {
		t.Errorf("the cache holds %v (%v), want one folder per language", entries, err)
	}
}

func TestADamagedRunnerIsUnpackedAgain(t *testing.T) {
	for _, l := range languages {
		cache := filepath.Join(t.TempDir(), "runner")
		entry, err := l.extract(runnerCache{dir: cache})
		if err != nil {
			t.Fatal(err)
		}
		dir := strings.TrimSuffix(entry, filepath.FromSlash(l.entry))
		for name, damage := range map[string]func(path string) error{
			"emptied": func(path string) error { return os.Truncate(path, 0) }, // as by a power cut
			"altered": func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
			"gone":    os.Remove,
		} {
			err := fs.WalkDir(l.runner, ".", func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				if err := damage(filepath.Join(dir, path)); err != nil {
					return err
				}
				if again, err := l.extract(runnerCache{dir: cache}); err != nil || again != entry {
					t.Errorf("%s: %s %v, want %s", path, again, err, entry)
				}
				want, err := fs.ReadFile(l.runner, path)
				if err != nil {
					return err
				}
				if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s, which was %s, has %d bytes (%v), want %d", path, name, len(got), err, len(want))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAnIntactRunnerIsLeftAsItIs(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "runner")
	entry, err := languages[0].extract(runnerCache{dir: cache})
	if err != nil {
		t.Fatal(err)
	}
	compiled := filepath.Join(filepath.Dir(entry), "__pycache__") // what an interpreter has added is no damage
	if err := os.Mkdir(compiled, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := languages[0].extract(runnerCache{dir: cache}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(compiled); err != nil {
		t.Error("it was unpacked again:", err)
	}
}

func TestARunnerIsNamedByItsContent(t *testing.T) {
	name := func(files fstest.MapFS) string {
		t.Helper()
		n, err := contentName(files)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	a := name(fstest.MapFS{"a": {Data: []byte("1")}, "b": {Data: []byte("2")}})
	if a != name(fstest.MapFS{"b": {Data: []byte("2")}, "a": {Data: []byte("1")}}) {
		t.Error("the same files have two names")
	}
	for _, other := range []fstest.MapFS{
		{"a": {Data: []byte("1")}, "b": {Data: []byte("3")}},
		{"a": {Data: []byte("1")}, "c": {Data: []byte("2")}},
		{"a": {Data: []byte("1b 1\n2")}},
	} {
		if a == name(other) {
			t.Errorf("%v has the same name", other)
		}
	}
}
