package ledgers

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/bench/floor"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestMain(m *testing.M) {
	if Leaving() {
		return
	}
	os.Exit(m.Run())
}

// No figure is held against anything here: the machine of a test is busy. What is held is that each is measured, and that nothing is left behind.
func TestTheLedgersMeasurementsRun(t *testing.T) {
	t.Chdir(filepath.Join("..", "..")) // the root of the repository, where the bench runs
	dir := t.TempDir()
	binary := filepath.Join(dir, "whipper")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/whipper").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r := &result.Report{Progress: func(string) {}}
	b := Bench{Report: r, Binary: binary, Dir: dir, Worker: "bench/workers/echo.mjs", Turns: 1, Jobs: 500}
	if err := b.History(t.Context(), []int64{1000, 2000}); err != nil {
		t.Fatal(err)
	}
	if err := b.Rest(t.Context(), 200); err != nil {
		t.Fatal(err)
	}
	table, err := r.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	rows := []string{
		"history of 1,000 jobs", "history of 2,000 jobs", "start after SIGKILL, 200 jobs queued, exec until ready", "start after SIGKILL, 200 jobs running, recovery",
		"file, params and results of 100 B each, a job", "file, params and results of 10 KiB each, a job",
		"ledger's writer, 1 at once, whipper, submit", "ledger's writer, 256 at once, whipper, start and finish",
	}
	for _, l := range listings(newHistory(dir, 1000)) {
		rows = append(rows, "whipper ledger, "+l.name, "whipper ledger, a call: "+l.name)
	}
	for _, row := range rows {
		if !strings.Contains(table, "\n| "+row+" | ") {
			t.Errorf("there is no row %q in\n%s", row, table)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 1 || left[0] != binary {
		t.Errorf("the bench leaves %v, %v", left, err)
	}
}

func TestAHistoryIsALedgerLikeAnyOther(t *testing.T) {
	h := newHistory(t.TempDir(), 1000)
	for _, n := range []int64{1000, 1500} {
		if err := h.grow(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	r := reader(t, h.dir)
	counts, err := r.Counts(t.Context(), "")
	if err != nil || counts[ledger.Succeeded] != 1410 || counts[ledger.Failed] != 60 || counts[ledger.Cancelled] != 15 || counts[ledger.Dropped] != 15 {
		t.Errorf("counts: %v, %v", counts, err)
	}
	methods, err := r.Stats(t.Context(), ledger.StatsFilter{})
	if err != nil || len(methods) != 15 {
		t.Errorf("%d methods, %v", len(methods), err)
	}
	mustBeSound(t, r)
}

// The floor under the ledger's writer is only one if it does the same work.
func TestTheBareStatementsWriteWhatTheLedgerWrites(t *testing.T) {
	byLedger, byLoop := t.TempDir(), t.TempDir()
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: byLedger})
	if err != nil {
		t.Fatal(err)
	}
	if err := submitJobs(t.Context(), l, 1, job()); err != nil {
		t.Fatal(err)
	}
	bare, err := floor.NewStatements(t.Context(), byLoop)
	if err != nil {
		t.Fatal(err)
	}
	if err := bare.Submit(1, 4); err != nil {
		t.Fatal(err)
	}
	compare := func() {
		t.Helper()
		want, wantAttempts, err := l.Get(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		got, attempts, err := reader(t, byLoop).Get(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := timeless(got), timeless(want); !reflect.DeepEqual(got, want) {
			t.Errorf("the loop's job is\n%+v\nbut the ledger's\n%+v", got, want)
		}
		for i := range attempts {
			attempts[i].StartedAt, attempts[i].FinishedAt = time.Time{}, time.Time{}
			wantAttempts[i].StartedAt, wantAttempts[i].FinishedAt = time.Time{}, time.Time{}
		}
		if !reflect.DeepEqual(attempts, wantAttempts) {
			t.Errorf("the loop's attempts are\n%+v\nbut the ledger's\n%+v", attempts, wantAttempts)
		}
		mustBeSound(t, reader(t, byLoop))
	}
	compare()
	jobs, err := readyJobs(t.Context(), l, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := completeEach(t.Context(), l, jobs, floor.Result, 1); err != nil {
		t.Fatal(err)
	}
	if err := bare.Finish(1, 4); err != nil {
		t.Fatal(err)
	}
	compare()
	if err := bare.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// timeless is a job without what tells one from another.
func timeless(j ledger.Job) ledger.Job {
	j.ID = 0
	for _, at := range []*time.Time{&j.CreatedAt, &j.RunAt, &j.StartedAt, &j.FinishedAt} {
		if !at.IsZero() {
			*at = time.Unix(0, 0)
		}
	}
	return j
}

func reader(t *testing.T, dir string) *ledger.Reader {
	t.Helper()
	r, err := ledger.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func mustBeSound(t *testing.T, r *ledger.Reader) {
	t.Helper()
	if faults, err := r.CheckAll(t.Context()); len(faults) > 0 || err != nil {
		t.Errorf("%+v, %v", faults, err)
	}
}
