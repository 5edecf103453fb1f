// Package migrations holds the ledger's schema as numbered SQL files, one folder per SQL dialect. Files only ever get
// added: a released one is never edited, and there is no way down. Applying them is the ledger's business.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed sqlite/*.sql
var files embed.FS

// SQLite returns the files for SQLite, named NNNN_what.sql, at the root of the returned file system.
func SQLite() fs.FS {
	sub, err := fs.Sub(files, "sqlite")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Latest returns the highest version among the files of fsys, such as SQLite gives.
func Latest(fsys fs.FS) (int64, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return 0, err
	}
	var latest int64
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("migration %q: its name must begin with a version number: %w", name, err)
		}
		latest = max(latest, version)
	}
	return latest, nil
}
