package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// Only a few of one connection's requests read at the same time. The others' turn comes in the end of a drain too.
func TestWaitsWhoseJobEndsWithTheDrainGetItThoughTheyAreMany(t *testing.T) {
	const waits = 400
	r := serveFake(t, &fakePool{})
	submitted, err := r.ledger.Submit(t.Context(), []ledger.Job{{Pool: "default", Method: "m"}})
	if err != nil {
		t.Fatal(err)
	}
	id := submitted[0].ID
	c := r.dial()
	for i := range waits {
		c.send(requestLine(fmt.Sprint(i), "job.wait", fmt.Sprintf(`{"ids":[%d]}`, id)))
	}
	var p jsonrpc.PingResult
	c.must("ping", "", &p) // the waits have come
	if _, err := r.ledger.CancelQueued(t.Context(), []int64{id}, time.Now(), cancelledJSON); err != nil {
		t.Fatal(err)
	}
	r.stop()
	r.drain()
	for range waits {
		if line := c.line(); !strings.Contains(line, `"state":"cancelled"`) {
			t.Fatalf("answer: %.300s", line)
		}
	}
}

func TestAPageFitsIntoTheConnectionsOwnLimitWhenTheServerGetsAnother(t *testing.T) {
	f := &fakePool{}
	r := serveFake(t, f)
	c := r.dial()
	for range 2 {
		var s jsonrpc.SubmitResult
		c.must("job.submit", `{"method":"m","params":["`+strings.Repeat("x", 600<<10)+`"]}`, &s)
	}
	r.server.SetPools([]Pool{f}, 16<<20)
	var page jsonrpc.JobsResult
	if c.must("job.list", `{"payloads":true}`, &page); len(page.Jobs) != 1 || page.NextCursor == "" {
		t.Errorf("page of %d jobs, next %q", len(page.Jobs), page.NextCursor)
	}
	if r.dial().must("job.list", `{"payloads":true}`, &page); len(page.Jobs) != 2 {
		t.Errorf("page of %d jobs on a connection that came later", len(page.Jobs))
	}
}

func TestAJobOfManyLargeErrorsIsNotReadToItsEnd(t *testing.T) {
	r := serveFake(t, &fakePool{})
	ctx := t.Context()
	submitted, err := r.ledger.Submit(ctx, []ledger.Job{{Pool: "default", Method: "m", MaxAttempts: 10}})
	if err != nil {
		t.Fatal(err)
	}
	id := submitted[0].ID
	large := []byte(`{"code":1,"message":"` + strings.Repeat("x", 300<<10) + `"}`)
	for n := range 7 {
		job, _, err := r.ledger.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		job = ledger.Begin(job, "w1", 7, time.Now())
		r.ledger.Start(job, nil)
		job, attempt := ledger.Settle(job, ledger.Ending{Outcome: ledger.OutcomeError, Error: large, ErrorSource: ledger.FromWorker, At: time.Now()}, 0)
		r.ledger.Finish(job, attempt, nil)
		if err := r.ledger.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		c := r.dial()
		switch a := c.call("job.get", fmt.Sprintf(`{"id":%d}`, id)); {
		case n == 0 && a.Error != nil:
			t.Errorf("with one error: %v", a.Error)
		case n == 6 && (a.Error == nil || a.Error.Code != jsonrpc.CodeMessageTooLarge || !strings.Contains(a.Error.Message, "more than 2097152 bytes")):
			t.Errorf("with seven: %v", a.Error)
		}
	}
}
