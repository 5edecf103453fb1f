package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ephemeralMark is a file in folders that --ephemeral has made. Only such a folder is removed: nobody loses a ledger by one flag.
const ephemeralMark = "ephemeral"

// dirClaim is what becomes of a supervisor's folder at its end.
type dirClaim struct {
	dir    string
	remove bool
	marked bool // --ephemeral has made it, now or before
}

// claimDir makes the folder. Without --ephemeral it stays; with it the folder must be new, or one of an ephemeral supervisor that died.
func (s *supervision) claimDir() (*dirClaim, error) {
	c := &dirClaim{dir: s.dir}
	if !s.ephemeral {
		return c, makeStateDir(s.dir)
	}
	mark := filepath.Join(s.dir, ephemeralMark)
	if _, err := os.Lstat(s.dir); err == nil {
		if _, err := os.Lstat(mark); err != nil {
			return nil, misuse("choose a --dir that is not there yet, or leave --ephemeral out",
				"--ephemeral would remove %s, which it has not made", s.dir)
		}
		c.marked = true
		return c, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("create the folder of the ledger: %w", err)
	}
	if err := makeStateDir(s.dir); err != nil {
		return nil, err
	}
	c.marked, c.remove = true, true
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return nil, fmt.Errorf("create the folder of the ledger: %w", err)
	}
	return c, nil
}

// hold notes that the ledger in the folder is locked: it is nobody else's.
func (c *dirClaim) hold() { c.remove = c.marked }

// release removes the folder, if it is to be.
func (c *dirClaim) release() error {
	if !c.remove {
		return nil
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("remove the folder of --ephemeral: %w", err)
	}
	return nil
}
