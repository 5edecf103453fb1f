package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/whipper-sidecar/whipper/migrations"
)

// faultsVar asks for each call of the workload to fail in each way. Without, the syncs that commits wait for do, and of each other kind
// of call a few, in one way each.
const faultsVar = "WHIPPER_FAULTS"

// tempName is what a backup is called until it is whole; the number differs from run to run.
var tempName = regexp.MustCompile(`\.[0-9]+\.tmp`)

// Two of the ways.
const (
	once    = 0
	forGood = 2
)

// ways are how a call can fail, and others after it.
var ways = []struct {
	fault fault
	stuck bool
	alone bool // no reader's connection stays open, so that the last one to close is the writer's
}{{ioError, false, false}, {diskFull, true, false}, {ioError, true, true}, {diskFull, false, true}, {ioError, true, false}}

// life is that of a ledger on a failing disk: all that is done to it, and what has been promised meanwhile.
type life struct {
	t     *testing.T
	dir   string
	disk  *disk
	alone bool
	l     *Ledger

	submitted []int64         // acknowledged
	told      map[int64]State // final outcomes whose commit was acknowledged
	pruned    map[int64]bool  // maybe
	hit       string          // the call that has failed
	deaths    int             // how often what would be left was looked at
}

func TestWhateverCallOfTheDiskFailsNothingAcknowledgedIsLost(t *testing.T) {
	old := oldLedger(t)
	var calls []string
	t.Run("none", func(t *testing.T) { calls = live(t, old, "", 0, 0).disk.log })
	failed := map[string]int{}
	lives, deaths := 0, 0
	begun, seen := map[string]int{}, map[string]int{}
	for n, call := range calls {
		seen[call]++
		for way := range ways {
			commits := call == "sync of ledger.db-wal" && (way == once || way == forGood)
			if os.Getenv(faultsVar) == "" && !commits {
				if way != begun[call] || n > 0 && call == calls[n-1] {
					continue
				}
				begun[call]++
			}
			ok := t.Run(fmt.Sprintf("call %d, way %d", n+1, way), func(t *testing.T) {
				d := live(t, old, call, seen[call], way)
				if t.Failed() {
					t.Logf("%+v: %s", ways[way], d.hit)
				}
				failed[d.hit]++
				deaths += d.deaths
			})
			if lives++; !ok {
				t.FailNow() // one tells enough
			}
		}
	}
	t.Logf("%d calls, %d lives, %d deaths; failed: %v", len(calls), lives, deaths, failed)
	for _, want := range []string{
		"write of ledger.db", "write of ledger.db-wal", "sync of ledger.db", "sync of ledger.db-wal", "creation of ledger.db-wal",
		"truncation of ledger.db", "growth of ledger.db-shm", "removal of ledger.db-wal", "write of .ledger.db.v1.bak.tmp", "write of .backup.tmp",
	} {
		if failed[want] == 0 {
			t.Errorf("there was no failed %s", want)
		}
	}
}

// oldLedger is the file of a ledger with one job, of the schema that came first.
func oldLedger(t *testing.T) []byte {
	t.Helper()
	first := fstest.MapFS{}
	text, err := fs.ReadFile(migrations.SQLite(), "0001_ledger.sql")
	if err != nil {
		t.Fatal(err)
	}
	first["0001_ledger.sql"] = &fstest.MapFile{Data: text}
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	if err := makePrivate(path); err != nil {
		t.Fatal(err)
	}
	if _, err := migrate(t.Context(), path, Full, first); err != nil {
		t.Fatal(err)
	}
	edit(t, dir, `INSERT INTO job (pool, method, state, max_attempts, delivery, origin, created_at, run_at)
		VALUES ('p', 'old', 'queued', 3, 'at-least-once', 'submit', 0, 0);
		INSERT INTO tally VALUES ('p', 'old', 'queued', 1); UPDATE counter SET n = 2`)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// live does everything there is to do with a ledger that was as old is, while the nth of some calls of the disk fails; 0: none.
func live(t *testing.T, old []byte, call string, nth, way int) *life {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), old, filePerm); err != nil {
		t.Fatal(err)
	}
	d := &life{dir: dir, alone: ways[way].alone, disk: useDisk(t, dir, uint64(nth)), told: map[int64]State{}, pruned: map[int64]bool{}}
	synctest.Test(t, func(t *testing.T) { // so that nobody waits for the writer to try again
		d.t = t
		if nth > 0 {
			d.disk.failAtCall(call, nth, ways[way].fault, ways[way].stuck)
		}
		d.live()
	})
	return d
}

func (d *life) live() {
	ctx := context.Background()
	d.submitted = []int64{1}
	for d.l == nil {
		l, err := Open(ctx, Options{Dir: d.dir, Existing: true})
		if err != nil {
			d.dieAfter(err)
			d.heal()
			continue
		}
		d.l = l
	}
	if d.alone {
		d.l.db.SetMaxIdleConns(0)
	}
	defer func() {
		d.l.Close() // where a test has ended early
	}()
	var ids []int64
	large := bytes.Repeat([]byte("7"), 3000)
	for _, s := range []struct {
		what string
		do   func() error
	}{
		{"recover", func() error { _, err := d.l.Recover(ctx); return err }},
		{"submit", func() error {
			jobs := slices.Repeat([]Job{{Pool: "p", Method: "m", Params: large, MaxAttempts: 1}}, 8)
			answer, err := d.l.Submit(ctx, jobs)
			for _, a := range answer {
				ids = append(ids, a.ID)
				d.submitted = append(d.submitted, a.ID)
			}
			return err
		}},
		{"end", func() error {
			for i, id := range ids[:5] {
				job, _, err := d.l.Get(ctx, id)
				if err != nil {
					return err
				}
				d.end(job, []Outcome{OutcomeSucceeded, OutcomeError}[i%2], large)
			}
			return nil
		}},
		{"cancel", func() error {
			cancelled, err := d.l.CancelQueued(ctx, ids[5:6], time.Now(), nil)
			for _, id := range cancelled {
				d.told[id] = Cancelled
			}
			return err
		}},
		{"retry", func() error {
			delete(d.told, ids[1])
			_, err := d.l.Retry(ctx, ids[1:2], nil)
			return err
		}},
		{"invoke", func() error {
			id, err := d.l.NextID(ctx)
			if err != nil {
				return err
			}
			d.l.Insert(Job{ID: id, Pool: "p", Method: "m", Origin: FromInvoke}.withDefaults(time.Now()), func(err error) { d.answered(id, Queued, err) })
			return nil
		}},
		{"schedule", func() error {
			_, _, err := d.l.PutSchedule(ctx, Schedule{Name: "s", Spec: "@every 1m", Pool: "p", Method: "fired"})
			return err
		}},
		{"fire", func() error {
			time.Sleep(time.Minute)
			_, err := d.l.Fire(ctx, []string{"s"}, Turns{Now: time.Now()})
			return err
		}},
		{"checkpoint", func() error { return d.checkpoint() }},
		{"backup", func() error {
			_, err := d.l.Backup(ctx, filepath.Join(d.dir, "backup"), BackupOptions{Force: true})
			return err
		}},
		{"fill", func() error {
			answer, err := d.l.Submit(ctx, slices.Repeat([]Job{{Pool: "p", Method: "bulk", Params: bytes.Repeat(large, 4)}}, 200))
			for _, a := range answer {
				d.submitted = append(d.submitted, a.ID)
				d.pruned[a.ID] = true
			}
			if err != nil {
				return err
			}
			_, err = d.l.CancelQueued(ctx, d.submitted[len(d.submitted)-len(answer):], time.Now(), nil)
			return err
		}},
		{"prune", func() error { _, err := d.l.Prune(ctx, PruneFilter{Method: "bulk"}); return err }},
		{"vacuum", func() error { return d.l.Vacuum(ctx) }},
		{"checkpoint again", func() error { return d.checkpoint() }},
		{"submit again", func() error {
			answer, err := d.l.Submit(ctx, []Job{{Pool: "p", Method: "m", IdempotencyKey: "k"}})
			for _, a := range answer {
				d.submitted = append(d.submitted, a.ID)
			}
			return err
		}},
	} {
		err := s.do()
		if err != nil {
			d.dieAfter(fmt.Errorf("%s: %w", s.what, err))
		}
		d.settle()
		hit := d.heal()
		if err != nil {
			if err := s.do(); err != nil {
				d.t.Errorf("%s, when the disk was well again: %v", s.what, err)
			}
			d.settle()
		}
		if hit {
			d.look(d.disk.leave(d.t, true))
		}
	}
	if left := d.temps(); left != nil {
		d.t.Errorf("left behind: %q", left)
	}
	if n := len(dump(d.t, d.l.db, "SELECT 1 FROM job WHERE method = 'fired'")); n != 1 {
		d.t.Errorf("the time of the schedule has %d jobs", n)
	}
	d.look(d.disk.leave(d.t, true))
	if err := d.l.Close(); err != nil && d.disk.hit() == "" {
		d.t.Errorf("close: %v", err)
	}
	d.look(d.disk.leave(d.t, true))
	d.heal()
	d.disk.mend() // it may not have been hit
	d.look(d.dir)
}

// heal ends a fault that has come, and says whether one has.
func (d *life) heal() bool {
	hit := d.disk.heal()
	if hit != "" {
		d.hit = hit
	}
	return hit != ""
}

// end has a job run, and takes note once its outcome is said to be on disk.
func (d *life) end(job Job, o Outcome, result []byte) {
	if job.State != Queued {
		return // done before something else failed
	}
	job = Begin(job, "w1", 1, time.Now())
	d.l.Start(job, nil)
	job, attempt := Settle(job, Ending{Outcome: o, Result: result, Error: []byte(`{}`), At: time.Now()}, 0)
	d.l.Finish(job, attempt, func(err error) { d.answered(job.ID, job.State, err) })
}

// answered is called by the writer, with d's goroutine waiting in settle.
func (d *life) answered(id int64, s State, err error) {
	if err != nil {
		d.t.Errorf("job %d did not become %s: %v", id, s, err)
		return
	}
	d.told[id] = s
}

func (d *life) checkpoint() error {
	var err error
	after := d.l.writer.afterCommit(context.Background(), func(c *conn) { err = c.emptyWAL() })
	return errors.Join(after, err)
}

// settle waits until what was handed over is on disk. Where the disk stays broken, it sees to it that the ledger says so, and mends it.
func (d *life) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := d.l.Flush(ctx)
	if err == nil {
		if err := d.l.Err(); err != nil {
			d.t.Errorf("after a commit the ledger still says: %v", err)
		}
		return
	}
	d.dieAfter(err)
	if d.l.Err() == nil {
		d.t.Error("commits fail, and Err does not say so")
	}
	if _, err := d.l.Submit(context.Background(), []Job{{Pool: "p", Method: "refused"}}); err == nil || sqliteCode(err) == 0 {
		d.t.Errorf("a submission to a disk that fails was answered: %v", err)
	}
	d.disk.mend()
	if err := d.l.Flush(context.Background()); err != nil {
		d.t.Errorf("after healing: %v", err)
	}
	d.look(d.disk.leave(d.t, true))
}

// dieAfter looks at what would be left if process or machine died after an error, which must have its cause in the disk.
func (d *life) dieAfter(err error) {
	if d.disk.hit() == "" {
		d.t.Fatalf("the disk is well, but: %v", err)
	}
	d.look(d.disk.leave(d.t, false))
	d.look(d.disk.leave(d.t, true))
}

// look opens what is left of the ledger, after a death or at the end, and holds it to what was promised.
func (d *life) look(dir string) {
	d.t.Helper()
	d.deaths++
	l, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		d.t.Errorf("after %s: %v", d.disk.hit(), err)
		return
	}
	defer l.Close()
	mustBeSound(d.t, l.Reader)
	if faults, err := l.CheckAll(context.Background()); err != nil || faults != nil {
		d.t.Errorf("after %s: %+v, %v", d.disk.hit(), faults, err)
	}
	found := map[int64]State{}
	for _, line := range dump(d.t, l.db, "SELECT id, state FROM job") {
		id, state, _ := strings.Cut(line, " ")
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			d.t.Fatal(err)
		}
		found[n] = State(state)
	}
	for _, id := range d.submitted {
		if found[id] == "" && !d.pruned[id] {
			d.t.Errorf("after %s job %d is gone", d.disk.hit(), id)
		}
	}
	for id, state := range d.told {
		if found[id] != state {
			d.t.Errorf("after %s job %d is %q, and was said to be %s", d.disk.hit(), id, found[id], state)
		}
	}
}

// temps are the files that no backup or upgrade should leave.
func (d *life) temps() (left []string) {
	for _, name := range files(d.t, d.dir) {
		if strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, "-journal") {
			left = append(left, name)
		}
	}
	return left
}

// After a sync has failed, the system reads back what the disk does not have: as long as it runs, whichever process asks.
func TestWhatAFailedSyncHasNotWrittenIsNotBuiltUponByTheNextProcess(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			root := t.TempDir()
			d := useDisk(t, root, seed)
			first := open(t, root)
			before := submit(t, first, Job{Pool: "p", Method: "m"})
			for call := 1; d.hit() != "sync of ledger.db-wal"; call++ {
				d.heal()
				d.failAt(call, ioError, true)
				if _, err := first.Submit(t.Context(), []Job{{Pool: "p", Method: "doubtful", Params: make([]byte, 9000)}}); err == nil {
					t.Fatal("no call has failed")
				}
			}
			next := d.kill(t)
			d.heal()
			reader, err := OpenReader(t.Context(), next) // so that nobody is the last to close the file, and the WAL stays
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			second := open(t, next)
			after := submit(t, second, Job{Pool: "p", Method: "m"})
			left := open(t, d.leave(t, true))
			for _, id := range append(before, after...) {
				if _, _, err := left.Get(t.Context(), id); err != nil {
					t.Errorf("after a power cut: %v", err)
				}
			}
			mustBeSound(t, left.Reader)
		})
	}
}
