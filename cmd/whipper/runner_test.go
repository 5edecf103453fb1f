package main

import (
	"os"
	"path/filepath"
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
			entry, err := l.extract(cache)
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
