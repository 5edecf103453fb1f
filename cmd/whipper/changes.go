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

// changes watches the files whose changes restart a pool.
type changes struct {
	*filewatch.Watcher
	files     int
	unmatched []string
}

// watchFiles begins to watch. Relative globs are meant from the working folder.
func watchFiles(globs []string, o filewatch.Options) (*changes, error) {
	if len(globs) == 0 {
		return nil, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the working folder: %w", err)
	}
	o.Globs, o.Dir = globs, dir
	w, err := filewatch.New(o)
	var limit *filewatch.LimitError
	var pattern *filewatch.PatternError
	switch {
	case errors.As(err, &limit):
		return nil, &failure{Err: err, Code: exitFailed, Hint: limit.Hint()}
	case errors.As(err, &pattern):
		return nil, misuse("write it as in: --watch '**/*.py'", "--watch: %w", err)
	case err != nil:
		return nil, err
	}
	return &changes{w, w.Files(), w.Unmatched()}, nil
}

// close ends the watch; c may be nil.
func (c *changes) close() {
	if c != nil {
		_ = c.Close() // nothing is lost
	}
}

// restartOnChange restarts the pool when files have changed, until ctx ends. A restart that fails leaves the old workers serving, and
// the next change is the next try.
func (o *operator) restartOnChange(ctx context.Context, p operated) {
	o.say("whipper: pool %s restarts when a file changes: %s watched", p.Name(), plural(p.files.files, "file"))
	for _, glob := range p.files.unmatched {
		o.say("whipper: pool %s: --watch %q matches no file yet", p.Name(), glob)
	}
	changed := make(chan []string)
	var watching sync.WaitGroup
	watching.Go(func() { p.files.Run(ctx, changed) })
	defer watching.Wait()
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
				o.say("whipper: pool %s: %s changed: %s", p.Name(), some(paths), restartFailure(p, err))
			default:
				o.say("whipper: pool %s: %s changed: %s replaced", p.Name(), some(paths), plural(replaced, "worker"))
			}
		}
	}
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
