package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/whipper-sidecar/whipper/internal/filewatch"
)

// fileWatch restarts a pool when files change.
type fileWatch struct {
	files *filewatch.Watcher
	globs []string // that match no file yet
	end   context.CancelFunc
	done  sync.WaitGroup
}

// watchFiles begins to look at files. Relative globs are meant from dir, or the working folder. Without globs there is nothing to
// watch, and the fileWatch is nil.
func watchFiles(globs []string, dir string, o filewatch.Options) (*fileWatch, error) {
	if len(globs) == 0 {
		return nil, nil
	}
	if dir == "" {
		var err error
		if dir, err = os.Getwd(); err != nil {
			return nil, fmt.Errorf("find the working folder: %w", err)
		}
	}
	o.Globs, o.Dir = globs, dir
	files, err := filewatch.New(o)
	var limit *filewatch.LimitError
	var pattern *filewatch.PatternError
	switch {
	case errors.As(err, &limit):
		return nil, &failure{Err: err, Code: exitFailed, Hint: limit.Hint()}
	case errors.As(err, &pattern):
		return nil, badGlob(err)
	case err != nil:
		return nil, err
	}
	return &fileWatch{files: files, globs: files.Unmatched()}, nil
}

func badGlob(err error) error { return misuse("write it as in: --watch '**/*.py'", "--watch: %w", err) }

// start has the files' changes restart a pool until ctx ends or close is called. A restart that fails leaves the old workers serving,
// and the next change is the next try.
func (w *fileWatch) start(ctx context.Context, p *member, say func(format string, args ...any)) {
	if w == nil {
		return
	}
	say("whipper: pool %s restarts when a file changes: %s watched", p.Name(), plural(w.files.Files(), "file"))
	for _, glob := range w.globs {
		say("whipper: pool %s: --watch %q matches no file yet", p.Name(), glob)
	}
	ctx, w.end = context.WithCancel(ctx)
	changed := make(chan []string)
	w.done.Go(func() { w.files.Run(ctx, changed) })
	w.done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case paths := <-changed:
				replaced, err := p.Restart(ctx)
				switch {
				case ctx.Err() != nil:
					return
				case err != nil:
					say("whipper: pool %s: %s changed: %s", p.Name(), some(paths), restartFailure(p, err))
				default:
					say("whipper: pool %s: %s changed: %s replaced", p.Name(), some(paths), plural(replaced, "worker"))
				}
			}
		}
	})
}

// close ends the watch; w may be nil.
func (w *fileWatch) close() {
	if w == nil {
		return
	}
	if w.end != nil {
		w.end()
	}
	w.done.Wait()
	_ = w.files.Close() // nothing is lost
}

// some names the first few of many files.
func some(paths []string) string {
	const most = 3
	var names []string
	for _, path := range paths[:min(most, len(paths))] {
		names = append(names, short(path))
	}
	if more := len(paths) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	return strings.Join(names, ", ")
}
