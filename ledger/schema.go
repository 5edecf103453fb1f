package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/pressly/goose/v3"

	"github.com/whipper-sidecar/whipper/migrations"
)

const applicationID = 0x77687072 // also in 0001_ledger.sql

// migrate brings the database to the newest schema. A newer one than this program knows is refused untouched.
func migrate(ctx context.Context, path string, d Durability) error {
	return migrateTo(ctx, migrations.SQLite(), path, d)
}

// migrateTo applies those of the files that are missing, in order. One that is missing below the highest is made up for: it came
// from another branch, and touches other tables.
func migrateTo(ctx context.Context, files fs.FS, path string, d Durability) error {
	db, err := sql.Open("sqlite", writerDSN(path, d))
	if err != nil {
		return err
	}
	defer db.Close()
	found, known, err := schemaVersions(ctx, db, files, path)
	switch {
	case err != nil:
		return err
	case found > known:
		return &SchemaError{Path: path, Found: found, Known: known}
	case found == known:
		return nil
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithAllowOutofOrder(true),
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate from schema version %d to %d: %w", found, known, err)
	}
	return nil
}

// checkSchema refuses every version but the one that this program's queries are written for.
func checkSchema(ctx context.Context, db *sql.DB, path string) error {
	found, known, err := schemaVersions(ctx, db, migrations.SQLite(), path)
	if err != nil {
		return err
	}
	if found != known {
		return &SchemaError{Path: path, Found: found, Known: known}
	}
	return nil
}

// schemaVersions returns the version of the database's schema and the latest among the files. Where files are missing in the
// database, its version is that of the last one before the first gap.
func schemaVersions(ctx context.Context, db *sql.DB, files fs.FS, path string) (found, known int64, err error) {
	versions, err := migrations.Versions(files)
	if err != nil {
		return 0, 0, err
	}
	known = versions[len(versions)-1]
	applied, err := appliedVersions(ctx, db, path)
	if err != nil {
		return 0, 0, err
	}
	if len(applied) > 0 && applied[len(applied)-1] > known {
		return applied[len(applied)-1], known, nil
	}
	for _, version := range versions {
		if !slices.Contains(applied, version) {
			break
		}
		found = version
	}
	return found, known, nil
}

// appliedVersions returns the versions that have been applied, rising; none for an empty file. A database that is not a ledger
// is a *DamagedError.
func appliedVersions(ctx context.Context, db *sql.DB, path string) ([]int64, error) {
	var tables, id int64
	err := db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'
		AND name <> 'goose_db_version'), application_id FROM pragma_application_id`).Scan(&tables, &id)
	if err != nil {
		return nil, asDamaged(path, err)
	}
	if tables == 0 {
		return nil, nil // new, or its first migration was cut short
	}
	if id != applicationID {
		return nil, &DamagedError{Path: path, Err: errors.New("it is a SQLite database of another program")}
	}
	var versions []int64
	rows, err := db.QueryContext(ctx, `SELECT version_id FROM goose_db_version WHERE is_applied AND version_id > 0 ORDER BY version_id`)
	err = eachRow(rows, err, 1, func(values []driver.Value) error {
		s := scanner{values: values}
		versions = append(versions, s.int())
		return nil
	})
	if err == nil && len(versions) == 0 {
		err = errors.New("no version of its schema is on record")
	}
	if err != nil {
		return nil, &DamagedError{Path: path, Err: err}
	}
	return versions, nil
}
