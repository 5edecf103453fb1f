package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"

	"github.com/whipper-sidecar/whipper/migrations"
)

const applicationID = 0x77687072 // also in 0001_ledger.sql

// migrate brings the database to the newest schema of steps. A newer one than this program knows is refused untouched, and so is one that
// is damaged, as far as checkAtStart looks. A ledger is backed up before it is upgraded; saved names the file.
func migrate(ctx context.Context, path string, d Durability, steps fs.FS) (saved string, err error) {
	db, err := sql.Open("sqlite", writerDSN(path, d))
	if err != nil {
		return "", err
	}
	defer db.Close()
	known, err := migrations.Latest(steps)
	if err != nil {
		return "", err
	}
	found, err := schemaVersion(ctx, db, path)
	switch {
	case err != nil:
		return "", err
	case found > known:
		return "", &SchemaError{Path: path, Found: found, Known: known}
	}
	if err := checkAtStart(ctx, db, path); err != nil || found == known {
		return "", err
	}
	if found > 0 {
		// One of an earlier try to upgrade is older than the ledger, which is still of that version.
		saved = fmt.Sprintf("%s.v%d.bak", path, found)
		if _, err := backup(ctx, path, saved, BackupOptions{Force: true}); err != nil {
			return "", fmt.Errorf("back up to %q before the upgrade from schema version %d: %w", saved, found, err)
		}
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, steps,
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return "", fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return "", fmt.Errorf("migrate from schema version %d to %d: %w", found, known, err)
	}
	return saved, nil
}

// checkSchema refuses every version but the one that this program's queries are written for.
func checkSchema(ctx context.Context, db *sql.DB, path string) error {
	known, err := migrations.Latest(migrations.SQLite())
	if err != nil {
		return err
	}
	found, err := schemaVersion(ctx, db, path)
	if err != nil {
		return err
	}
	if found != known {
		return &SchemaError{Path: path, Found: found, Known: known}
	}
	return nil
}

// schemaVersion returns the version of the schema, 0 for an empty file. A database that is not a ledger is a *DamagedError.
func schemaVersion(ctx context.Context, db *sql.DB, path string) (int64, error) {
	var tables, id int64
	err := db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'
		AND name <> 'goose_db_version'), application_id FROM pragma_application_id`).Scan(&tables, &id)
	if err != nil {
		return 0, asDamaged(path, err)
	}
	if tables == 0 {
		return 0, nil // new, or its first migration was cut short
	}
	if id != applicationID {
		return 0, &DamagedError{Path: path, Err: errors.New("it is a SQLite database of another program")}
	}
	var version int64
	err = db.QueryRowContext(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&version)
	if err != nil {
		return 0, &DamagedError{Path: path, Err: err}
	}
	return version, nil
}
