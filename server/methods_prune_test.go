package server

import (
	"fmt"
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

func TestPruneByIDsAndByFilterCountsWhatIsGone(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	submit := func(method string) int64 {
		var s jsonrpc.SubmitResult
		c.must("job.submit", `{"method":"`+method+`"}`, &s)
		return s.ID
	}
	prune := func(params string) int {
		var n jsonrpc.CountResult
		c.must("job.prune", params, &n)
		return n.Count
	}
	a, b, queued := submit("a"), submit("b"), submit("a")
	var n jsonrpc.CountResult
	c.must("job.cancel", fmt.Sprintf(`{"ids":[%d,%d]}`, a, b), &n)
	for range 3 {
		c.must("job.cancel", fmt.Sprintf(`{"ids":[%d]}`, submit("c")), &n)
	}
	if e := c.call("job.prune", fmt.Sprintf(`{"ids":[%d,%d]}`, a, queued)).Error; e == nil || e.Code != jsonrpc.CodeInvalidArgument {
		t.Errorf("a queued one among them: %v", e)
	}
	if e := c.call("job.prune", fmt.Sprintf(`{"ids":[%d,987654]}`, a)).Error; e == nil || e.Code != jsonrpc.CodeNotFound {
		t.Errorf("an unknown one among them: %v", e)
	}
	if n := prune(fmt.Sprintf(`{"ids":[%d,%d]}`, a, b)); n != 2 {
		t.Errorf("by ids: %d", n)
	}
	if n := prune(`{"filter":{"method":"c","endedBefore":"2020-01-01T00:00:00Z"}}`); n != 0 {
		t.Errorf("older than all: %d", n)
	}
	if n := prune(`{"filter":{"method":"c","state":"cancelled","limit":2}}`); n != 2 {
		t.Errorf("with a limit: %d", n)
	}
	if n := prune(`{"filter":{"pool":"default"}}`); n != 1 {
		t.Errorf("the rest: %d", n)
	}
	var left jsonrpc.JobsResult
	if c.must("job.list", "", &left); len(left.Jobs) != 1 || left.Jobs[0].ID != queued {
		t.Errorf("left are %+v", left.Jobs)
	}
}
