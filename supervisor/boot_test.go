package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestReadyIsClosedOnlyOnceAWorkerHasAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=never-ready") })
	if s := r.pool.Status(); s.State != "starting" {
		t.Errorf("status before Run: %+v", s)
	}
	r.run()
	r.gate.await("booted")
	select {
	case <-r.pool.Ready():
		t.Error("ready, though nothing was answered")
	default:
	}
	if s := r.pool.Status(); s.State != "starting" {
		t.Errorf("status %+v", s)
	}
}

func TestStatusTellsWhatTheWorkersDeclare(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	s := r.pool.Status()
	if s.State != "available" || len(s.Methods) != 1 || s.Methods[0] != "echo" || s.Jobs == nil {
		t.Errorf("status %+v", s)
	}
	r.drain()
	r.ended()
	if s := r.pool.Status(); s.State != "draining" {
		t.Errorf("status %+v", s)
	}
}

func TestABareWorkerIsReadyAndDeclaresNothing(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=bare") })
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("result %q, %v", got.result, got.err)
	}
	if m := r.pool.Status().Methods; len(m) != 0 {
		t.Errorf("methods %q", m)
	}
}

func TestWhatALaterWorkerAddsIsPassedOverAndALaterProtocolRefused(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=later-additions") }).ready() // protocolVersion is missing: 1
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("result %q, %v", got.result, got.err)
	}
	if m := r.pool.Status().Methods; len(m) != 1 || m[0] != "echo" {
		t.Errorf("methods %q", m)
	}

	later := newRig(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=later") })
	degraded := later.watchLog("pool is degraded")
	later.run()
	degraded.await(t)
	if s := later.pool.Status(); !strings.Contains(s.Reason, "protocolVersion 2") {
		t.Errorf("status %+v", s)
	}
}

func TestWithoutAHandshakeAWorkerIsReadyAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Handshake = HandshakeNone })
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("result %q, %v", got.result, got.err)
	}
}

func TestAWorkerThatIsNotReadyInTimeIsReplaced(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) {
		o.Env, o.ReadyTimeout = append(o.Env, envBoot+"=never-ready"), 200*time.Millisecond
	})
	var first int
	r.until(func() bool { // it may be killed before it has begun
		if len(r.pool.seats) > 0 {
			first = r.pool.seats[0].seat.pid
		}
		return first != 0
	})
	r.until(func() bool {
		second := r.pool.seats[0].seat.pid
		return second != 0 && second != first
	})
	if alive(first) {
		t.Errorf("process %d is left", first)
	}
}

func TestAPoolIsDegradedAfterFiveFailuresAndRecoversWhenTheCauseIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=fail-if-file") })
	cause := filepath.Join(r.dir, "file")
	if err := os.WriteFile(cause, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	watcher := r.watchLog("pool is degraded")
	r.run()
	id := r.submit("echo", `[1]`, nil)
	watcher.await(t)
	s := r.pool.Status()
	if s.State != "degraded" || !strings.Contains(s.Reason, "the cause is still there") || !strings.Contains(s.Reason, "exit code 3") {
		t.Errorf("status %+v", s)
	}
	if n := r.pool.Stats().Workers.ForkCount; n != degradedAfter {
		t.Errorf("%d forks", n)
	}
	if s.Jobs["queued"] != 1 {
		t.Errorf("jobs %v", s.Jobs)
	}
	recovered := r.watchLog("pool has recovered")
	if err := os.Remove(cause); err != nil {
		t.Fatal(err)
	}
	if job, _ := r.wait(id); job.State != ledger.Succeeded || job.Attempt != 1 {
		t.Errorf("job %+v", job)
	}
	recovered.await(t)
	if s := r.pool.Status(); s.State != "available" || s.Reason != "" {
		t.Errorf("status %+v", s)
	}
}

func TestAWorkerThatEndsRightAfterItIsReadyIsNotForkedWithoutPause(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*Options){
		"ready, then gone":      func(o *Options) { o.Env = append(o.Env, envBoot+"=exit-when-ready") },
		"without a handshake":   func(o *Options) { o.Env, o.Handshake = append(o.Env, envBoot+"=exit"), HandshakeNone },
		"refuses to be greeted": func(o *Options) { o.Env = append(o.Env, envBoot+"=refuse") },
	} {
		r := newRig(t, set)
		watcher := r.watchLog("pool is degraded")
		r.run()
		id := r.submit("echo", `[1]`, func(j *ledger.Job) { j.MaxAttempts = 1 })
		watcher.await(t)
		if s := r.pool.Status(); s.State != "degraded" || s.Reason == "" {
			t.Errorf("%s: status %+v", name, s)
		}
		if n := r.pool.Stats().Workers.ForkCount; n > degradedAfter+1 {
			t.Errorf("%s: %d forks", name, n)
		}
		if job, _ := r.get(id); job.Attempt != 0 || job.State != ledger.Queued {
			t.Errorf("%s: a job that no worker has read is charged: %+v", name, job)
		}
	}
}

func TestACommandThatCannotBeStartedEndsRunAtOnceWithTheReason(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	noFormat := filepath.Join(dir, "no-format")
	if err := os.WriteFile(noFormat, []byte("\x00"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		program, folder string
		want            error
	}{
		{"whipper-no-such-program", "", fs.ErrNotExist},
		{filepath.Join(dir, "missing"), "", fs.ErrNotExist},
		{plain, "", fs.ErrPermission},
		{noFormat, "", unix.ENOEXEC},
		{"/bin/sh", filepath.Join(dir, "nowhere"), fs.ErrNotExist},
	} {
		for workers, process := range map[int]ProcessOptions{1: {}, 3: {}, 2: {Nice: 19}} { // the last by way of the launcher
			r := newRig(t, func(o *Options) {
				o.Command, o.Dir, o.MinWorkers, o.MaxWorkers, o.Process = []string{c.program}, c.folder, workers, 5, process
			})
			var waiting []*invocation // callers who wait must neither hold it up nor be forgotten
			for range 4 {
				waiting = append(waiting, r.call("echo", `[]`))
			}
			r.until(func() bool { return r.pool.invokes.Len() == 4 })
			r.run().ended() // at once: tries that go on have no end
			var start *StartError
			if !errors.As(r.err, &start) || !errors.Is(r.err, c.want) {
				t.Errorf("%s, %d workers: %v", c.program, workers, r.err)
			}
			for _, i := range waiting {
				if i.code() != jsonrpc.CodeShuttingDown || !strings.Contains(fmt.Sprint(i.reply.Error), start.Error()) {
					t.Errorf("%s: a caller heard %v", c.program, i.reply.Error)
				}
			}
			r.err = nil
		}
	}
}

func TestACommandThatVanishesLaterDegradesThePoolButDoesNotEndIt(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "worker")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	r := start(t, func(o *Options) { o.Command = []string{link} }).ready()
	degraded := r.watchLog("pool is degraded")
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	r.call("exit", `[1, ""]`).answer()
	degraded.await(t)
	if s := r.pool.Status(); !strings.Contains(s.Reason, "no such file") {
		t.Errorf("status %+v", s)
	}
	refused := r.call("echo", `[1]`).answer()
	if refused.code() != jsonrpc.CodeWorkerCrashed || !strings.Contains(fmt.Sprint(refused.err), "no such file") {
		t.Errorf("a caller hears %v", refused.err)
	}
	kept := r.submit("echo", `[1]`, nil)
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	if job, _ := r.wait(kept); job.State != ledger.Succeeded {
		t.Errorf("job %+v", job)
	}
}

func TestTheBackoffDoublesUpToItsCapAndIsSpread(t *testing.T) {
	for failures := 1; failures < 40; failures++ {
		b := boots{unready: failures}
		want := maxBootDelay
		if failures < 10 {
			want = min(want, firstBootDelay<<(failures-1))
		}
		for range 100 {
			if d := b.delay(); d < want/2 || d > want {
				t.Fatalf("after %d failures %s, want %s to %s", failures, d, want/2, want)
			}
		}
	}
}

func TestAWorkerThatCannotGetReadyIsNoReasonToRefuseCallsWhileOthersServe(t *testing.T) {
	serving := &worker{seat: seat{state: Processing, slots: 1, taken: 1}}
	starting := &worker{seat: seat{state: Forking}}
	p := &Pool{boots: boots{unready: degradedAfter}}
	for _, c := range []struct {
		seats []*worker
		want  bool
	}{{[]*worker{starting, serving}, false}, {[]*worker{starting}, true}} {
		if p.seats = c.seats; p.hopeless() != c.want {
			t.Errorf("with %d workers hopeless is %t", len(c.seats), !c.want)
		}
	}
	if p.boots.unready--; p.hopeless() {
		t.Error("hopeless before it is degraded")
	}
}
