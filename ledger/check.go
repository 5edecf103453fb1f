package ledger

import (
	"context"
	"errors"
	"fmt"
)

// Check reads the whole file and looks for damage, as SQLite's quick_check does; the time that takes grows with the file.
// Damage is a *DamagedError that names the first fault.
func (r *Reader) Check(ctx context.Context) error {
	var verdict string
	if err := r.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check ledger %q: %w", r.path, asDamaged(r.path, err))
	}
	if verdict != "ok" {
		return &DamagedError{Path: r.path, Err: errors.New(verdict)}
	}
	return nil
}
