// Package migrations holds the ledger's schema as numbered SQL files, one folder per SQL dialect. Files only ever get
// added: a released one is never edited, and there is no way down. Applying them is the ledger's business.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
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

// Versions returns the versions of the files of fsys, such as SQLite gives, rising.
func Versions(fsys fs.FS) ([]int64, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	var versions []int64
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %q: its name must begin with a version number: %w", name, err)
		}
		versions = append(versions, version)
	}
	slices.Sort(versions)
	return versions, nil
}

// Latest returns the highest version among the files of fsys, such as SQLite gives.
func Latest(fsys fs.FS) (int64, error) {
	versions, err := Versions(fsys)
	if err != nil || len(versions) == 0 {
		return 0, err
	}
	return versions[len(versions)-1], nil
}
