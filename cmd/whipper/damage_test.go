package main

import (
	"bytes"
	"database/sql"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// damage FILE writes over the third quarter of a file. damage FILE STATEMENT changes a database instead, as no whipper would.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	if len(args) == 2 {
		db, err := sql.Open("sqlite", path)
		ts.Check(err)
		_, err = db.Exec(args[1])
		ts.Check(err)
		ts.Check(db.Close())
		return
	}
	content, err := os.ReadFile(path)
	ts.Check(err)
	copy(content[len(content)*3/4:], bytes.Repeat([]byte{0xa5}, 8192))
	ts.Check(os.WriteFile(path, content, 0o600))
}
