//go:build race

package ledger_test

import "flag"

// The race detector watches every memory access of SQLite, too, so a check of the model takes as long as five. As many as a third find
// what the detector is for; all of them are made without it.
func init() { checksOfTheModel = func() error { return flag.Set("rapid.checks", "33") } }
