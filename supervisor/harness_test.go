package supervisor

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/whipper-sidecar/whipper/ledger"
)

// patience bounds every wait of these tests; it is reached only by a test that fails.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	Launch()
	switch os.Getenv(envRole) {
	case "worker":
		runProgram()
	case "sleeper":
		runSleeper()
	case "foreign":
		runForeign()
	case "supervisor":
		runSupervisor()
	case "full-disk":
		scheduleOnAFullDisk()
	default:
		goleak.VerifyTestMain(m)
	}
}

// rig is a running pool of this test binary's worker program.
type rig struct {
	*testing.T
	dir    string
	ledger *ledger.Ledger
	pool   *Pool
	gate   *gate
	log    *logBuffer
	drain  context.CancelFunc // first signal
	kill   func()             // second signal
	ran    chan struct{}      // closed when Run has returned
	err    error              // what it returned; read after ran
}

// newRig makes a pool that does not run yet. set may change the options.
func newRig(t *testing.T, set func(*Options)) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "wsv") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{T: t, dir: dir, log: &logBuffer{}, ran: make(chan struct{})}
	r.gate = openGate(t, filepath.Join(dir, "gate"))
	t.Cleanup(func() {
		for boots := r.gate.at("boot"); len(boots) > 0; {
			if v := <-boots; alive(v.pid) {
				t.Errorf("process %d is left", v.pid)
			}
		}
	})
	r.ledger, err = ledger.Open(t.Context(), ledger.Options{Dir: dir, Durability: ledger.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	r.pool = r.newPool(set)
	return r
}

func (r *rig) newPool(set func(*Options)) *Pool {
	r.Helper()
	o := workerOptions(r.dir)
	o.Logger = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if set != nil {
		set(&o)
	}
	p, err := NewPool(r.ledger, o)
	if err != nil {
		r.Fatal(err)
	}
	return p
}

// workerOptions are those of a pool with one worker of this test binary, whose gate and effects are in dir.
func workerOptions(dir string) Options {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return Options{
		Command: []string{self}, MinWorkers: 1, MaxWorkers: 1,
		Env: []string{
			envRole + "=worker", envGate + "=" + filepath.Join(dir, "gate"), envEffects + "=" + filepath.Join(dir, "effects"),
			envFile + "=" + filepath.Join(dir, "file"), "GORACE=atexit_sleep_ms=0", "GOMAXPROCS=2",
		},
	}
}

// run runs the pool until the test ends, which then sees that Run ends well and leaves no process.
func (r *rig) run() *rig {
	ctx, cancel := context.WithCancel(context.Background())
	kill := make(chan struct{})
	r.drain, r.kill = cancel, sync.OnceFunc(func() { close(kill) })
	go func() {
		defer close(r.ran)
		r.err = r.pool.Run(ctx, kill)
	}()
	r.Cleanup(func() {
		r.drain()
		r.kill()
		r.ended()
		if r.err != nil && !r.Failed() {
			r.Error(r.err)
		}
		r.until(func() bool { return len(r.pool.seats) == 0 })
		if r.Failed() {
			text := r.log.String()
			r.Log("log ends with:\n" + text[max(0, len(text)-3000):])
		}
	})
	return r
}

// start is newRig and run.
func start(t *testing.T, set func(*Options)) *rig {
	t.Helper()
	return newRig(t, set).run()
}

// ended waits until Run has returned.
func (r *rig) ended() {
	r.Helper()
	select {
	case <-r.ran:
	case <-time.After(patience):
		r.Fatalf("Run did not return\n%s", r.log)
	}
}

// ready waits until the first worker is.
func (r *rig) ready() *rig {
	r.Helper()
	select {
	case <-r.pool.Ready():
	case <-time.After(patience):
		r.Fatalf("no worker became ready\n%s", r.log)
	}
	return r
}

// submit puts a job into the ledger. change may be nil.
func (r *rig) submit(method, params string, change func(*ledger.Job)) int64 {
	r.Helper()
	job := ledger.Job{Method: method, Params: []byte(params), Backoff: ledger.Backoff{Base: time.Millisecond}}
	if change != nil {
		change(&job)
	}
	submitted, err := r.pool.Submit(r.Context(), []ledger.Job{job})
	if err != nil {
		r.Fatal(err)
	}
	return submitted[0].ID
}

// wait waits for a job's end and gives it with its attempts.
func (r *rig) wait(id int64) (ledger.Job, []ledger.Attempt) {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := r.ledger.Wait(ctx, []int64{id}, ledger.Reading{}); err != nil {
		r.Fatalf("wait for job %d: %v\n%s", id, err, r.log)
	}
	return r.get(id)
}

// get reads a job and its attempts once all that was handed to the ledger is on disk.
func (r *rig) get(id int64) (ledger.Job, []ledger.Attempt) {
	r.Helper()
	if err := r.ledger.Flush(context.Background()); err != nil {
		r.Fatal(err)
	}
	job, attempts, err := r.ledger.Get(context.Background(), id)
	if err != nil {
		r.Fatal(err)
	}
	return job, attempts
}
