package whipper_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// built is the program, built once. TestMain removes its folder.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "whipper-sdk-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	path := filepath.Join(dir, "whipper")
	if out, err := exec.Command("go", "build", "-o", path, "../cmd/whipper").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build whipper: %w\n%s", err, out)
	}
	return path, nil
})

var builtIn string

func binary(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// own are options for a sidecar with one worker, which is this binary.
func own(t *testing.T) whipper.StartOptions {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return whipper.StartOptions{
		Command: []string{self}, Env: []string{childEnv, modeEnv + "=own"},
		Binary: binary(t), MaxWorkers: 1, Stderr: t.Output(),
	}
}

// start starts a sidecar.
func start(t *testing.T, o whipper.StartOptions) (*whipper.Client, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c, err := whipper.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, ctx
}

// runApplication is an application with a sidecar; it says which process that is, and lives on until it is killed.
func runApplication(program string) {
	self, _ := os.Executable()
	c, err := whipper.Start(context.Background(), whipper.StartOptions{
		Command: []string{self}, Env: []string{childEnv, modeEnv + "=own"}, Binary: program, MaxWorkers: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ping, err := c.Ping(context.Background())
	fmt.Println(ping.PID, filepath.Dir(c.Socket()), err)
	select {}
}

func TestASidecarServesAndIsGoneAfterClose(t *testing.T) {
	o := own(t)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("WHIPPER_POOL", "of-a-worker") // as in a worker: no option of the sidecar's
	c, ctx := start(t, o)
	text, err := whipper.Invoke[string](ctx, c, "greet", "Ted", 1)
	if err != nil || text != "hi Ted " {
		t.Errorf("%q %v", text, err)
	}
	text, err = whipper.Invoke[string](ctx, c, "greet", whipper.ByName{"times": 2, "name": "<A>"})
	if err != nil || text != "hi <A> hi <A> " {
		t.Errorf("%q %v", text, err)
	}
	if folders, _ := filepath.Glob(temporary + "/whipper-*/ledger.db"); len(folders) != 1 {
		t.Errorf("ledgers: %q", folders)
	}
	ping, err := c.Ping(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(ping.PID, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the supervisor: %v", err)
	}
	if left, _ := filepath.Glob(temporary + "/whipper*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if _, err := c.Ping(ctx); !errors.Is(err, whipper.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestWhatAWorkerPrintsAndLogsComesToTheApplication(t *testing.T) {
	o := own(t)
	var out strings.Builder // of one writer; read after Close
	o.Stderr = &out
	c, ctx := start(t, o)
	if _, err := whipper.Invoke[any](ctx, c, "log"); err != nil {
		t.Fatal(err)
	}
	if _, err := whipper.Invoke[any](ctx, c, "noise"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"of a call"`, "printed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in\n%s", want, &out)
		}
	}
}

func TestASidecarsScriptNeedsNoSDK(t *testing.T) {
	script := filepath.Join(t.TempDir(), "tasks.mjs")
	if err := os.WriteFile(script, []byte("export const add = (a, b) => a + b;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, ctx := start(t, whipper.StartOptions{Script: script, Binary: binary(t), Stderr: t.Output()})
	if sum, err := whipper.Invoke[int](ctx, c, "add", 1, 2); err != nil || sum != 3 {
		t.Errorf("%d %v", sum, err)
	}
}

func TestJobsOfASidecarWithAFolderSurviveIt(t *testing.T) {
	o := own(t)
	o.Dir = filepath.Join(shortDir(t), "state")
	c, ctx := start(t, o)
	s, err := c.Submit(ctx, whipper.SubmitParams{Method: "greet", Params: args(t, "Ted", 1), DelayMs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c, ctx = start(t, o)
	done, err := c.Wait(ctx, whipper.WaitParams{IDs: []int64{s.ID}})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := whipper.Result[string](done.Jobs[0]); err != nil || text != "hi Ted " {
		t.Errorf("%q %v", text, err)
	}
}

func TestASidecarThatCannotStartSaysWhy(t *testing.T) {
	o := own(t)
	o.Command = []string{"/no/such/program"}
	_, err := whipper.Start(t.Context(), o)
	var failed *whipper.StartError
	var exit *exec.ExitError
	if !errors.As(err, &failed) || !errors.As(err, &exit) || exit.ExitCode() != 127 || !strings.Contains(failed.Output, "/no/such/program") {
		t.Errorf("%v", err)
	}
	o.Command = []string{"/bin/sh", "-c", "echo no luck >&2; exit 3"}
	if _, err = whipper.Start(t.Context(), o); !errors.As(err, &failed) || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := whipper.Start(ctx, own(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	_, err = whipper.Start(t.Context(), whipper.StartOptions{MinWorkers: -1, InvocationTimeout: -1, Patience: -1})
	want := "Script, Command: one of them must be given\nMinWorkers: -1 given, 0 or more wanted\n" +
		"InvocationTimeout: -1ns given, 0 or more wanted\nPatience: -1ns given, 0 or more wanted"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestTheProgramIsFoundOrSaidHowToGet(t *testing.T) {
	o := own(t)
	program := o.Binary
	o.Binary = ""
	t.Setenv("PATH", t.TempDir())
	t.Setenv("WHIPPER_BIN", "")
	_, err := whipper.Start(t.Context(), o)
	var none *whipper.NoBinaryError
	if !errors.As(err, &none) || none.Path != "" || !strings.Contains(err.Error(), "go install github.com/whipper-sidecar/whipper/cmd/whipper@latest") {
		t.Errorf("%v", err)
	}
	t.Setenv("WHIPPER_BIN", "/no/such/whipper")
	if _, err = whipper.Start(t.Context(), o); !errors.As(err, &none) || none.Path != "/no/such/whipper" {
		t.Errorf("%v", err)
	}
	t.Setenv("WHIPPER_BIN", program)
	start(t, o)
	t.Setenv("WHIPPER_BIN", "")
	t.Setenv("PATH", filepath.Dir(program))
	start(t, o)
}

func TestASidecarThatDiesIsStartedAgain(t *testing.T) {
	c, ctx := start(t, own(t))
	hung := make(chan error, 1)
	running := make(chan struct{})
	go func() {
		_, _, err := c.InvokeProgress(ctx, whipper.InvokeParams{Method: "hang"}, func(whipper.ProgressUpdate) { close(running) })
		hung <- err
	}()
	<-running
	ping, err := c.Ping(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(ping.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var unknown *whipper.UnknownOutcomeError
	if err := <-hung; !errors.As(err, &unknown) || unknown.Method != "job.invoke" || !errors.Is(err, whipper.ErrClosed) {
		t.Errorf("the call that ran: %v", err)
	}
	// A process that is ending may have closed its connections and listen still: what comes in that moment has an unknown outcome as well.
	for syscall.Kill(ping.PID, 0) == nil && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if sum, err := whipper.Invoke[int](ctx, c, "three", 1, 2, 3); err != nil || sum != 6 {
		t.Errorf("%d %v", sum, err)
	}
}

func TestConditionsAreFoundWithErrorsIs(t *testing.T) {
	o := own(t)
	o.Flags = []string{"--at-capacity", "error"}
	c, ctx := start(t, o)
	_, _, err := c.Invoke(ctx, whipper.InvokeParams{Method: "hang", TimeoutMs: 50})
	var failed *whipper.CallError
	if !errors.Is(err, whipper.ErrTimeout) || errors.Is(err, whipper.ErrAtCapacity) || !errors.As(err, &failed) || failed.Meta.Job == 0 || failed.FromWorker() {
		t.Errorf("%v", err)
	}
	if _, err := c.Get(ctx, whipper.GetParams{ID: 1 << 40}); !errors.Is(err, whipper.ErrNotFound) {
		t.Errorf("%v", err)
	}
	_, err = whipper.Invoke[any](ctx, c, "own")
	var its *whipper.Error
	if !errors.As(err, &its) || its.Code != 77 || its.Type() != "Mine" || !errors.As(err, &failed) || !failed.FromWorker() || err.Error() != "Mine: mine" {
		t.Errorf("%v", err)
	}
	if err := (&whipper.CallError{Meta: whipper.ResponseMeta{ErrorSource: "worker"}, Err: &whipper.Error{Code: whipper.CodeTimeout}}); errors.Is(err, whipper.ErrTimeout) {
		t.Error("a worker's own code 1002 is taken for a timeout")
	}
	s, err := c.Submit(ctx, whipper.SubmitParams{Method: "permanent"})
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Wait(ctx, whipper.WaitParams{IDs: []int64{s.ID}})
	if err != nil || done.Jobs[0].Attempt != 1 {
		t.Errorf("%+v %v", done, err)
	}
	if _, err := whipper.Result[any](done.Jobs[0]); !errors.As(err, &failed) || failed.Meta.Job != s.ID || failed.Method != "permanent" {
		t.Errorf("%v", err)
	}
}

func TestTheTraceOfAContextReachesTheMethod(t *testing.T) {
	c, ctx := start(t, own(t))
	id := trace.TraceID{1, 2, 3}
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{4}, TraceFlags: trace.FlagsSampled})
	ctx = trace.ContextWithSpanContext(ctx, span)
	seen, err := whipper.Invoke[[]string](ctx, c, "trace")
	if err != nil || seen[0] != id.String() || seen[1] != "true" {
		t.Errorf("%q %v", seen, err)
	}
	s, err := c.Submit(ctx, whipper.SubmitParams{Method: "trace"})
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Wait(ctx, whipper.WaitParams{IDs: []int64{s.ID}})
	if err != nil || !strings.Contains(string(done.Jobs[0].Result), id.String()) {
		t.Errorf("%s %v", done.Jobs[0].Result, err)
	}
}

func TestBigPayloadsGoThroughUpToTheLimit(t *testing.T) {
	o := own(t)
	c, ctx := start(t, o)
	big := strings.Repeat("é", 7<<20) // 14 MiB
	raw, _, err := c.Invoke(ctx, whipper.InvokeParams{Method: "raw", Params: args(t, big)})
	var back []string
	if err != nil || json.Unmarshal(raw, &back) != nil || back[0] != big {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	_, _, err = c.Invoke(ctx, whipper.InvokeParams{Method: "raw", Params: args(t, big, big)})
	if !errors.Is(err, whipper.ErrMessageTooLarge) || !strings.Contains(err.Error(), "over the limit of 16777216") {
		t.Errorf("%v", err)
	}
	if _, err = whipper.Invoke[string](ctx, c, "greet", big[:2<<20], 12); !errors.Is(err, whipper.ErrMessageTooLarge) {
		t.Errorf("a result: %v", err)
	}
	s, err := c.Submit(ctx, whipper.SubmitParams{Method: "greet", Params: args(t, big[:2<<20], 12)})
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Wait(ctx, whipper.WaitParams{IDs: []int64{s.ID}})
	if _, e := whipper.Result[string](done.Jobs[0]); !errors.Is(e, whipper.ErrMessageTooLarge) || done.Jobs[0].Attempt != 1 {
		t.Errorf("of a job: %v %v %+v", err, e, done)
	}
	o.MaxMessageSize = 64 << 20
	c, ctx = start(t, o)
	if raw, _, err = c.Invoke(ctx, whipper.InvokeParams{Method: "raw", Params: args(t, big, big)}); err != nil || len(raw) < 28<<20 {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
}

func TestThousandsOfCallsShareOneConnection(t *testing.T) {
	c, ctx := start(t, own(t))
	const calls = 10_000
	text := strings.Repeat("x", 1000)
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() {
			if got, err := whipper.Invoke[string](ctx, c, "greet", text, 1); err != nil || len(got) != 1004 {
				t.Errorf("call %d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	all.Wait()
}

// runWhipper starts whipper exec on a folder, with this binary as its worker, and waits until it is ready.
func runWhipper(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ready, told, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	cmd := exec.Command(binary(t), "exec", "--dir", dir, "--ready-fd", "3", "--max-workers", "1", "--", self)
	cmd.Env = append(os.Environ(), childEnv, modeEnv+"=own")
	cmd.ExtraFiles, cmd.Stderr, cmd.WaitDelay = []*os.File{told}, t.Output(), time.Second
	err = cmd.Start()
	told.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := io.ReadAll(ready); err != nil || len(line) == 0 {
		t.Fatalf("it did not get ready: %v", err)
	}
	return cmd
}

func TestAClientOutlivesItsSupervisor(t *testing.T) {
	dir := filepath.Join(shortDir(t), "w")
	first := runWhipper(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := whipper.Dial(ctx, whipper.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	later, err := c.Submit(ctx, whipper.SubmitParams{Method: "greet", Params: args(t, "Ann", 1), DelayMs: 1500})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() { // a wait that is under way goes on
		done, err := c.Wait(ctx, whipper.WaitParams{IDs: []int64{later.ID}})
		if err != nil || done.Jobs[0].State != "succeeded" {
			t.Errorf("%+v %v", done, err)
		}
	})
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	all.Go(func() { // what comes while there is none waits
		_, err := c.Submit(ctx, whipper.SubmitParams{Method: "greet", Params: args(t, "Ted", 1), IdempotencyKey: "k"})
		sum, e := whipper.Invoke[int](ctx, c, "three", 1, 2, 3)
		if err := errors.Join(err, e); err != nil || sum != 6 {
			t.Errorf("%d %v", sum, err)
		}
	})
	runWhipper(t, dir)
	all.Wait()
}

func TestASubmissionThatADrainRefusesGoesToTheNextSupervisor(t *testing.T) {
	dir := filepath.Join(shortDir(t), "w")
	first := runWhipper(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := whipper.Dial(ctx, whipper.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	running := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { // holds the drain up
		_, _, err := c.InvokeProgress(ctx, whipper.InvokeParams{Method: "hang", TimeoutMs: 4000}, func(whipper.ProgressUpdate) { close(running) })
		if !errors.Is(err, whipper.ErrTimeout) {
			t.Errorf("the call that ran: %v", err)
		}
	})
	<-running
	events, err := c.Events(ctx, whipper.EventFilter{Types: []string{whipper.EventPoolUnavailable}})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range events { // it drains
		break
	}
	all.Go(func() {
		if _, err := c.Submit(ctx, whipper.SubmitParams{Method: "greet", Params: args(t, "Ted", 1)}); err != nil {
			t.Errorf("%v", err)
		}
		if sum, err := whipper.Invoke[int](ctx, c, "three", 1, 2, 3); err != nil || sum != 6 {
			t.Errorf("%d %v", sum, err)
		}
	})
	if err := first.Wait(); err != nil {
		t.Errorf("the first supervisor: %v", err)
	}
	runWhipper(t, dir)
	all.Wait()
}

func TestASupervisorThatDoesNotComeBackIsSaid(t *testing.T) {
	dir := filepath.Join(shortDir(t), "w")
	first := runWhipper(t, dir)
	c, err := whipper.Dial(t.Context(), whipper.Options{Dir: dir, Patience: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = first.Process.Kill()
	_ = first.Wait()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			var none *whipper.NoSupervisorError
			if _, err := c.Ping(t.Context()); !errors.As(err, &none) {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestACallWhoseProgressPanicsIsCancelled(t *testing.T) {
	c, ctx := start(t, own(t))
	var job int64
	func() {
		defer func() {
			if recover() != "ouch" {
				t.Error("the panic is lost")
			}
		}()
		_, _, _ = c.InvokeProgress(ctx, whipper.InvokeParams{Method: "hang"}, func(p whipper.ProgressUpdate) {
			job = p.Job
			panic("ouch")
		})
	}()
	if _, err := c.Wait(ctx, whipper.WaitParams{IDs: []int64{job}, TimeoutMs: 10_000}); errors.Is(err, whipper.ErrTimeout) {
		t.Error(err)
	}
}

// restart kills a sidecar whose next one gets ready when let is called, and returns when that has been started, for a Ping whose outcome is in
// pinged. starts counts the starts.
func restart(t *testing.T) (c *whipper.Client, ctx context.Context, giveUp context.CancelFunc, pinged <-chan error, let func(), starts func() int) {
	t.Helper()
	dir := t.TempDir()
	pipe := func(name string) *os.File {
		path := filepath.Join(dir, name)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	here, goOn := pipe("here"), pipe("go")
	o := own(t)
	const script = `cd "$0"; echo >>starts; if [ "$(wc -l <starts)" -gt 1 ]; then echo >here; read -r _ <go; fi; exec "$@"`
	o.Command = append([]string{"/bin/sh", "-c", script, dir}, o.Command...)
	c, ctx = start(t, o)
	ping, err := c.Ping(ctx)
	if err == nil {
		err = syscall.Kill(ping.PID, syscall.SIGKILL)
	}
	if err != nil {
		t.Fatal(err)
	}
	few, giveUp := context.WithCancel(ctx)
	t.Cleanup(giveUp)
	out := make(chan error, 1)
	go func() {
		for few.Err() == nil { // the connection may not have noticed yet
			if _, err := c.Ping(few); err != nil {
				out <- err
				return
			}
		}
	}()
	if _, err := here.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return c, ctx, giveUp, out, func() { _, _ = goOn.WriteString("\n") }, func() int {
		lines, _ := os.ReadFile(filepath.Join(dir, "starts"))
		return len(lines)
	}
}

func TestASidecarIsStartedForThoseWhoComeAfterACallerThatGaveUp(t *testing.T) {
	c, ctx, giveUp, pinged, let, starts := restart(t)
	giveUp()
	if err := <-pinged; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	let()
	if _, err := c.Ping(ctx); err != nil || starts() != 2 {
		t.Errorf("%v after %d starts", err, starts())
	}
}

func TestCloseEndsASidecarThatIsStarting(t *testing.T) {
	c, _, _, pinged, _, _ := restart(t)
	dir := filepath.Dir(c.Socket())
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-pinged; !errors.Is(err, whipper.ErrClosed) {
		t.Errorf("who waited: %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
}
