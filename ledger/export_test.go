package ledger

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func export(t testing.TB, r *Reader, f Filter) string {
	t.Helper()
	var b strings.Builder
	n, err := r.Export(context.Background(), &b, f, nil)
	if err != nil || int(n) != strings.Count(b.String(), "\n") {
		t.Fatalf("%d jobs: %v", n, err)
	}
	return b.String()
}

// drawAnyJob is a job that uses all that a row can hold.
func drawAnyJob(t *rapid.T) Job {
	job := drawJob(t)
	at := func(name string) time.Time {
		return noon.Add(time.Duration(rapid.Int64Range(-1e9, 1e9).Draw(t, name)) * time.Microsecond)
	}
	job.Params = rapid.SampledFrom([][]byte{
		nil, []byte(`["` + strings.Repeat("long ", 400) + `"]`), []byte(`null`), []byte(`[1, "é<>&\u2028", {"b":1e3,"a":2}]`), []byte("[\"\xff\"]"), []byte("{\n}"), []byte(" [1] "), []byte("[\"\u2028\"]"),
	}).Draw(t, "params")
	job.Priority = rapid.IntRange(MinPriority, MaxPriority).Draw(t, "priority")
	job.Labels = rapid.SampledFrom([]map[string]string{nil, {"b": "<1>", "a": "", "ü\n": `"`}}).Draw(t, "labels")
	job.Backoff = rapid.SampledFrom([]Backoff{{}, {Base: 1500 * time.Microsecond, Factor: 1.1, Cap: time.Hour, Jitter: 0.3333}}).Draw(t, "backoff").withDefaults()
	job.Timeout = time.Duration(rapid.SampledFrom([]int64{0, 1, 1500}).Draw(t, "timeout")) * time.Microsecond
	job.Alone = rapid.Bool().Draw(t, "alone")
	job.Method = rapid.SampledFrom([]string{"m", "größe", "a\tb", "\xfe"}).Draw(t, "any method")
	job.Trace = rapid.SampledFrom([]Trace{{}, {"00-1-2-01", "k=v", "b=\"1\""}}).Draw(t, "trace")
	job.CreatedAt, job.RunAt = at("created"), at("run at")
	if rapid.Bool().Draw(t, "expires") {
		job.ExpiresAt = at("expires at")
	}
	return job
}

func drawAnyEnding(t *rapid.T) Ending {
	e := drawEnding(t, noon)
	e.Error = rapid.SampledFrom([][]byte{nil, []byte(`{"code":1,"message":"no"}`), []byte("{\"code\":1,\r\n\"message\":\"\xff\"}")}).Draw(t, "error")
	if e.ErrorSource = FromWorker; e.Error == nil {
		e.ErrorSource = ""
	}
	e.StderrTail = rapid.SampledFrom([]string{"", "last\nwords\x1b", "\xff"}).Draw(t, "tail")
	e.Signal = rapid.SampledFrom([]string{"", "SIGKILL"}).Draw(t, "signal")
	if rapid.Bool().Draw(t, "exited") {
		code := rapid.IntRange(-1, 255).Draw(t, "exit code")
		e.ExitCode = &code
	}
	return e
}

func TestAnExportIsImportedAsTheLedgerThatItWas(t *testing.T) {
	l := open(t, t.TempDir())
	key := 0
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 5).Draw(t, "jobs") {
			job := drawAnyJob(t)
			if rapid.Bool().Draw(t, "keyed") {
				key++
				job.IdempotencyKey = fmt.Sprintf("key %d", key)
			}
			submitted, err := l.Submit(context.Background(), []Job{job})
			if err != nil {
				t.Fatal(err)
			}
			if job, _, err = l.Get(context.Background(), submitted[0].ID); err != nil {
				t.Fatal(err)
			}
			for range rapid.IntRange(0, 4).Draw(t, "runs") {
				if job.State == Queued {
					job.Progress = rapid.SampledFrom([][]byte{nil, []byte("0.5")}).Draw(t, "progress")
					job = run(l, job, drawAnyEnding(t))
				}
			}
			switch {
			case job.State == Queued && rapid.Bool().Draw(t, "is left running"):
				l.Start(Begin(job, "w2", 4712, noon), nil)
			case job.State == Failed && rapid.Bool().Draw(t, "retried"):
				if err := l.Flush(context.Background()); err != nil {
					t.Fatal(err)
				}
				if _, err := l.Retry(context.Background(), []int64{job.ID}, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	flush(t, l)
	text := export(t, l.Reader, Filter{})
	if again := export(t, l.Reader, Filter{}); again != text {
		t.Error("the same ledger gave other bytes")
	}
	dir := t.TempDir()
	done, err := Import(t.Context(), Options{Dir: dir}, strings.NewReader(text), ImportOptions{Source: "in"})
	if err != nil || int(done.Jobs) != strings.Count(text, "\n") || done.There != 0 {
		t.Fatalf("%+v: %v", done, err)
	}
	copied := open(t, dir)
	if got := export(t, copied.Reader, Filter{}); got != text {
		t.Errorf("exported\n%.2000s\nimported and exported\n%.2000s", text, got)
	}
	for id := range l.LastID() {
		wantJob, wantAttempts := get(t, l.Reader, id+1)
		gotJob, gotAttempts := get(t, copied.Reader, id+1)
		if !reflect.DeepEqual(gotJob, wantJob) || !reflect.DeepEqual(gotAttempts, wantAttempts) {
			t.Fatalf("job %d\n%+v\n%+v\nwas\n%+v\n%+v", id+1, gotJob, gotAttempts, wantJob, wantAttempts)
		}
	}
	mustBeSound(t, copied.Reader)
	if faults, err := copied.CheckAll(t.Context()); err != nil || len(faults) != 0 {
		t.Errorf("%+v, %v", faults, err)
	}
	if id, err := copied.NextID(t.Context()); err != nil || id <= l.LastID() {
		t.Errorf("the next id is %d, though %d is taken: %v", id, l.LastID(), err)
	}
	// What was running is settled as a dead supervisor's.
	before, _ := copied.Counts(t.Context(), "")
	found, err := copied.Recover(t.Context())
	if err != nil || int64(found.Requeued+found.Failed) != before[Running] || before[Running] == 0 {
		t.Errorf("%+v of %d running: %v", found, before[Running], err)
	}
}

func TestAnExportHoldsWhatItsFilterSelects(t *testing.T) {
	l := open(t, t.TempDir())
	submit(t, l, Job{Pool: "p", Method: "m", Labels: map[string]string{"a": "1"}}, Job{Pool: "p", Method: "n"}, Job{Pool: "q", Method: "m"})
	if _, err := l.CancelQueued(t.Context(), []int64{2}, noon, []byte(`{"code":1004}`)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, []string{"1", "2", "3"}},
		{Filter{Pool: "p", Limit: 1}, []string{"1", "2"}},
		{Filter{Method: "m"}, []string{"1", "3"}},
		{Filter{States: []State{Cancelled, Failed}}, []string{"2"}},
		{Filter{LabelName: "a", LabelValue: "1"}, []string{"1"}},
		{Filter{Until: noon}, nil},
	} {
		var got []string
		for line := range strings.Lines(export(t, l.Reader, c.filter)) {
			got = append(got, line[len(`{"id":`):strings.IndexByte(line, ',')])
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.filter, got, c.want)
		}
	}
	query, args := exportQuery(Filter{Pool: "p", Method: "m", States: allStates})
	if plan := explain(t, l.Reader, query, args...); !strings.HasPrefix(plan, "SEARCH job USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)\n") || strings.Contains(plan, "SCAN") || strings.Contains(plan, "B-TREE") {
		t.Errorf("it is planned as %s", plan)
	}
}

func TestAnExportEndsWithItsContextOrItsReader(t *testing.T) {
	l := open(t, t.TempDir())
	submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	ctx, cancel := context.WithCancel(t.Context())
	if n, err := l.Export(ctx, &bytes.Buffer{}, Filter{}, func(int64) { cancel() }); !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%d jobs: %v", n, err)
	}
	if _, err := l.Export(t.Context(), failingWriter{}, Filter{}, nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestEveryColumnIsPartOfAnExport(t *testing.T) {
	l := open(t, t.TempDir())
	for table, members := range map[string]int{"job": len(recordMembers) - 1 + 1, "attempt": len(attemptMembers) + 1} { // attempts, and lane, which is of no use elsewhere; job_id
		if columns := dump(t, l.db, "SELECT name FROM pragma_table_info(?)", table); len(columns) != members {
			t.Errorf("table %s has the columns %v, but an export has %d members for them", table, columns, members)
		}
	}
}

// countRows counts without the tally.
func countRows(t testing.TB, l *Ledger) (n int64) {
	t.Helper()
	err := l.writer.do(context.Background(), 0, func(b *batch) error {
		return b.conn.query(`SELECT count(*) FROM job`, func(values []driver.Value) error {
			n, _ = values[0].(int64)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
