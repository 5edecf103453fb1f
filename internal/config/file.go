package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// DefaultFile is the file that is read if no other was named and it is there.
const DefaultFile = "whipper.yaml"

// PoolName is what a pool may be called, so that its name needs no quotes in a shell, a log or a URL.
var PoolName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// File is what a whipper.yaml says, with the defaults for what it does not say.
type File struct {
	Path       string // as it was named
	Dir        string // absolute; the file's folder, from which its relative paths go
	Supervisor Supervisor
	Pools      []*Pool // in the order of the file; at least one

	content string
}

// Source is how a file is read.
type Source struct {
	Path string

	// Base is what holds where the file says nothing, and Fixed names the settings that hold whatever it says: those that
	// were given on the command line.
	Base  Supervisor
	Fixed map[string]bool

	// Lookup finds an environment variable; nil: in the environment.
	Lookup func(name string) (string, bool)
}

// Load reads a file. What is wrong with it is a *FileError, which has all that is wrong with it.
func Load(s Source) (*File, error) {
	folder, err := filepath.Abs(filepath.Dir(s.Path))
	if err != nil {
		return nil, fmt.Errorf("find the folder of %s: %w", s.Path, err)
	}
	content, err := readBounded(s.Path)
	if err != nil {
		return nil, err
	}
	return s.read(folder, content)
}

func readBounded(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a pipe would have us wait for who writes to it
		return "", &fs.PathError{Op: "read", Path: path, Err: errors.New("it is no regular file")}
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, mostBytes+1))
	if err != nil {
		return "", err
	}
	if len(content) > mostBytes {
		return "", &FileError{Path: path, Problems: []Problem{{Text: "the file is larger than 1 MiB"}}}
	}
	return string(content), nil
}

// lineEnds are those of other systems, which YAML knows too.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// read makes sense of a file's content.
func (s Source) read(folder, content string) (*File, error) {
	content = lineEnds.Replace(strings.TrimPrefix(content, "\ufeff"))
	f := &File{Path: s.Path, Dir: folder, Supervisor: s.Base, content: content}
	r := &reader{folder: folder, lookup: s.Lookup}
	if r.lookup == nil {
		r.lookup = os.LookupEnv
	}
	if at, bad := invalidUTF8(content); bad {
		r.problems.add(at, "the file is not UTF-8")
		return nil, r.problems.err(s.Path, content)
	}
	root := parse(content, &r.problems)
	switch {
	case root == nil && len(r.problems.all) > 0:
	case root == nil || root.kind == nothing:
		r.problems.add(Place{}, "the file is empty: it needs at least a pool, as in\npools:\n  default:\n    script: tasks.py")
	default:
		r.file(f, root, s.Fixed)
	}
	if err := r.problems.err(s.Path, content); err != nil {
		return nil, err
	}
	return f, nil
}
