package supervisor

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestASnoozeIsNeitherABusyLoopNorForEver(t *testing.T) {
	for ms, want := range map[int64]time.Duration{
		0: minSnooze, 1: minSnooze, 5000: 5 * time.Second, 1e13: maxSnooze, math.MaxInt64: maxSnooze,
	} {
		e := answered(&call{}, &jsonrpc.Response{Error: &jsonrpc.Error{Data: json.RawMessage(fmt.Sprintf(`{"snoozeMs":%d}`, ms))}})
		if e.Outcome != ledger.OutcomeSnoozed || e.Snooze != want {
			t.Errorf("%d ms: %s for %s, want %s", ms, e.Outcome, e.Snooze, want)
		}
	}
}
