package ledger

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary runs itself again, as one of these, where a test needs another process.
const childVar = "WHIPPER_LEDGER_TEST_CHILD"

var children = map[string]func(dir string) error{
	"hold":       holdLedger,
	"submit":     submitForever,
	"full-disk":  writeToAFullDisk,
	"prune":      pruneForever,
	"end":        endForever,
	"full-prune": pruneOnAFullDisk,
	"import":     importStdin,
	"fire":       fireForever,
	"work":       workForever,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childVar); name != "" {
		if err := children[name](os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// startChild starts this binary as a child and returns its standard output. The child is killed when the test ends.
func startChild(t *testing.T, name, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], dir)
	cmd.Env = append(os.Environ(), childVar+"="+name)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

func open(t testing.TB, dir string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func submit(t testing.TB, l *Ledger, jobs ...Job) []int64 {
	t.Helper()
	answer, err := l.Submit(context.Background(), jobs)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]int64, len(answer))
	for i := range answer {
		ids[i] = answer[i].ID
	}
	return ids
}

func get(t testing.TB, r *Reader, id int64) (Job, []Attempt) {
	t.Helper()
	job, attempts, err := r.Get(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return job, attempts
}

func flush(t testing.TB, l *Ledger) {
	t.Helper()
	if err := l.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// holdWriter has the writer wait within a transaction until release is called.
func holdWriter(l *Ledger) (release func()) {
	busy, gate := make(chan struct{}), make(chan struct{})
	l.writer.put(&op{kind: opCall, call: func(*batch) error {
		close(busy)
		<-gate
		return nil
	}})
	<-busy
	return func() { close(gate) }
}

// together holds the writer up while hand hands operations over, so that they meet in one transaction, and waits for it.
func together(t testing.TB, l *Ledger, hand func()) {
	t.Helper()
	release := holdWriter(l)
	hand()
	release()
	flush(t, l)
}

// run takes a job from queued to its ending.
func run(l *Ledger, job Job, e Ending) Job {
	job = Begin(job, "w1", 4711, job.RunAt.Add(time.Millisecond))
	l.Start(job, nil)
	e.At = job.StartedAt.Add(time.Millisecond)
	job, attempt := Settle(job, e, 0)
	l.Finish(job, attempt, nil)
	return job
}

// mustBeSound compares the counts with the rows and has SQLite check its file.
func mustBeSound(t testing.TB, r *Reader) {
	t.Helper()
	const counted = `SELECT pool, method, state, n FROM tally WHERE n <> 0 ORDER BY 1, 2, 3`
	const found = `SELECT pool, method, state, count(*) FROM job GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`
	if want, got := dump(t, r.db, found), dump(t, r.db, counted); !slices.Equal(got, want) {
		t.Errorf("the tally says\n%s\nbut the rows are\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := dump(t, r.db, "PRAGMA integrity_check"); !slices.Equal(got, []string{"ok"}) {
		t.Errorf("integrity check: %q", got)
	}
}

// dump returns a query's rows as text.
func dump(t testing.TB, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.Query(query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	var all []string
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var line []string
		for _, v := range values {
			line = append(line, v.String)
		}
		all = append(all, strings.Join(line, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
