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
)

// extract makes sure that the runner's files are in a folder of cache that is named by their content, and returns the
// path of its main file. Folders of other versions are removed; the caller holds the lock that makes it the only one.
func (l *language) extract(cache string) (string, error) {
	name, err := contentName(l.runner)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, name)
	entry := filepath.Join(dir, filepath.FromSlash(l.entry))
	if err := removeOthers(cache); err != nil {
		return "", err
	}
	if intact(dir, l.runner) {
		return entry, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }() // what is left after a failure
	if err := os.CopyFS(temp, l.runner); err != nil {
		return "", err
	}
	return entry, os.Rename(temp, dir)
}

// intact says whether dir holds all files as they should be. A power cut may have emptied them, however they were written.
func intact(dir string, files fs.FS) bool {
	return nil == fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
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

// removeOthers removes from cache whatever is not a runner of this program.
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
		if !keep[e.Name()] {
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
