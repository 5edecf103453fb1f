package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A stage has so many bytes of disk for each second of a round, twice what clients and workers were seen to fill, and at least a few times the WAL.
const (
	diskRate    = 1 << 20
	diskAtLeast = 64 << 20
)

// disk is the file system that the state folder of a stage is on: a small one in memory, which can be filled. Without the privilege to mount
// one it is that of the folder, and is never full.
type disk struct {
	dir   string
	small bool

	mu     sync.Mutex
	filled []span // times in which it was full
	full   bool
}

// span is a time; the last of them may not have ended.
type span struct{ from, to time.Time }

// newDisk makes a disk of so many bytes; 0: it has those of the folder.
func newDisk(dir string, size int64) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	d := &disk{dir: dir}
	if size == 0 {
		return d, nil
	}
	err := mountSmall(dir, size)
	switch {
	case err == nil:
		d.small = true
	case !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EPERM):
		return nil, fmt.Errorf("mount a file system at %s: %w", dir, err)
	}
	return d, nil
}

// unmount takes the small disk away; keep has what is on it copied to the folder.
func (d *disk) unmount(keep bool) error {
	if !d.small {
		return nil
	}
	d.free()
	if keep {
		d.copyAside()
	}
	if err := unmountSmall(d.dir); err != nil {
		return fmt.Errorf("unmount %s: %w", d.dir, err)
	}
	return nil
}

// copyAside keeps the files that are on the disk. There may be a socket too.
func (d *disk) copyAside() {
	_ = filepath.WalkDir(d.dir, func(path string, e os.DirEntry, err error) error { // what cannot be kept is not
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		to := filepath.Join(d.dir+".kept", strings.TrimPrefix(path, d.dir))
		content, err := os.ReadFile(path)
		return errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, content, 0o600))
	})
}

// fill leaves no room.
func (d *disk) fill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.filled, d.full = append(d.filled, span{from: time.Now()}), true
	f, err := os.Create(filepath.Join(d.dir, "filler"))
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	_ = f.Close() // all that could be written was
}

// free gives the room back.
func (d *disk) free() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		_ = os.Remove(filepath.Join(d.dir, "filler"))
		d.filled[len(d.filled)-1].to, d.full = time.Now(), false
	}
}

// fullSince gives since when, up to a time, the ledger may not have been writable; that time itself if it was.
func (d *disk) fullSince(until time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range slices.Backward(d.filled) {
		if s.from.Before(until) && (s.to.IsZero() || s.to.Add(recovery).After(until)) {
			until = s.from
		}
	}
	return until
}

// recovery is how long a supervisor takes at most to see that there is room again.
const recovery = 7 * time.Second

// wasFull says whether the ledger may not have been writable at a time between two.
func (d *disk) wasFull(from, to time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.filled {
		if s.from.Before(to) && (s.to.IsZero() || s.to.Add(recovery).After(from)) {
			return true
		}
	}
	return false
}
