package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

func TestARunnerIsUnpackedOnceAndOldOnesAreRemoved(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "runner")
	for _, old := range []string{"0123456789abcdef", "new-123"} {
		if err := os.MkdirAll(filepath.Join(cache, old, "deep"), 0o700); err != nil {
			t.Fatal(err)
		}
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

// As with `whipper exec --dir .` in a project that has a folder of that name.
func TestWhatIsNoRunnerOfWhippersIsLeftInItsPlace(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "runner")
	theirs := []string{"notes.txt", "new-york/x", "0123456789abcdef0/x", "deploy/x"}
	for _, name := range theirs {
		path := filepath.Join(cache, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range languages {
		if _, err := l.extract(runnerCache{dir: cache}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range theirs {
		if _, err := os.Stat(filepath.Join(cache, filepath.FromSlash(name))); err != nil {
			t.Error(err)
		}
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

// As when several services start after a boot, whose workers are another user's.
func TestARunnerThatSeveralUnpackAtOnceStaysWhereItIs(t *testing.T) {
	l := language{entry: "main", runner: fstest.MapFS{"main": {Data: []byte("1")}, "lib/x": {Data: []byte("2")}}}
	for range 100 {
		cache := runnerCache{dir: filepath.Join(t.TempDir(), "runner"), shared: true}
		var all, unpacking sync.WaitGroup
		const several = 4
		unpacking.Add(several)
		done := make(chan struct{})
		for range several {
			all.Go(func() {
				entry, err := l.extract(cache)
				unpacking.Done()
				for err == nil {
					if _, err = os.Stat(entry); err != nil {
						break
					}
					select {
					case <-done:
						return
					default:
					}
				}
				t.Error(err)
			})
		}
		unpacking.Wait()
		close(done)
		all.Wait()
		if t.Failed() {
			return
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

func TestARunnersFilesAreItsOwnersAloneWhateverTheUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	for _, shared := range []bool{false, true} {
		cache := filepath.Join(t.TempDir(), "runner")
		entry, err := languages[0].extract(runnerCache{dir: cache, shared: shared})
		if err != nil {
			t.Fatal(err)
		}
		modes := map[bool]map[bool]fs.FileMode{false: {false: 0o600, true: 0o700}, true: {false: 0o644, true: 0o755}}
		err = filepath.WalkDir(strings.TrimSuffix(entry, filepath.FromSlash(languages[0].entry)), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if info, err := d.Info(); err != nil || info.Mode().Perm() != modes[shared][d.IsDir()] {
				t.Errorf("shared %t: %s has mode %v %v", shared, path, info.Mode(), err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What lies in the place of the runner may have been put there while everybody could write to the folder.
func TestARunnerThatAnotherUserMayHavePutThereIsNotRun(t *testing.T) {
	cache := runnerCache{dir: filepath.Join(t.TempDir(), "runner")}
	entry, err := languages[0].extract(cache)
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSuffix(entry, filepath.FromSlash("/"+languages[0].entry))
	for name, plant := range map[string]func(theirs string) error{
		"a link to a folder of theirs":   func(theirs string) error { return os.Symlink(theirs, dir) },
		"a folder that all may write to": func(theirs string) error { return errors.Join(os.Rename(theirs, dir), os.Chmod(dir, 0o777)) },
		"a folder of theirs": func(theirs string) error {
			if os.Geteuid() != 0 {
				return os.Rename(theirs, dir) // it stays one's own
			}
			return errors.Join(os.Rename(theirs, dir), os.Chown(dir, 65534, 65534))
		},
	} {
		theirs := filepath.Join(t.TempDir(), "theirs") // right in all that is in it, for now
		if err := errors.Join(os.CopyFS(theirs, os.DirFS(dir)), os.RemoveAll(dir), plant(theirs)); err != nil {
			t.Fatal(name, err)
		}
		if again, err := languages[0].extract(cache); err != nil || again != entry {
			t.Errorf("%s: %s %v", name, again, err)
		}
		if err := ownership.Real(dir); err != nil {
			t.Errorf("%s: it is still there: %v", name, err)
		}
	}
	elsewhere := t.TempDir()
	if err := errors.Join(os.RemoveAll(cache.dir), os.Symlink(elsewhere, cache.dir), os.WriteFile(filepath.Join(elsewhere, "kept"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err = languages[0].extract(cache)
	if wrong := (*ownership.Error)(nil); !errors.As(err, &wrong) {
		t.Errorf("with a link in place of all runners: %v, want an *ownership.Error", err)
	}
	if _, err := os.Stat(filepath.Join(elsewhere, "kept")); err != nil {
		t.Error(err)
	}
}

func TestARunnerCannotBeUnpackedOutsideOfItsFolder(t *testing.T) {
	for _, name := range []string{"../escaped", "/escaped", "a/../../escaped"} {
		parent := t.TempDir()
		l := language{name: "evil", entry: "x", runner: flatFS{name}}
		_, err := l.extract(runnerCache{dir: filepath.Join(parent, "runner"), shared: true})
		t.Logf("%s: %v", name, err) // either will do: an error, or a place in the folder
		for _, path := range []string{filepath.Join(parent, "escaped"), filepath.Join(parent, "runner", "escaped"), "/escaped"} {
			if _, err := os.Lstat(path); err == nil {
				t.Errorf("%s: %s was made", name, path)
			}
		}
	}
}

// flatFS lists one file, by a name that no file system should have.
type flatFS struct{ name string }

func (f flatFS) Open(name string) (fs.File, error) {
	return fstest.MapFS{"x": {Data: []byte("x")}}.Open(map[bool]string{true: ".", false: "x"}[name == "."])
}

func (f flatFS) ReadDir(string) ([]fs.DirEntry, error) {
	info, err := fs.Stat(fstest.MapFS{"x": {Data: []byte("x")}}, "x")
	return []fs.DirEntry{misnamed{fs.FileInfoToDirEntry(info), f.name}}, err
}

type misnamed struct {
	fs.DirEntry
	name string
}

func (n misnamed) Name() string { return n.name }
