package ledger

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each part of a ledger that can be damaged, and by what that is found: the start, `ledger check`, or both. Nothing passes both by and does harm.
func TestDamageIsFoundWhereverItIs(t *testing.T) {
	pages := func(which string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			r, err := OpenReader(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			damagePages(t, dir, r.db, which)
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	content := func(change func(b []byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, fileName)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(b), filePerm); err != nil {
				t.Fatal(err)
			}
		}
	}
	for what, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		check  bool // the start lets it pass, since it only looks quickly; `ledger check` finds it
	}{
		"a page of jobs":                {damage: pages("name = 'job' AND pagetype = 'leaf' ORDER BY pageno LIMIT 1 OFFSET 2")},
		"the root of the jobs":          {damage: pages("name = 'job' AND path = '/'")},
		"a page of payloads":            {damage: pages("name = 'payload' AND pagetype = 'leaf' LIMIT 1")},
		"a page of the index of states": {damage: pages("name = 'job_state' AND pagetype = 'leaf' LIMIT 1")},
		"the index of what is ready":    {damage: pages("name = 'job_ready'")},
		"the counter":                   {damage: pages("name = 'counter'")},
		"the migrations":                {damage: pages("name = 'goose_db_version'")},
		"rows, but not their index":     {damage: content(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("ptherequeued"), []byte("ptherXqueued")) }), check: true},
		"the header":                    {damage: content(func(b []byte) []byte { return append(bytes.Repeat([]byte{7}, 100), b[100:]...) })},
		"the size of pages":             {damage: content(func(b []byte) []byte { b[16] = 3; return b })},
		"the list of free pages":        {damage: content(func(b []byte) []byte { copy(b[32:40], []byte{0, 0, 0, 2, 0, 0, 0, 9}); return b })},
		"the second half is gone":       {damage: content(func(b []byte) []byte { return b[:len(b)/8192*4096] })},
		"the last page is gone":         {damage: content(func(b []byte) []byte { return b[:len(b)-4096] })},
		"all but the header is gone":    {damage: content(func(b []byte) []byte { return b[:100] })},
		"it is something else":          {damage: content(func([]byte) []byte { return bytes.Repeat([]byte("no ledger\n"), 1000) })},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir)
			jobs := slices.Repeat([]Job{{Pool: "p", Method: "there", Params: []byte(`["0123456789012345678901234567890123456789"]`)}}, 500)
			jobs[7].Params = bytes.Repeat([]byte("7"), 3000)
			submit(t, l, jobs...)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			c.damage(t, dir)
			var damaged *DamagedError
			l, err := Open(t.Context(), Options{Dir: dir})
			if err == nil {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}
			if c.check && err != nil || !c.check && (!errors.As(err, &damaged) || !strings.Contains(err.Error(), "restore a backup")) {
				t.Errorf("the start says: %v", err)
			}
			r, err := OpenReader(t.Context(), dir)
			if err != nil {
				if !errors.As(err, &damaged) {
					t.Errorf("a reader says: %v", err)
				}
				return
			}
			defer r.Close()
			if faults, err := r.CheckAll(context.Background()); err != nil || len(faults) == 0 || faults[0].Fix == "" {
				t.Errorf("the check says: %+v, %v", faults, err)
			}
		})
	}
}

func TestAWALThatIsGoneOrGarbageCostsWhatWasInItAndNothingElse(t *testing.T) {
	garbage := bytes.Repeat([]byte{0xa5}, 100_000)
	for what, damage := range map[string]func(wal []byte) []byte{
		"gone":                  func([]byte) []byte { return nil },
		"garbage":               func([]byte) []byte { return garbage },
		"garbage at the end":    func(wal []byte) []byte { return append(wal, garbage...) },
		"cut":                   func(wal []byte) []byte { return wal[:len(wal)-1000] },
		"garbage in the middle": func(wal []byte) []byte { copy(wal[len(wal)/2:], garbage[:4096]); return wal },
	} {
		t.Run(what, func(t *testing.T) {
			root := t.TempDir()
			d := useDisk(t, root, 1)
			l := open(t, root)
			first := submit(t, l, Job{Pool: "p", Method: "m"})
			var err error
			if after := l.writer.afterCommit(t.Context(), func(c *conn) { err = c.emptyWAL() }); after != nil || err != nil {
				t.Fatal(after, err)
			}
			for range 20 {
				submit(t, l, Job{Pool: "p", Method: "m"})
			}
			dir := d.leave(t, false)
			path := filepath.Join(dir, fileName+"-wal")
			wal, err := os.ReadFile(path)
			if err != nil || len(wal) < 20*4096 {
				t.Fatalf("the WAL has %d bytes: %v", len(wal), err)
			}
			if wal = damage(wal); wal == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, wal, filePerm)
			}
			if err != nil {
				t.Fatal(err)
			}
			left := open(t, dir)
			mustBeSound(t, left.Reader)
			if faults, err := left.CheckAll(t.Context()); err != nil || faults != nil {
				t.Errorf("%+v, %v", faults, err)
			}
			get(t, left.Reader, first[0])
			counts, err := left.Counts(t.Context(), "p")
			if whole := what == "garbage at the end"; err != nil || (counts[Queued] == 21) != whole {
				t.Errorf("%v: %v", counts, err)
			}
			if next := submit(t, left, Job{Pool: "p", Method: "m"}); next[0] <= first[0] {
				t.Errorf("id %d again", next[0])
			}
		})
	}
}
