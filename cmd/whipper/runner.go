package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

// runnerCache is a folder of unpacked runners.
type runnerCache struct {
	dir    string
	shared bool // with other supervisors and for all users to read; else for this supervisor alone
}

// extract makes sure that the runner's files are in a folder of the cache that is named by their content, and returns the
// path of its main file. Folders of other versions are removed, unless the cache is shared.
func (l *language) extract(cache runnerCache) (string, error) {
	name, err := contentName(l.runner)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache.dir, name)
	entry := filepath.Join(dir, filepath.FromSlash(l.entry))
	if err := os.Mkdir(cache.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	if err := ownership.Real(cache.dir); err != nil { // what is in it is run
		return "", err
	}
	if !cache.shared {
		if err := removeOthers(cache.dir); err != nil {
			return "", err
		}
	}
	if intact(dir, l.runner) {
		return entry, nil
	}
	temp, err := os.MkdirTemp(cache.dir, "new-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }() // what is left after a failure
	if err := os.CopyFS(temp, l.runner); err != nil {
		return "", err
	}
	if err := cache.setModes(temp); err != nil {
		return "", err
	}
	err = os.Rename(temp, dir)
	if err != nil && !intact(dir, l.runner) { // something else is in its place, and not what another supervisor has just put there
		err = errors.Join(os.RemoveAll(dir), os.Rename(temp, dir))
	}
	if err != nil && !intact(dir, l.runner) {
		return "", err
	}
	return entry, nil
}

// setModes lets all users read a folder and what is in it where the cache is shared, and its owner alone where not, whatever the umask.
func (c runnerCache) setModes(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o600)
		switch {
		case d.IsDir() && c.shared:
			mode = 0o755
		case d.IsDir():
			mode = 0o700
		case c.shared:
			mode = 0o644
		}
		return os.Chmod(path, mode)
	})
}

// sharedCache is the cache of runners for workers of other users: these cannot read the state folder. It is root's, nobody
// else can write to it, and it is gone with the next boot.
func sharedCache() (runnerCache, error) {
	dir := "/run/whipper-runner"
	if !isDir("/run") {
		dir = "/var/run/whipper-runner" // macOS
	}
	if err := os.Mkdir(dir, 0o755); err == nil {
		if err := os.Chmod(dir, 0o755); err != nil { // the umask may have taken bits away
			return runnerCache{}, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return runnerCache{}, err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return runnerCache{}, err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || stat.Uid != 0 || info.Mode().Perm()&0o022 != 0 {
		return runnerCache{}, fmt.Errorf("%s is no folder of root's that only root can write to: remove it", dir)
	}
	return runnerCache{dir: dir, shared: true}, nil
}

// intact says whether dir holds all files as they should be, in folders that nobody else can have made. A power cut may have emptied them,
// however they were written.
func intact(dir string, files fs.FS) bool {
	return nil == fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return ownership.Real(filepath.Join(dir, filepath.FromSlash(path)))
		}
		want, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		found, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err == nil && !bytes.Equal(found, want) {
			err = fs.ErrInvalid
		}
		return err
	})
}

// unpacked are the names of folders that extract makes.
var unpacked = regexp.MustCompile(`^(?:[0-9a-f]{16}|new-[0-9]+)$`)

// removeOthers removes from cache the runners of other versions of this program. What has another name is somebody's who had a folder "runner"
// before it became a state folder's.
func removeOthers(cache string) error {
	keep := map[string]bool{}
	for _, l := range languages {
		name, err := contentName(l.runner)
		if err != nil {
			return err
		}
		keep[name] = true
	}
	entries, err := os.ReadDir(cache)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && unpacked.MatchString(e.Name()) && !keep[e.Name()] {
			if err := os.RemoveAll(filepath.Join(cache, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// contentName is a digest of all names and contents of a file system.
func contentName(files fs.FS) (string, error) {
	digest := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(digest, "%s %d\n", path, len(content))
		_, err = io.Writer(digest).Write(content)
		return err
	})
	return hex.EncodeToString(digest.Sum(nil))[:16], err
}
