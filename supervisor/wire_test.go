package supervisor

import (
	"os"
	"strings"
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestAWorkersOddOutputHarmsNoCall(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]string{
		"garbage": `"fine"`, "stray-ids": `"mine"`, "twice": `"first"`, "bytes": `"byte by byte"`, "asks": `true`,
	} {
		r := start(t, func(o *Options) { o.Env = append(o.Env, envConcurrency+"=2") })
		beside := r.call("gate", `["beside"]`)
		v := r.gate.await("beside")
		if got := r.call(method, `[]`).answer(); got.result != want {
			t.Errorf("%s: result %q, %v, %+v", method, got.result, got.err, got.reply.Error)
		}
		v.pass()
		if beside.answer(); beside.result != `"beside"` {
			t.Errorf("%s: the call beside it got %q, %+v", method, beside.result, beside.reply.Error)
		}
		if got := r.call("echo", `[2]`).answer(); got.result != `[2]` {
			t.Errorf("%s: the next call got %q", method, got.result)
		}
		if n := r.pool.Stats().Workers.ForkCount; n != 1 {
			t.Errorf("%s: %d forks", method, n)
		}
	}
}

func TestALineThatIsNoMessageIsTheWorkersLog(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.call("garbage", `[]`).answer()
	log := r.log.String()
	for _, want := range []string{`line="hello, I am not JSON"`, `a JSON log`, `line=[1,2,3]`, `answer to an id that no call in flight has`} {
		if !strings.Contains(log, want) {
			t.Errorf("log has no %q:\n%s", want, log)
		}
	}
	if n := r.pool.Stats().Workers.StrayLines; n != 7 || r.pool.Workers()[0].Stats.StrayLines != n {
		t.Errorf("%d lines are counted", n)
	}
	if strings.Contains(log, "secret") {
		t.Errorf("log has a payload:\n%s", log)
	}
}

func TestAnAnswerThatIsTooLargeFailsItsCallAndFreesTheSlot(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxMessageSize = 64 << 10 })
	if code := r.call("huge", `[100000]`).code(); code != jsonrpc.CodeMessageTooLarge {
		t.Errorf("code %d", code)
	}
	if job, attempts := r.wait(r.submit("huge", `[100000]`, nil)); job.State != ledger.Failed || len(attempts) != 1 {
		t.Errorf("%s after %d attempts", job.State, len(attempts))
	}
	if got := r.call("huge", `[3]`).answer(); got.result != `"xxx"` {
		t.Errorf("result %q", got.result)
	}
	if n := r.pool.Stats().Workers.ForkCount; n != 1 {
		t.Errorf("%d forks", n)
	}
}

func TestAFloodFromOneWorkerStarvesNoOther(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.WorkerOutput = 2, 2, func(OutputLine) {} })
	flood := r.submit("flood", `[3000]`, nil)
	for range 50 {
		if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
			t.Fatalf("result %q", got.result)
		}
	}
	if job, _ := r.wait(flood); job.State != ledger.Succeeded || len(job.Progress) < 200 {
		t.Errorf("job is %s with progress %q", job.State, job.Progress)
	}
}

func TestAWorkerThatClosesStdoutIsReplacedAndItsCallHearsAtOnce(t *testing.T) {
	t.Parallel()
	for _, pipe := range []string{"stdout", "stdin"} {
		r := start(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=ignore-all") }) // it would live on for ever
		call := r.call("close", `["`+pipe+`"]`)
		closed := r.gate.await("closed")
		if pipe == "stdin" { // which shows with the next frame
			r.pool.mu.Lock()
			for id := range r.pool.current {
				r.pool.cancelCall(r.pool.current[id])
			}
			r.pool.mu.Unlock()
		}
		if code := call.code(); code != jsonrpc.CodeWorkerCrashed && code != jsonrpc.CodeCancelled {
			t.Errorf("%s: code %d, %+v", pipe, code, call.reply)
		}
		if got := r.call("pid", `[]`).answer(); got.code() != 0 || alive(closed.pid) {
			t.Errorf("%s: the next call got %+v", pipe, got.reply.Error)
		}
	}
}

func TestAnIdleWorkerThatClosesStdoutIsReplacedAndNoCallIsLost(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=ignore-all") }) // it would live on for ever
	r.call("answer-and-close", `[]`).answer()
	closed := r.gate.await("closed")
	job, attempts := r.wait(r.submit("echo", `[1]`, func(j *ledger.Job) { j.MaxAttempts = 1 }))
	if job.State != ledger.Succeeded || job.PID == closed.pid {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
	if got := r.call("echo", `[2]`).answer(); got.result != `[2]` {
		t.Errorf("result %q", got.result)
	}
}

func TestStdinKnowsWhichCallsHaveBeenRead(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	in := &stdin{File: write}
	defer in.Close()
	for _, frame := range []struct {
		call uint64
		size int
	}{{1, 8}, {0, 8}, {2, 2}, {4, 2}} { // of 0: no call
		in.framed(frame.call, frame.size)
	}
	for _, part := range []string{"1234567\n", "12", "34567\n", "1\n2"} { // the last is not written whole
		if _, err := in.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	for _, step := range []struct {
		bytes int
		call  uint64
	}{{0, 0}, {1, 1}, {7, 1}, {1, 1}, {7, 1}, {1, 2}, {1, 2}, {1, 4}} {
		if _, err := read.Read(make([]byte, step.bytes)); err != nil {
			t.Fatal(err)
		}
		total += step.bytes
		if got := in.taken(); got != step.call {
			t.Errorf("after %d bytes call %d, want %d", total, got, step.call)
		}
	}
}

func TestAnAnswerThatCannotBePassedOnFailsItsCallAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, method := range []string{"not-utf8", "too-deep"} {
		job, attempts := r.wait(r.submit(method, `[]`, nil))
		if job.State != ledger.Failed || len(attempts) != 1 || errorOf(t, job).Code != jsonrpc.CodeParseError {
			t.Errorf("%s: %+v, %d attempts", method, job, len(attempts))
		}
	}
	if n := r.pool.Stats().Workers.ForkCount; n != 1 {
		t.Errorf("%d forks", n)
	}
}

func TestStdinForgetsCallsThatNoPipeCanHold(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	in := &stdin{File: write}
	defer in.Close()
	frame, sink := []byte(longLine(999)+"\n"), make([]byte, 1000)
	const n = 10 * moreThanAPipe / 1000
	for i := range n {
		in.framed(uint64(i+1), len(frame))
		if _, err := in.Write(frame); err != nil {
			t.Fatal(err)
		}
		if _, err := read.Read(sink); err != nil {
			t.Fatal(err)
		}
	}
	if in.taken() != n || len(in.calls) > 3*moreThanAPipe/1000 {
		t.Errorf("%d of %d calls taken, %d remembered", in.taken(), n, len(in.calls))
	}
}
