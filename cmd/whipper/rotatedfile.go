package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

// rotatedFile is a log that grows to a size and then becomes NAME.1, what was NAME.1 becomes NAME.2, and so on. A write that fails
// loses its line; the next one tries again. It belongs to one goroutine, but for its limits.
type rotatedFile struct {
	path string
	most atomic.Int64 // bytes; a line that is longer has a file of its own
	keep atomic.Int64 // old files
	log  *slog.Logger

	file   *os.File // nil: it could not be opened
	size   int64
	looked time.Time // when it was last seen that path still leads to file
	lost   int       // lines since writing began to fail
}

// lookAgain is how often it is seen whether somebody has moved or removed the file.
const lookAgain = time.Second

// openRotatedFile opens the file for its owner alone, or goes on with the one that is there, if nobody else can have put it there.
func openRotatedFile(path string, most int64, keep int, log *slog.Logger) (*rotatedFile, error) {
	r := &rotatedFile{path: path, log: log}
	r.limit(most, keep)
	return r, r.open()
}

// limit sets the size and the number of old files from the next line on.
func (r *rotatedFile) limit(most int64, keep int) {
	r.most.Store(most)
	r.keep.Store(int64(keep))
}

// Write implements io.Writer. It fails only towards the log.
func (r *rotatedFile) Write(line []byte) (int, error) {
	if err := r.write(line); err != nil {
		if r.lost == 0 {
			r.log.Error("worker log cannot be written; its lines are lost until it can", "file", r.path, "error", err)
		}
		r.lost++
		return len(line), nil
	}
	if r.lost > 0 {
		r.log.Info("worker log can be written again", "file", r.path, "lost", r.lost)
		r.lost = 0
	}
	return len(line), nil
}

// Close closes the file.
func (r *rotatedFile) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

func (r *rotatedFile) write(line []byte) error {
	if err := r.follow(); err != nil {
		return err
	}
	if r.size > 0 && r.size+int64(len(line)) > r.most.Load() {
		if err := r.rotate(); err != nil {
			return err
		}
	}
	n, err := r.file.Write(line)
	if err != nil && n > 0 { // the next line must not begin in the middle of this one
		err = errors.Join(err, r.file.Truncate(r.size))
	}
	if err == nil {
		r.size += int64(n)
	}
	return err
}

// follow opens the file where it is not open, or where its name leads to another one: who moved it wants a new one.
func (r *rotatedFile) follow() error {
	if r.file == nil {
		return r.open()
	}
	now := time.Now()
	if now.Sub(r.looked) < lookAgain {
		return nil
	}
	r.looked = now
	there, err := os.Stat(r.path)
	if err == nil {
		var ours fs.FileInfo
		if ours, err = r.file.Stat(); err == nil && os.SameFile(there, ours) {
			return nil
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_ = r.file.Close() // somebody else's by now
	return r.open()
}

func (r *rotatedFile) open() error {
	r.file = nil
	file, err := ownership.Open(r.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	r.file, r.size, r.looked = file, info.Size(), time.Now()
	return nil
}

// rotate moves all files on by one; the oldest goes.
func (r *rotatedFile) rotate() error {
	if err := r.file.Close(); err != nil {
		r.log.Warn("worker log is not closed as it should be", "file", r.path, "error", err)
	}
	r.file = nil
	var faults []error
	for i := int(r.keep.Load()); i > 0; i-- {
		from := r.path
		if i > 1 {
			from = r.numbered(i - 1)
		}
		if err := os.Rename(from, r.numbered(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 { // it grows on, rather than that lines are lost
		r.log.Warn("worker log cannot be rotated and grows on", "file", r.path, "error", errors.Join(faults...))
	}
	if err := r.open(); err != nil {
		return err
	}
	if len(faults) > 0 {
		r.size = 0 // try again when it has grown by as much
	}
	return nil
}

func (r *rotatedFile) numbered(i int) string { return r.path + "." + strconv.Itoa(i) }
