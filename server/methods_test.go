package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestPingSaysWhatTheSupervisorIs(t *testing.T) {
	var p jsonrpc.PingResult
	serveFake(t, &fakePool{}).dial().must("ping", `{}`, &p)
	if p.Version != "1.2.3" || p.PID == 0 || p.UptimeMs < 0 || !slices.Equal(p.Pools, []string{"default"}) {
		t.Errorf("ping = %+v", p)
	}
}

func TestInvokeGivesTheWorkersOwnBytes(t *testing.T) {
	c := servePool(t).dial()
	const params = `[ 1.0,"<é😀>" ,{"b":1,"a":12345678901234567890} ]`
	got := c.ask(requestLine(`"x"`, "job.invoke", `{"method":"echo","params":`+params+`}`))
	if want := `{"jsonrpc":"2.0","id":"x","result":` + params + `,"meta":{"job":`; !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s…", got, want)
	}
	a := parse(t, got)
	if m := a.Meta; m == nil || m.Job < 1 || m.Attempts != 1 || m.Worker != "w1" || m.ErrorSource != "" {
		t.Errorf("meta = %+v", a.Meta)
	}

	a = c.call("job.invoke", `{"method":"fail"}`)
	if e := a.Error; e == nil || e.Code != 1002 || e.Message != "no <luck>" || compact(t, e.Data) != `{"type":"TimeoutError","n":1.0}` {
		t.Errorf("fail: %v %s", a.Error, a.Result)
	}
	if a.Meta == nil || a.Meta.ErrorSource != "worker" {
		t.Errorf("meta = %+v", a.Meta)
	}

	a = c.call("job.invoke", `{"method":"hang","timeoutMs":1}`)
	if a.Error == nil || a.Error.Code != jsonrpc.CodeTimeout || a.Meta == nil || a.Meta.ErrorSource != "whipper" {
		t.Errorf("hang: %v, meta %+v", a.Error, a.Meta)
	}
}

func compact(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return b.String()
}

func TestDisconnectCancelsARunningCallInTheWorker(t *testing.T) {
	r := servePool(t)
	c := r.dial()
	c.send(requestLine("1", "job.invoke", `{"method":"hang"}`))
	watcher := r.dial()
	calls := func() int {
		var l jsonrpc.WorkerListResult
		watcher.must("worker.list", "", &l)
		n := 0
		for _, w := range l.Workers {
			n += w.Calls
		}
		return n
	}
	eventually(t, "the worker has the call", func() bool { return calls() == 1 })
	c.Close()
	eventually(t, "the worker is rid of the call", func() bool { return calls() == 0 })
	var page jsonrpc.JobsResult
	eventually(t, "the job is cancelled in the ledger", func() bool {
		watcher.must("job.list", `{"state":"cancelled"}`, &page)
		return len(page.Jobs) == 1
	})
}

func TestSubmittedJobIsRunWaitedForAndRead(t *testing.T) {
	c := servePool(t).dial()
	var s jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"echo","params":["<a>", 1.50],"labels":{"k":"v"},"idempotencyKey":"key","priority":5,"maxAttempts":7,"traceparent":"00-1","backoff":{"baseMs":5}}`, &s)
	if s.ID < 1 || s.Duplicate {
		t.Fatalf("submitted = %+v", s)
	}
	var again jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"echo","params":["<a>", 1.50],"idempotencyKey":"key"}`, &again)
	if again != (jsonrpc.SubmitResult{ID: s.ID, Duplicate: true}) {
		t.Errorf("same key again = %+v", again)
	}
	if a := c.call("job.submit", `{"method":"fail","idempotencyKey":"key"}`); a.Error == nil || a.Error.Code != jsonrpc.CodeInvalidArgument {
		t.Errorf("same key, other method: %v %s", a.Error, a.Result)
	}

	var waited jsonrpc.JobsResult
	c.must("job.wait", fmt.Sprintf(`{"ids":[%d]}`, s.ID), &waited)
	if len(waited.Jobs) != 1 || waited.Jobs[0].State != "succeeded" || string(waited.Jobs[0].Result) != `["<a>",1.50]` {
		t.Fatalf("waited = %+v", waited)
	}
	var job jsonrpc.Job
	c.must("job.get", fmt.Sprintf(`{"id":%d}`, s.ID), &job)
	if job.MaxAttempts != 7 || job.Priority != 5 || job.Labels["k"] != "v" || job.Traceparent != "00-1" || job.WaitMs == nil || job.RunMs == nil {
		t.Errorf("job = %+v", job)
	}
	if len(job.Attempts) != 1 || job.Attempts[0].Outcome != "succeeded" || job.Attempts[0].PID == 0 || job.Attempts[0].Attempt != 1 {
		t.Errorf("attempts = %+v", job.Attempts)
	}
}

func TestBatchOfJobsIsSubmittedInOrder(t *testing.T) {
	c := servePool(t).dial()
	var b jsonrpc.SubmitBatchResult
	c.must("job.submitBatch", `{"jobs":[{"method":"echo","params":[0]},{"method":"echo","params":[1]},{"method":"echo","params":[2]}]}`, &b)
	ids, err := json.Marshal(b.IDs)
	if err != nil || len(b.IDs) != 3 {
		t.Fatalf("ids = %s %v", ids, err)
	}
	var waited jsonrpc.JobsResult
	c.must("job.wait", `{"ids":`+string(ids)+`}`, &waited)
	for i, job := range waited.Jobs {
		if job.ID != b.IDs[i] || string(job.Result) != fmt.Sprintf("[%d]", i) {
			t.Errorf("job %d = %+v", i, job)
		}
	}
}

func TestUnknownJobIsNamed(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	var s jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"m"}`, &s)
	for method, params := range map[string]string{
		"job.get":    `{"id":987654}`,
		"job.wait":   fmt.Sprintf(`{"ids":[%d,987654]}`, s.ID),
		"job.cancel": fmt.Sprintf(`{"ids":[%d,987654]}`, s.ID),
	} {
		a := c.call(method, params)
		if a.Error == nil || a.Error.Code != jsonrpc.CodeNotFound || a.Error.Type() != "NotFoundError" || !strings.Contains(a.Error.Message, "987654") {
			t.Errorf("%s: %v %s", method, a.Error, a.Result)
		}
	}
	var job jsonrpc.Job
	if c.must("job.get", fmt.Sprintf(`{"id":%d}`, s.ID), &job); job.State != "queued" {
		t.Errorf("job is %s after a cancel that was refused", job.State)
	}
}

func TestWaitEndsAtItsTimeoutAndSaysWhatIsOpen(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	var s jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"m"}`, &s)
	a := c.call("job.wait", fmt.Sprintf(`{"ids":[%d],"timeoutMs":5}`, s.ID))
	want := fmt.Sprintf("job %d is still queued after 5 ms", s.ID)
	if a.Error == nil || a.Error.Code != jsonrpc.CodeTimeout || a.Error.Message != want {
		t.Errorf("wait: %v %s, want %s", a.Error, a.Result, want)
	}
}

func TestWaitsAnswerHasRoomForResults(t *testing.T) {
	c := servePool(t).dial()
	padding := strings.Repeat("x", 100<<10)
	submit := func(method, params string) string {
		var ids []string
		for range 12 { // more than the limit of a message
			var s jsonrpc.SubmitResult
			c.must("job.submit", `{"method":"`+method+`","params":`+params+`}`, &s)
			ids = append(ids, fmt.Sprint(s.ID))
		}
		return "[" + strings.Join(ids, ",") + "]"
	}

	var waited jsonrpc.JobsResult
	c.must("job.wait", `{"ids":`+submit("subtract", `[5,3,"`+padding+`"]`)+`}`, &waited)
	for _, job := range waited.Jobs {
		if job.State != "succeeded" || string(job.Result) != "2" || job.Params != nil {
			t.Errorf("job %d is %s, result %s, %d bytes of params", job.ID, job.State, job.Result, len(job.Params))
		}
	}

	large := submit("echo", `["`+padding+`"]`)
	if a := c.call("job.wait", `{"ids":`+large+`,"payloads":true}`); a.Error == nil || a.Error.Code != jsonrpc.CodeMessageTooLarge {
		t.Errorf("with results: %v, %d bytes", a.Error, len(a.Result))
	}
	waited = jsonrpc.JobsResult{}
	c.must("job.wait", `{"ids":`+large+`,"payloads":false}`, &waited)
	if len(waited.Jobs) != 12 {
		t.Errorf("%d jobs", len(waited.Jobs))
	}
	for _, job := range waited.Jobs {
		if job.State != "succeeded" || job.Result != nil {
			t.Errorf("job %d is %s, %d bytes of result", job.ID, job.State, len(job.Result))
		}
	}

	var s jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"fail","maxAttempts":1}`, &s)
	waited = jsonrpc.JobsResult{}
	c.must("job.wait", fmt.Sprintf(`{"ids":[%d],"payloads":false}`, s.ID), &waited)
	if job := waited.Jobs[0]; job.State != "failed" || job.Error == nil || job.Error.Message != "no <luck>" {
		t.Errorf("a failed job without payloads: %+v", job)
	}
}

// A job's outcome may come together with the end of the wait, be it by its timeout or by the end of the drain.
func TestWaitThatEndsAsItsJobsDoGivesTheJobs(t *testing.T) {
	dir := shortDir(t)
	l := openLedger(t, dir)
	s := New(Options{Ledger: l, Pools: []Pool{&fakePool{}}})
	submitted, err := l.Submit(t.Context(), []ledger.Job{{Pool: "default", Method: "m"}})
	if err != nil {
		t.Fatal(err)
	}
	ids := []int64{submitted[0].ID}
	atOnce := func(context.Context) error { return nil }
	never := func(context.Context) error {
		t.Error("its turn to read is waited for though a job is open")
		return nil
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errShuttingDown)
	if _, err := s.wait(ctx, jsonrpc.WaitParams{IDs: ids}, ledger.Reading{Begin: never}); err == nil {
		t.Error("no error for a job that is queued")
	}
	if _, err := l.CancelQueued(t.Context(), ids, time.Now(), cancelledJSON); err != nil {
		t.Fatal(err)
	}
	if r, err := s.wait(ctx, jsonrpc.WaitParams{IDs: ids}, ledger.Reading{Begin: atOnce}); err != nil || len(r.Jobs) != 1 || r.Jobs[0].State != "cancelled" {
		t.Errorf("wait = %+v %v", r, err)
	}
	retried := func(context.Context) error {
		_, err := l.Retry(t.Context(), ids, func([]ledger.Job) {})
		return err
	}
	if r, err := s.wait(ctx, jsonrpc.WaitParams{IDs: ids}, ledger.Reading{Begin: retried}); toError(nil, err).Code != jsonrpc.CodeShuttingDown {
		t.Errorf("wait for a job that is retried before it is read = %+v %v", r, err)
	}
}

func TestDelayAndRunAtSetWhenAJobMayRun(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	var s jsonrpc.SubmitResult
	var job jsonrpc.Job
	before := time.Now()
	c.must("job.submit", `{"method":"m","delayMs":60000}`, &s)
	c.must("job.get", fmt.Sprintf(`{"id":%d}`, s.ID), &job)
	if d := job.RunAt.Sub(before); d < 59*time.Second || d > time.Minute+patience {
		t.Errorf("runAt is %v from now, want a minute", d)
	}
	c.must("job.submit", `{"method":"m","runAt":"2100-01-02T03:04:05+01:00","expiresAt":"2101-01-01T00:00:00Z"}`, &s)
	job = jsonrpc.Job{}
	c.must("job.get", fmt.Sprintf(`{"id":%d}`, s.ID), &job)
	if want := time.Date(2100, 1, 2, 2, 4, 5, 0, time.UTC); !job.RunAt.Equal(want) || job.ExpiresAt == nil || job.ExpiresAt.Year() != 2101 {
		t.Errorf("runAt = %v expiresAt = %v", job.RunAt, job.ExpiresAt)
	}
}

func TestListIsPagedNewestFirstWithoutPayloads(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	for i := range 5 {
		var s jsonrpc.SubmitResult
		c.must("job.submit", fmt.Sprintf(`{"method":"m%d","params":[%d],"labels":{"n":"%d"}}`, i%2, i, i), &s)
	}
	var seen []int64
	cursor := ""
	for {
		var page jsonrpc.JobsResult
		c.must("job.list", fmt.Sprintf(`{"limit":2,"cursor":%q}`, cursor), &page)
		for _, job := range page.Jobs {
			seen = append(seen, job.ID)
			if job.Params != nil {
				t.Errorf("job %d has params %s", job.ID, job.Params)
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if len(seen) != 5 || !slices.IsSortedFunc(seen, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("listed %v", seen)
	}
	for params, want := range map[string]int{
		`{"method":"m0"}`: 3, `{"state":"queued"}`: 5, `{"state":"failed"}`: 0, `{"pool":"default"}`: 5, `{"pool":"gone"}`: 0,
		`{"label":{"name":"n","value":"3"}}`: 1, `{"grep":"[3]"}`: 1, `{"grep":"m","method":"m1"}`: 2, `{"until":"2000-01-01T00:00:00Z"}`: 0, `{"since":"2000-01-01T00:00:00Z"}`: 5,
	} {
		a := c.call("job.list", params)
		var page struct{ Jobs []jsonrpc.Job }
		if err := json.Unmarshal(a.Result, &page); err != nil || page.Jobs == nil || len(page.Jobs) != want {
			t.Errorf("%s: %d jobs, want %d: %v %v", params, len(page.Jobs), want, a.Error, err)
		}
	}
	var page jsonrpc.JobsResult
	c.must("job.list", `{"payloads":true,"limit":1}`, &page)
	if string(page.Jobs[0].Params) != "[4]" {
		t.Errorf("with payloads: params = %s", page.Jobs[0].Params)
	}
}

func TestCancelByIDsAndByFilterCountsWhatItChanged(t *testing.T) {
	r := serveFake(t, &fakePool{})
	c := r.dial()
	submit := func(method string) int64 {
		var s jsonrpc.SubmitResult
		c.must("job.submit", `{"method":"`+method+`"}`, &s)
		return s.ID
	}
	cancel := func(params string) int {
		var n jsonrpc.CountResult
		c.must("job.cancel", params, &n)
		return n.Count
	}
	a, b := submit("a"), submit("b")
	for range 3 {
		submit("c")
	}
	if n := cancel(fmt.Sprintf(`{"ids":[%d,%d,%d]}`, a, b, a)); n != 2 {
		t.Errorf("cancelled by ids: %d", n)
	}
	if n := cancel(fmt.Sprintf(`{"ids":[%d]}`, a)); n != 0 {
		t.Errorf("cancelled again: %d", n)
	}
	if n := cancel(`{"filter":{"method":"c"}}`); n != 3 {
		t.Errorf("cancelled by filter: %d", n)
	}
	// A job of a pool that is configured no more.
	orphan, err := r.ledger.Submit(t.Context(), []ledger.Job{{Pool: "gone", Method: "m"}})
	if err != nil {
		t.Fatal(err)
	}
	if n := cancel(`{"filter":{"pool":"gone"}}`); n != 1 {
		t.Errorf("cancelled of a pool that is gone: %d", n)
	}
	var job jsonrpc.Job
	c.must("job.get", fmt.Sprintf(`{"id":%d}`, orphan[0].ID), &job)
	if job.State != "cancelled" || job.Error.Type() != "CancelledError" {
		t.Errorf("job = %+v", job)
	}
}

func TestCancelByFilterGoesThroughAllPages(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	jobs := strings.TrimSuffix(strings.Repeat(`{"method":"m"},`, 2*maxListLimit+1), ",")
	var b jsonrpc.SubmitBatchResult
	c.must("job.submitBatch", `{"jobs":[`+jobs+`]}`, &b)
	var n jsonrpc.CountResult
	if c.must("job.cancel", `{"filter":{"state":"queued"}}`, &n); n.Count != len(b.IDs) {
		t.Errorf("cancelled %d of %d", n.Count, len(b.IDs))
	}
}

func TestRetryByIDsAndByFilterCountsWhatItChanged(t *testing.T) {
	r := serveFake(t, &fakePool{})
	c := r.dial()
	var b jsonrpc.SubmitBatchResult
	c.must("job.submitBatch", `{"jobs":[`+strings.TrimSuffix(strings.Repeat(`{"method":"m"},`, 20), ",")+`]}`, &b)
	orphan, err := r.ledger.Submit(t.Context(), []ledger.Job{{Pool: "gone", Method: "m"}})
	if err != nil {
		t.Fatal(err)
	}
	var n jsonrpc.CountResult
	c.must("job.cancel", `{"filter":{"method":"m"}}`, &n)
	for _, test := range []struct {
		params string
		want   int
	}{
		{fmt.Sprintf(`{"ids":[%d,%d,%d]}`, b.IDs[0], b.IDs[1], b.IDs[0]), 2},
		{fmt.Sprintf(`{"ids":[%d]}`, b.IDs[0]), 0},
		{`{"filter":{"pool":"gone","state":"cancelled"}}`, 1},
		{`{"filter":{"state":"failed"}}`, 0},
		{`{"filter":{"method":"m"}}`, 18},
	} {
		if c.must("job.retry", test.params, &n); n.Count != test.want {
			t.Errorf("%s: retried %d, want %d", test.params, n.Count, test.want)
		}
	}
	var job jsonrpc.Job
	c.must("job.get", fmt.Sprintf(`{"id":%d}`, orphan[0].ID), &job)
	if job.State != "queued" || job.FinishedAt != nil {
		t.Errorf("job = %+v", job)
	}
	for params, want := range map[string]string{
		`{}`:                            "at least one job's id is wanted",
		`{"filter":{}}`:                 "empty, it would retry every job",
		`{"filter":{"state":"queued"}}`: "is none of failed, cancelled, dropped",
		`{"filter":{"limit":1}}`:        "does not apply to job.retry",
		`{"ids":[1],"filter":{}}`:       "only one of the two may be",
		`{"ids":[4711000]}`:             "is not in the ledger",
	} {
		if a := c.call("job.retry", params); a.Error == nil || !strings.Contains(a.Error.Message, want) {
			t.Errorf("%s: %v, want %s", params, a.Error, want)
		}
	}
	r.stop()
	eventually(t, "retries are refused in a drain", func() bool {
		a := c.call("job.retry", `{"ids":[1]}`)
		return a.Error != nil && a.Error.Code == jsonrpc.CodeShuttingDown
	})
}

func TestPoolsAndWorkersAreListed(t *testing.T) {
	c := servePool(t).dial()
	var p jsonrpc.PoolListResult
	eventually(t, "the pool is available", func() bool {
		c.must("pool.list", "", &p)
		return len(p.Pools) == 1 && p.Pools[0].State == "available"
	})
	if got := p.Pools[0]; got.Name != "default" || got.MaxWorkers != 1 || len(got.Methods) != 4 {
		t.Errorf("pool = %+v", got)
	}
	var s jsonrpc.PoolStats
	if c.must("pool.stats", "", &s); s.WorkerCount != 1 || s.Workers.ForkCount != 1 {
		t.Errorf("stats = %+v", s)
	}
	var w jsonrpc.WorkerListResult
	if c.must("worker.list", "", &w); len(w.Workers) != 1 || w.Workers[0].ID != "w1" || w.Workers[0].PID == 0 {
		t.Errorf("workers = %+v", w)
	}
}

func TestAnswerThatIsTooLargeIsAnErrorAndTheConnectionGoesOn(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	half := strings.Repeat("x", 600<<10)
	var ids []string
	for range 2 {
		var s jsonrpc.SubmitResult
		c.must("job.submit", `{"method":"m","params":["`+half+`"]}`, &s)
		ids = append(ids, fmt.Sprint(s.ID))
	}
	cursor := ""
	for _, id := range []string{ids[1], ids[0]} { // one does not fit beside the other
		var page jsonrpc.JobsResult
		c.must("job.list", `{"payloads":true,"cursor":"`+cursor+`"}`, &page)
		cursor = page.NextCursor
		if len(page.Jobs) != 1 || fmt.Sprint(page.Jobs[0].ID) != id || (page.NextCursor == "") != (id == ids[0]) {
			t.Errorf("page of %d jobs, next %q", len(page.Jobs), page.NextCursor)
		}
	}
	var s jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"m","labels":{"a":"`+strings.Repeat("\u2028", 250_000)+`"}}`, &s) // of which JSON makes twice as much
	for method, params := range map[string]string{
		"job.get":  fmt.Sprintf(`{"id":%d}`, s.ID),
		"job.wait": `{"ids":[1` + strings.Repeat(",1", 5000) + `]}`,
	} {
		if a := c.call(method, params); a.Error == nil || a.Error.Code != jsonrpc.CodeMessageTooLarge {
			t.Errorf("%s: %v, %d bytes", method, a.Error, len(a.Result))
		}
	}
	var job jsonrpc.Job
	c.must("job.get", `{"id":`+ids[0]+`}`, &job)
}
