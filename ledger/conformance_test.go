package ledger_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/ledger/ledgertest"
)

const database = "ledger.db"

// sqlite is the engine of this package. It does without the disk's promise that no test here is about.
var sqlite = ledgertest.Engine{
	Open: func(dir string, now func() time.Time) (ledgertest.Store, error) {
		if err := begin(dir); err != nil {
			return nil, err
		}
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

func TestSQLiteIsWhatAModelInMemoryIs(t *testing.T) {
	all := flag.Lookup("rapid.checks").Value.String()
	if err := checksOfTheModel(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := flag.Set("rapid.checks", all); err != nil {
			t.Error(err)
		}
	}()
	ledgertest.RunModel(t, sqlite)
}

// checksOfTheModel sets how many checks there are; see race_test.go.
var checksOfTheModel = func() error { return nil }

// fresh is the file of a ledger that nothing has happened to. To make one anew for each of some hundred tests would take most of their time.
var fresh = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l, err := ledger.Open(context.Background(), ledger.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	if err := l.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, database))
})

// begin puts a fresh ledger into a folder that has none.
func begin(dir string) error {
	path := filepath.Join(dir, database)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := fresh()
	if err != nil {
		return err
	}
	return os.WriteFile(path, file, 0o600)
}

// crash copies what a killed process would leave: the database as it is, then the log that completes it. That is what was there at one
// moment as long as no checkpoint comes in between, so the database must be the same afterwards.
func crash(from, to string) error {
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
