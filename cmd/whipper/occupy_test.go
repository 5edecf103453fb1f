package main

import (
	"context"
	"database/sql"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"
)

// occupy FILE keeps everybody else from writing to a ledger until the script ends, as a disk that fails would.
func occupy(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0])+"?_pragma=busy_timeout(5000)")
	ts.Check(err)
	conn, err := db.Conn(context.Background())
	ts.Check(err)
	_, err = conn.ExecContext(context.Background(), "BEGIN IMMEDIATE")
	ts.Check(err)
	ts.Defer(func() {
		_ = conn.Close() // with the transaction, of which nothing is wanted
		_ = db.Close()
	})
}
