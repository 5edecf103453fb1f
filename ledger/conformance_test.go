package ledger_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/ledger/ledgertest"
)

// sqlite is the engine of this package. It does without the disk's promise that no test here is about.
var sqlite = ledgertest.Engine{
	Open: func(dir string, now func() time.Time) (ledgertest.Store, error) {
		return ledger.Open(context.Background(), ledger.Options{Dir: dir, Durability: ledger.Normal, Now: now})
	},
	Crash: crash,
	Import: func(dir string, from io.Reader) (ledger.Imported, error) {
		return ledger.Import(context.Background(), ledger.Options{Dir: dir}, from, ledger.ImportOptions{Source: "in"})
	},
	Check: func(s ledgertest.Store) error {
		faults, err := s.(*ledger.Ledger).CheckAll(context.Background())
		if err == nil && len(faults) > 0 {
			err = fmt.Errorf("%d faults, the first is: %s", len(faults), faults[0].What)
		}
		return err
	},
}

func TestSQLiteKeepsTheContractOfAStore(t *testing.T) { ledgertest.Run(t, sqlite) }

// crash copies what a killed process would leave: the database as it is, then the log that completes it. That is what was there at one
// moment as long as no checkpoint comes in between, so the database must be the same afterwards.
func crash(from, to string) error {
	const database = "ledger.db"
	for {
		before, err := os.ReadFile(filepath.Join(from, database))
		if err != nil {
			return err
		}
		log, err := os.ReadFile(filepath.Join(from, database+"-wal"))
		if err != nil {
			return err
		}
		after, err := os.ReadFile(filepath.Join(from, database))
		if err != nil {
			return err
		}
		if string(after) != string(before) {
			continue
		}
		if err := os.WriteFile(filepath.Join(to, database), before, 0o600); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, database+"-wal"), log, 0o600)
	}
}
