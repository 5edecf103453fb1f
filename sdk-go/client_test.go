package whipper_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// patience bounds what a test waits for in all; it is reached only by one that fails. Thousands of calls under the race detector take ten seconds of a
// processor, and a machine that is busy gives them little.
const patience = 2 * time.Minute

// connect starts a supervisor and connects to it.
func connect(t *testing.T) (*whipper.Client, context.Context) {
	t.Helper()
	dir, stop, err := startSupervisor()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c, err := whipper.Dial(ctx, whipper.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, ctx
}

func args(t *testing.T, values ...any) json.RawMessage {
	t.Helper()
	raw, err := whipper.Args(values...)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestInvokeReturnsTheResultAndItsMeta(t *testing.T) {
	c, ctx := connect(t)
	result, meta, err := c.Invoke(ctx, whipper.InvokeParams{Method: "sayHi", Params: args(t, "<Ted>")})
	if err != nil || string(result) != `"hi <Ted>"` {
		t.Fatalf("result = %s %v", result, err)
	}
	if meta.Job < 1 || meta.Attempts != 1 || meta.Worker != "w1" || meta.ErrorSource != "" {
		t.Errorf("meta = %+v", meta)
	}
}

func TestErrorOfAWorkerIsFoundWithErrorsAs(t *testing.T) {
	c, ctx := connect(t)
	_, meta, err := c.Invoke(ctx, whipper.InvokeParams{Method: "fail"})
	var failed *whipper.Error
	if !errors.As(err, &failed) || failed.Code != 1 || failed.Message != "out of paper" || failed.Type() != "PrinterError" {
		t.Errorf("err = %v", err)
	}
	if meta.ErrorSource != "worker" || meta.Job < 1 {
		t.Errorf("meta = %+v", meta)
	}
}

func TestEndOfTheContextCancelsTheCallInTheWorker(t *testing.T) {
	c, ctx := connect(t)
	callCtx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, _, err := c.Invoke(callCtx, whipper.InvokeParams{Method: "hang"})
		ended <- err
	}()
	calls := func(want int) {
		t.Helper()
		for {
			w, err := c.Workers(ctx, whipper.PoolParams{})
			if err != nil {
				t.Fatal(err)
			}
			if len(w.Workers) == 1 && w.Workers[0].Calls == want {
				return
			}
		}
	}
	calls(1)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	calls(0)
}

func TestJobIsSubmittedWaitedForListedAndRead(t *testing.T) {
	c, ctx := connect(t)
	s, err := c.Submit(ctx, whipper.SubmitParams{Method: "sayHi", Params: args(t, "Ted"), IdempotencyKey: "k"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Submit(ctx, whipper.SubmitParams{Method: "sayHi", Params: args(t, "Ted"), IdempotencyKey: "k"})
	if err != nil || again.ID != s.ID || !again.Duplicate {
		t.Errorf("again = %+v %v", again, err)
	}
	b, err := c.SubmitBatch(ctx, whipper.SubmitBatchParams{Jobs: []whipper.SubmitParams{
		{Method: "sayHi", Params: args(t, "a")}, {Method: "sayHi", Params: args(t, "b")},
	}})
	if err != nil || len(b.IDs) != 2 {
		t.Fatalf("batch = %v %v", b.IDs, err)
	}
	waited, err := c.Wait(ctx, whipper.WaitParams{IDs: []int64{b.IDs[1], s.ID}})
	if err != nil || len(waited.Jobs) != 2 || string(waited.Jobs[0].Result) != `"hi b"` || string(waited.Jobs[1].Result) != `"hi Ted"` {
		t.Fatalf("waited = %+v %v", waited, err)
	}
	job, err := c.Get(ctx, whipper.GetParams{ID: s.ID})
	if err != nil || job.State != "succeeded" || len(job.Attempts) != 1 {
		t.Errorf("job = %+v %v", job, err)
	}
	page, err := c.List(ctx, whipper.ListParams{Method: "sayHi", Limit: 2})
	if err != nil || len(page.Jobs) != 2 || page.NextCursor == "" {
		t.Errorf("page = %+v %v", page, err)
	}
	var failed *whipper.Error
	if _, err := c.Get(ctx, whipper.GetParams{ID: 1 << 40}); !errors.As(err, &failed) || failed.Code != whipper.CodeNotFound {
		t.Errorf("unknown job: %v", err)
	}
}

func TestJobIsCancelledRetriedAndPruned(t *testing.T) {
	c, ctx := connect(t)
	s, err := c.Submit(ctx, whipper.SubmitParams{Method: "sayHi", Params: args(t, "x"), DelayMs: 3_600_000})
	if err != nil {
		t.Fatal(err)
	}
	n, err := c.Cancel(ctx, whipper.CancelJobsParams{IDs: []int64{s.ID}})
	if err != nil || n.Count != 1 {
		t.Errorf("cancelled %d %v", n.Count, err)
	}
	n, err = c.Retry(ctx, whipper.RetryJobsParams{Filter: &whipper.ListParams{Method: "sayHi", State: "cancelled"}})
	if err != nil || n.Count != 1 {
		t.Errorf("retried %d %v", n.Count, err)
	}
	jobs, err := c.Wait(ctx, whipper.WaitParams{IDs: []int64{s.ID}})
	if err != nil || jobs.Jobs[0].State != "succeeded" {
		t.Errorf("after the retry: %+v %v", jobs, err)
	}
	n, err = c.Prune(ctx, whipper.PruneJobsParams{IDs: []int64{s.ID}})
	if err != nil || n.Count != 1 {
		t.Errorf("pruned %d %v", n.Count, err)
	}
}

func TestSupervisorDescribesItself(t *testing.T) {
	c, ctx := connect(t)
	ping, err := c.Ping(ctx)
	if err != nil || ping.PID != os.Getpid() {
		t.Errorf("ping = %+v %v", ping, err)
	}
	pools, err := c.Pools(ctx)
	if err != nil || len(pools.Pools) != 1 || pools.Pools[0].Name != "default" {
		t.Errorf("pools = %+v %v", pools, err)
	}
	if stats, err := c.Stats(ctx, whipper.PoolParams{Pool: "default"}); err != nil || stats.WorkerCount != 1 {
		t.Errorf("stats = %+v %v", stats, err)
	}
}

func TestCallsRunSideBySide(t *testing.T) {
	c, ctx := connect(t)
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() {
			params, err := whipper.Args(fmt.Sprint(i))
			if err != nil {
				t.Error(err)
			}
			result, _, err := c.Invoke(ctx, whipper.InvokeParams{Method: "sayHi", Params: params})
			if want := fmt.Sprintf(`"hi %d"`, i); err != nil || string(result) != want {
				t.Errorf("call %d = %s %v", i, result, err)
			}
		})
	}
	all.Wait()
}

func TestCallsAfterTheEndOfTheConnectionSaySo(t *testing.T) {
	c, ctx := connect(t)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ping(ctx); !errors.Is(err, whipper.ErrClosed) {
		t.Errorf("err = %v", err)
	}
}

func TestParamsThatAreNotJSONNeverLeave(t *testing.T) {
	c, ctx := connect(t)
	_, _, err := c.Invoke(ctx, whipper.InvokeParams{Method: "sayHi", Params: json.RawMessage(`[`)})
	if err == nil || !strings.HasPrefix(err.Error(), "encode params of job.invoke: ") {
		t.Errorf("err = %v", err)
	}
	if _, err := c.Ping(ctx); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// A supervisor that cannot read a request answers without its id; the call must not wait for ever.
func TestRequestThatTheSupervisorCannotReadEndsTheConnectionWithItsReason(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		if _, err := bufio.NewReader(c).ReadString('\n'); err != nil { // answered before it is sent, a new connection would be made for it
			t.Error(err)
		}
		_, _ = io.WriteString(c, `{"jsonrpc":"2.0","id":null,"error":{"code":1009,"message":"message too large: 99 bytes"}}`+"\n")
		_, _ = io.Copy(io.Discard, c)
	}()
	c, err := whipper.Dial(t.Context(), whipper.Options{Socket: path})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Ping(t.Context())
	var tooLarge *whipper.Error
	if !errors.Is(err, whipper.ErrClosed) || !errors.As(err, &tooLarge) || tooLarge.Code != whipper.CodeMessageTooLarge {
		t.Errorf("err = %v", err)
	}
	<-done
}
