package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"
)

// checkedAtStart is up to how many bytes a ledger is looked through for damage when it is opened for writing: about 0.4 s.
const checkedAtStart = 256 << 20

const quickCheckSQL = `PRAGMA quick_check(1)`

// checkAtStart is Check for a ledger that is about to be opened for writing, unless it is so large that the start would be held up.
func checkAtStart(ctx context.Context, db *sql.DB, path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() > checkedAtStart {
		return err
	}
	return quickCheck(ctx, db, path)
}

// Check reads the whole file and looks for damage, as SQLite's quick_check does; the time that takes grows with the file.
// Damage is a *DamagedError that names the first fault.
func (r *Reader) Check(ctx context.Context) error {
	return quickCheck(ctx, r.db, r.path)
}

func quickCheck(ctx context.Context, db *sql.DB, path string) error {
	var verdict string
	err := db.QueryRowContext(ctx, quickCheckSQL).Scan(&verdict)
	return judge(path, verdict, err)
}

// checkAtStart is the function of that name for the writer's connection.
func (c *conn) checkAtStart(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() > checkedAtStart {
		return err
	}
	var verdict string
	err = c.query(quickCheckSQL, func(values []driver.Value) error {
		verdict, _ = values[0].(string)
		return nil
	})
	return judge(path, verdict, err)
}

// judge says what a quick_check has found.
func judge(path, verdict string, err error) error {
	if err != nil {
		return fmt.Errorf("check ledger %q: %w", path, asDamaged(path, err))
	}
	if verdict != "ok" {
		return &DamagedError{Path: path, Err: fmt.Errorf("%s (`whipper ledger check` lists every fault)", faultLines(verdict)[0])}
	}
	return nil
}

// faultLines are the faults in a row of SQLite's checks, which may begin with a line that only names the database.
func faultLines(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > 1 && strings.HasPrefix(lines[0], "***") {
		lines = lines[1:]
	}
	return lines
}

// Fault is one thing that is wrong with a ledger.
type Fault struct {
	What string
	Fix  string // what to do about it
}

// What to do about faults.
const (
	fixFile  = "stop the supervisor and restore a backup; without one, `sqlite3 ledger.db .recover` saves what can still be read"
	fixBooks = "stop the supervisor; `whipper ledger export` and `whipper ledger import` into a new folder write the books anew. Schedules, and statistics of what was pruned, are not part of an export"
)

// maxFaults is how many faults of one kind are told.
const maxFaults = 100

// books are whipper's own rules about its rows, each as a query for what breaks it. %d and %s of tell are its columns.
var books = []struct{ query, tell string }{
	{
		`SELECT pool, method, state, sum(told), sum(found) FROM (
			SELECT pool, method, state, n AS told, 0 AS found FROM tally
			UNION ALL SELECT pool, method, state, 0, count(*) FROM job GROUP BY 1, 2, 3)
		GROUP BY 1, 2, 3 HAVING sum(told) <> sum(found) LIMIT ?`,
		"pool %q, method %q: the tally counts jobs that are %s wrongly: as %d, but there are %d",
	},
	{
		`SELECT job_id, count(*) FROM attempt WHERE NOT EXISTS (SELECT 1 FROM job WHERE id = job_id) GROUP BY job_id LIMIT ?`,
		"there is no job %d, but %d attempts of it",
	},
	{
		`SELECT id, max(number), runs FROM attempt JOIN job ON id = job_id GROUP BY id HAVING max(number) > runs LIMIT ?`,
		"job %d has an attempt %d, but only %d runs",
	},
	{
		`SELECT ifnull(max(id), 0), ifnull((SELECT n FROM counter WHERE name = 'job_id'), 0) AS next FROM job
		HAVING ifnull(max(id), 0) >= next LIMIT ?`,
		"job %d is there, but ids are given out from %d on",
	},
	{
		`SELECT id, 'params' FROM job WHERE length(params) = 0 AND NOT EXISTS (SELECT 1 FROM payload WHERE payload.id = 4 * job.id + 2)
			UNION ALL SELECT id, 'result' FROM job WHERE length(result) = 0 AND NOT EXISTS (SELECT 1 FROM payload WHERE payload.id = 4 * job.id + 3)
			UNION ALL SELECT id, 'error' FROM job WHERE length(error) = 0 AND NOT EXISTS (SELECT 1 FROM payload WHERE payload.id = 4 * job.id + 1)
			UNION ALL SELECT id, 'progress' FROM job WHERE length(progress) = 0 AND NOT EXISTS (SELECT 1 FROM payload WHERE payload.id = 4 * job.id)
		LIMIT ?`,
		"job %d has lost its %s",
	},
	{
		`SELECT id / 4, count(*) FROM payload WHERE NOT EXISTS (SELECT 1 FROM job WHERE job.id = payload.id / 4) GROUP BY 1 LIMIT ?`,
		"there is no job %d, but %d payloads of it",
	},
	{
		`SELECT id, state FROM job WHERE (finished_at IS NULL) <> (state = 'queued' OR state = 'running') LIMIT ?`,
		"job %d is %s, and when it finished does not fit that",
	},
	{
		`SELECT id FROM job WHERE state = 'running' AND (started_at IS NULL OR runs < 1) LIMIT ?`,
		"job %d is running, but has no start",
	},
	{
		`SELECT id FROM job WHERE NOT json_valid(ifnull(labels, '{}')) OR NOT json_valid(ifnull(backoff, '{}')) LIMIT ?`,
		"job %d has labels or a backoff that are no JSON",
	},
}

// CheckAll reads everything in the file, looks for damage as SQLite's integrity_check does, and holds whipper's own books against the rows:
// the tally, the attempts and the id counter. It returns what is wrong, at most 100 faults of a kind. A file that cannot be read
// to the end has that as its last fault.
func (r *Reader) CheckAll(ctx context.Context) ([]Fault, error) {
	// One snapshot, or a commit between two reads would look like a fault.
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("check ledger %q: %w", r.path, asDamaged(r.path, err))
	}
	defer tx.Rollback() // nothing to undo
	var faults []Fault
	rows, err := tx.QueryContext(ctx, fmt.Sprintf("PRAGMA integrity_check(%d)", maxFaults))
	err = eachRow(rows, err, 1, func(values []driver.Value) error {
		if text, _ := values[0].(string); text != "ok" {
			for _, line := range faultLines(text) {
				faults = append(faults, Fault{line, fixFile})
			}
		}
		return nil
	})
	for i := 0; err == nil && i < len(books); i++ {
		faults, err = checkBook(ctx, tx, faults, books[i].query, books[i].tell)
	}
	if damaged := (*DamagedError)(nil); errors.As(asDamaged(r.path, err), &damaged) {
		return append(faults, Fault{damaged.Err.Error(), fixFile}), nil
	}
	if err != nil {
		return nil, fmt.Errorf("check ledger %q: %w", r.path, err)
	}
	return faults, nil
}

// checkBook adds what a query finds.
func checkBook(ctx context.Context, tx *sql.Tx, faults []Fault, query, tell string) ([]Fault, error) {
	rows, err := tx.QueryContext(ctx, query, maxFaults)
	if err != nil {
		return faults, err
	}
	columns, err := rows.Columns()
	if err != nil {
		return faults, errors.Join(err, rows.Close())
	}
	err = eachRow(rows, nil, len(columns), func(values []driver.Value) error {
		args := make([]any, len(values))
		for i, v := range values {
			args[i] = v
		}
		faults = append(faults, Fault{fmt.Sprintf(tell, args...), fixBooks})
		return nil
	})
	return faults, err
}
