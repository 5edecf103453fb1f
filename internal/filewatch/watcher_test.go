package filewatch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests; it is reached only by a test that fails.
const patience = 20 * time.Second

// tree is a folder that is watched.
type tree struct {
	*testing.T
	dir     string
	changes chan []string
	w       *Watcher
}

// plant makes a folder with files, and watches it.
func plant(t *testing.T, files []string, globs ...string) *tree {
	t.Helper()
	w := &tree{T: t, dir: t.TempDir(), changes: make(chan []string)}
	for _, f := range files {
		w.write(f, f)
	}
	w.watch(globs...)
	return w
}

func (t *tree) watch(globs ...string) {
	t.Helper()
	var err error
	if t.w, err = New(Options{Globs: globs, Dir: t.dir, Ignore: []string{t.path("state")}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { t.w.Run(ctx, t.changes) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		t.check(t.w.Close())
	})
}

func (t *tree) check(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t *tree) path(name string) string { return filepath.Join(t.dir, name) }

func (t *tree) write(name, content string) {
	t.Helper()
	t.check(os.MkdirAll(filepath.Dir(t.path(name)), 0o700))
	t.check(os.WriteFile(t.path(name), []byte(content), 0o600))
}

// told waits until all of these, and nothing else, have been told of, and gives the number of times.
func (t *tree) told(want ...string) (times int) {
	t.Helper()
	var got []string
	slices.Sort(want)
	for deadline := time.After(patience); !slices.Equal(got, want); times++ {
		select {
		case paths := <-t.changes:
			for _, p := range paths {
				rel, err := filepath.Rel(t.dir, p)
				t.check(err)
				got = append(got, rel)
			}
			slices.Sort(got)
			got = slices.Compact(got)
			if len(got) > len(want) {
				t.Fatalf("told of %v, want %v", got, want)
			}
		case <-deadline:
			t.Fatalf("told of %v, want %v", got, want)
		}
	}
	return times
}

func TestEveryWayOfSavingAFileIsToldOnce(t *testing.T) {
	for name, save := range map[string]func(*tree){
		"in place": func(t *tree) { t.write("a.py", "new") },
		"by a new file that takes its name": func(t *tree) {
			t.write("a.py.tmp", "new")
			t.check(os.Chmod(t.path("a.py.tmp"), 0o644))
			t.check(os.Rename(t.path("a.py.tmp"), t.path("a.py")))
			t.check(os.Chmod(t.path("a.py"), 0o600))
		},
		"after it was moved out of the way": func(t *tree) {
			t.write("4913", "")
			t.check(os.Remove(t.path("4913")))
			t.check(os.Rename(t.path("a.py"), t.path("a.py~")))
			t.write("a.py", "new")
			t.check(os.Remove(t.path("a.py~")))
		},
		"after it was removed": func(t *tree) {
			t.check(os.Remove(t.path("a.py")))
			t.write("a.py", "new")
		},
		"in pieces": func(t *tree) {
			f, err := os.Create(t.path("a.py"))
			t.check(err)
			for i := range 100 {
				fmt.Fprintf(f, "line %d\n", i)
			}
			t.check(f.Close())
		},
		"by touch": func(t *tree) {
			t.check(os.Chtimes(t.path("a.py"), time.Time{}, time.Now().Add(time.Second)))
		},
		"with its size and time put back": func(t *tree) {
			info, err := os.Stat(t.path("a.py"))
			t.check(err)
			t.write("a.py", "ya.p")
			t.check(os.Chtimes(t.path("a.py"), time.Time{}, info.ModTime()))
		},
		"by removing it": func(t *tree) { t.check(os.Remove(t.path("a.py"))) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := plant(t, []string{"a.py", "b.py"}, "*.py")
			save(w)
			w.told("a.py")
			w.write("b.py", "the mark")
			if times := w.told("b.py"); times != 1 {
				t.Errorf("told %d times", times)
			}
		})
	}
}

func TestWhatChangesNothingIsNotTold(t *testing.T) {
	for name, act := range map[string]func(*tree){
		"a new mode": func(t *tree) { t.check(os.Chmod(t.path("a.py"), 0o640)) },
		"the same content and time": func(t *tree) {
			info, err := os.Stat(t.path("a.py"))
			t.check(err)
			t.write("a.py", "a.py")
			t.check(os.Chtimes(t.path("a.py"), time.Time{}, info.ModTime()))
		},
		"a file that comes and goes": func(t *tree) {
			t.write("new.py", "")
			t.check(os.Remove(t.path("new.py")))
		},
		"another file":               func(t *tree) { t.write("a.txt", "") },
		"a file in an ignored place": func(t *tree) { t.write("__pycache__/a.py", ""); t.write("lib/.git/a.py", "") },
		"a file in the state folder": func(t *tree) { t.write("state/runner/a.py", "") },
		"reading":                    func(t *tree) { _, err := os.ReadFile(t.path("a.py")); t.check(err) },
		"a folder by such a name":    func(t *tree) { t.check(os.Mkdir(t.path("folder.py"), 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := plant(t, []string{"a.py", "lib/b.py", "mark.py"}, "**/*.py")
			act(w)
			w.write("mark.py", "the mark")
			w.told("mark.py")
		})
	}
}

func TestFoldersComeAndGo(t *testing.T) {
	w := plant(t, []string{"a.py"}, "**/*.py")

	w.write("new/and/deep/b.py", "")
	w.told("new/and/deep/b.py")
	w.write("new/and/c.py", "")
	w.told("new/and/c.py")

	w.check(os.Rename(w.path("new"), w.path("renamed")))
	w.told("new/and/deep/b.py", "new/and/c.py", "renamed/and/deep/b.py", "renamed/and/c.py")
	w.write("renamed/and/deep/b.py", "2")
	w.told("renamed/and/deep/b.py")

	w.check(os.RemoveAll(w.path("renamed")))
	w.told("renamed/and/deep/b.py", "renamed/and/c.py")
	w.write("renamed/and/c.py", "again")
	w.told("renamed/and/c.py")
}

func TestAFolderThatIsYetToComeIsWatched(t *testing.T) {
	w := plant(t, []string{"other.py"}, "src/app/*.py", "*.js")
	w.write("src/app/a.py", "")
	w.told("src/app/a.py")
	w.check(os.RemoveAll(w.path("src")))
	w.told("src/app/a.py")
	w.write("src/app/a.py", "again")
	w.told("src/app/a.py")
}

func TestALinkToAFolderIsFollowedOnlyIfAGlobNamesIt(t *testing.T) {
	w := &tree{T: t, dir: t.TempDir(), changes: make(chan []string)}
	elsewhere := &tree{T: t, dir: t.TempDir()}
	elsewhere.write("a.py", "")
	w.check(os.Symlink(elsewhere.dir, w.path("named")))
	w.check(os.Symlink(elsewhere.dir, w.path("unnamed")))
	w.watch("named/*.py", "*/*.py")
	elsewhere.write("a.py", "2")
	w.told("named/a.py")
}

func TestABurstIsToldTogether(t *testing.T) {
	w := plant(t, []string{"a.py"}, "**/*.py")
	var all []string
	for i := range 500 {
		all = append(all, fmt.Sprintf("d%d/f%d.py", i%7, i))
		w.write(all[i], "new")
	}
	if times := w.told(all...); times > 5 { // one, if the machine is not too busy
		t.Errorf("told %d times", times)
	}
}

func TestChangesAreGatheredWhileTheReceiverIsBusy(t *testing.T) {
	w := &tree{T: t, dir: t.TempDir()}
	for _, name := range []string{"b.py", "c.py"} {
		w.write(name, "")
	}
	watcher, err := New(Options{Globs: []string{"*.py"}, Dir: w.dir})
	w.check(err)
	w.check(watcher.fs.Close()) // events come from here, at times that depend on no machine
	synctest.Test(t, func(t *testing.T) {
		events, changes := make(chan fsnotify.Event), make(chan []string)
		watcher.fs = &fsnotify.Watcher{Events: events, Errors: make(chan error)}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go watcher.Run(ctx, changes)
		for _, name := range []string{"b.py", "c.py", "b.py"} {
			w.write(name, name+" again")
			events <- fsnotify.Event{Name: w.path(name), Op: fsnotify.Write}
			time.Sleep(2 * quiet) // each is a change of its own
		}
		if got, want := <-changes, []string{w.path("b.py"), w.path("c.py")}; !slices.Equal(got, want) {
			t.Errorf("told of %v, not of %v", got, want)
		}
		synctest.Wait()
		select {
		case more := <-changes:
			t.Errorf("told of %v once more", more)
		default:
		}
	})
}

func TestAfterTooManyEventsEverythingIsLookedAt(t *testing.T) {
	w := &tree{T: t, dir: t.TempDir(), changes: make(chan []string)}
	w.write("lib/a.py", "")
	watcher, err := New(Options{Globs: []string{"**/*.py"}, Dir: w.dir})
	w.check(err)
	defer func() { w.check(watcher.Close()) }()
	w.write("lib/a.py", "2")
	w.write("more/b.py", "")
	watcher.overflowed()
	if changed := watcher.settle(); len(changed) != 2 {
		t.Errorf("found %v", changed)
	}
}

func TestTheNumberOfFilesAndGlobsThatMatchNothingAreKnown(t *testing.T) {
	w := plant(t, []string{"a.py", "lib/b.py", "c.js", ".git/d.py"}, "**/*.py", "lib/*", "*.rb")
	if n := w.w.Files(); n != 2 {
		t.Errorf("%d files", n)
	}
	if got := w.w.Unmatched(); !slices.Equal(got, []string{"*.rb"}) {
		t.Errorf("unmatched: %v", got)
	}
}

func TestTheSystemsLimitIsNamedWithWhatRaisesIt(t *testing.T) {
	dir := t.TempDir()
	_, err := open(Options{Globs: []string{"**"}, Dir: dir}, func(string) error { return syscall.ENOSPC })
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Path != dir || !strings.Contains(limit.Hint(), "fs.inotify.max_user_watches=") {
		t.Errorf("%v", err)
	}
	if errors.As(limited(dir, syscall.EMFILE), &limit); !strings.Contains(limit.Hint(), "fs.inotify.max_user_instances=") {
		t.Errorf("%v", limit.Hint())
	}
}
