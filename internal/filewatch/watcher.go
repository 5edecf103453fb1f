// Package filewatch tells which of the files that globs mean have changed.
//
// The system reports changes; nothing is polled. A file counts as changed when its content or its time is another than before,
// when it has come or when it has gone: not when it was opened, written with what it held, or its mode was changed. What an
// editor does to save a file, and what git does to hundreds, is told once, when it is over. Links to folders are not followed.
// A Watcher has one goroutine of its own, the system's reader, which ends with Close.
package filewatch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	quiet   = 100 * time.Millisecond // without a change, and the changes before are told
	longest = time.Second            // that changes wait to be told while others come
)

// Options of a Watcher.
type Options struct {
	Globs  []string     // patterns; ** stands for any number of folders
	Dir    string       // absolute; where relative patterns are meant from
	Ignore []string     // absolute paths of folders; .git, node_modules, .venv and __pycache__ are ignored anyway
	Logger *slog.Logger // nil: nothing is logged
}

// Watcher watches the folders in which the globs' files are, or may come to be.
type Watcher struct {
	opts  Options
	globs []*glob
	fs    *fsnotify.Watcher
	add   func(folder string) error

	files   map[string]stamp    // that are meant
	folders map[string]struct{} // that are watched
	dirty   map[string]struct{} // that may have changed
	first   time.Time           // when the first of them did
	marked  bool                // one has, since this was last looked at
}

// New looks at all files that the globs mean, and begins to watch. A *LimitError says that there are more folders than the system
// allows to be watched. Close the watcher after use.
func New(o Options) (*Watcher, error) { return open(o, nil) }

// open is New; add stands in for the system's where it is not nil.
func open(o Options, add func(folder string) error) (*Watcher, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{opts: o, files: map[string]stamp{}, folders: map[string]struct{}{}, dirty: map[string]struct{}{}}
	for _, text := range o.Globs {
		g, err := parseGlob(text, o.Dir)
		if err != nil {
			return nil, err
		}
		w.globs = append(w.globs, g)
	}
	var err error
	if w.fs, err = fsnotify.NewWatcher(); err != nil {
		return nil, limited(o.Dir, err)
	}
	if w.add = add; add == nil {
		w.add = w.fs.Add
	}
	if err := w.scan(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	w.settle()
	return w, nil
}

// Close ends the watch.
func (w *Watcher) Close() error {
	if err := w.fs.Close(); err != nil {
		return fmt.Errorf("close the file watcher: %w", err)
	}
	return nil
}

// Files is how many files are watched. Not while Run runs.
func (w *Watcher) Files() int { return len(w.files) }

// Unmatched gives the globs that no file matches. Not while Run runs.
func (w *Watcher) Unmatched() []string {
	var unmatched []string
	for _, g := range w.globs {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(w.files)), g.matches) {
			unmatched = append(unmatched, g.text)
		}
	}
	return unmatched
}

// Run sends the paths of files that have changed, sorted, until ctx ends. While the receiver is busy they are gathered.
func (w *Watcher) Run(ctx context.Context, changed chan<- []string) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var ready []string
	for {
		var out chan<- []string
		if len(ready) > 0 {
			out = changed
		}
		select {
		case <-ctx.Done():
			return
		case e, open := <-w.fs.Events:
			if !open {
				return
			}
			if w.note(e) {
				timer.Reset(min(quiet, longest-time.Since(w.first)))
			}
		case err := <-w.fs.Errors:
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				w.overflowed()
				timer.Reset(quiet)
			} else {
				w.opts.Logger.Warn("file watcher", "error", err)
			}
		case <-timer.C:
			ready = append(ready, w.settle()...)
			slices.Sort(ready)
			ready = slices.Compact(ready)
		case out <- ready:
			ready = nil
		}
	}
}

// note remembers what an event is about, and says whether that may be a change. What it was does not matter: the file tells.
func (w *Watcher) note(e fsnotify.Event) bool {
	path := filepath.Clean(e.Name)
	w.marked = false
	if _, watched := w.folders[path]; watched && e.Op&(fsnotify.Remove|fsnotify.Rename) != 0 {
		w.gone(path)
	}
	if e.Op&fsnotify.Create != 0 && w.mayHold(path) && w.isFolder(path) {
		if err := w.walk(path); err != nil {
			w.opts.Logger.Warn("changes in a new folder are not seen", "error", err)
		}
	}
	if w.matches(path) {
		w.mark(path)
	}
	return w.marked
}

// gone forgets a folder that was removed or renamed, with all below. One that has come in its place is told of by another event.
func (w *Watcher) gone(folder string) {
	for f := range w.folders {
		if within(f, folder) {
			delete(w.folders, f)
			_ = w.fs.Remove(f) // the system has mostly done so
		}
	}
	for f := range w.files {
		if within(f, folder) {
			w.mark(f)
		}
	}
	if w.isFolder(folder) {
		if err := w.walk(folder); err != nil {
			w.opts.Logger.Warn("changes in a new folder are not seen", "error", err)
		}
	}
}

// overflowed looks at everything again, because the system has dropped events.
func (w *Watcher) overflowed() {
	w.opts.Logger.Debug("more files change than the system tells of one by one; all are looked at")
	clear(w.folders) // adding a watch again does no harm
	for f := range w.files {
		w.mark(f)
	}
	if err := w.scan(); err != nil {
		w.opts.Logger.Warn("changes in a new folder are not seen", "error", err)
	}
}

// settle compares the files that may have changed with what they were, and gives those that have.
func (w *Watcher) settle() []string {
	var changed []string
	for path := range w.dirty {
		before, was := w.files[path]
		now, is := stampOf(path)
		switch {
		case !is && was:
			delete(w.files, path)
		case !is, was && now.equal(before):
			continue
		default:
			w.files[path] = now
		}
		changed = append(changed, path)
	}
	clear(w.dirty)
	slices.Sort(changed)
	return changed
}

func (w *Watcher) mark(path string) {
	if len(w.dirty) == 0 {
		w.first = time.Now()
	}
	w.dirty[path] = struct{}{}
	w.marked = true
}

// scan watches all folders that matter and marks all files that are meant.
func (w *Watcher) scan() error {
	for _, g := range w.globs {
		if err := w.walk(g.root); err != nil {
			return err
		}
	}
	return nil
}

// walk watches a folder, and those below that matter, and marks their files. Watched first and read then, so that no file slips
// through in between.
func (w *Watcher) walk(folder string) error {
	if _, done := w.folders[folder]; done || !w.mayHold(folder) {
		return nil
	}
	switch err := w.add(folder); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		w.opts.Logger.Debug("folder is not watched", "error", err)
		return nil
	case err != nil:
		return limited(folder, err)
	}
	w.folders[folder] = struct{}{}
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.opts.Logger.Debug("folder is not read", "error", err)
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if !e.Type().IsRegular() && w.isFolder(path) {
			if err := w.walk(path); err != nil {
				return err
			}
		} else if w.matches(path) {
			w.mark(path)
		}
	}
	return nil
}

func (w *Watcher) matches(path string) bool {
	return slices.ContainsFunc(w.globs, func(g *glob) bool { return g.mayHold(filepath.Dir(path)) && g.matches(path) })
}

func (w *Watcher) mayHold(folder string) bool {
	return !w.ignores(folder) && slices.ContainsFunc(w.globs, func(g *glob) bool { return g.mayHold(folder) })
}

func (w *Watcher) ignores(path string) bool {
	return slices.ContainsFunc(w.opts.Ignore, func(dir string) bool { return within(path, dir) })
}

// isFolder says whether a path is a folder that is looked into: not a link to one, unless a glob names it.
func (w *Watcher) isFolder(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return err == nil && info.IsDir()
	}
	return isDir(path) && slices.ContainsFunc(w.globs, func(g *glob) bool { return within(g.base, path) })
}
