package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// maxMs is the longest duration that a request may name: a hundred years.
const maxMs = 100 * 365 * 24 * int64(time.Hour/time.Millisecond)

// invalid is an invalid-params error about one member.
func invalid(member, format string, args ...any) error {
	return jsonrpc.Errorf(jsonrpc.CodeInvalidParams, "invalid params: %s: %s", member, fmt.Sprintf(format, args...))
}

// firstError gives the first fault of a list of checks.
func firstError(faults ...error) error {
	for _, err := range faults {
		if err != nil {
			return err
		}
	}
	return nil
}

// A member's path is prefix and name, as in "jobs[3].priority"; the checks below get it whole.

func checkMethod(member, method string) error {
	switch {
	case method == "":
		return invalid(member, "missing, the name of one of the worker's methods is wanted")
	case strings.HasPrefix(method, "$/"):
		return invalid(member, `%q begins with "$/", which only whipper's own messages do`, method)
	}
	return nil
}

// callParams are a call's params; null stands for none, as it does in a message.
func callParams(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// mostTrace is how many bytes of each member of a trace context are kept: what W3C has everybody pass on of baggage, and more than of the others.
const mostTrace = 8 << 10

// traceOf leaves out what is too long of a trace context: it would be in the job's row, and in each request to a worker. No call fails for that.
func traceOf(t jsonrpc.Trace) ledger.Trace {
	for _, member := range []*string{&t.Traceparent, &t.Tracestate, &t.Baggage} {
		if len(*member) > mostTrace {
			*member = ""
		}
	}
	return ledger.Trace(t)
}

// checkCallParams looks at the first byte only: that the rest is JSON is known since the frame was read.
func checkCallParams(member string, params json.RawMessage) error {
	if callParams(params) == nil || params[0] == '[' || params[0] == '{' {
		return nil
	}
	return invalid(member, "%s is neither an array nor an object", shorten(params))
}

func checkPriority(member string, priority int) error {
	if priority < ledger.MinPriority || priority > ledger.MaxPriority {
		return invalid(member, "%d is outside %d to %d", priority, ledger.MinPriority, ledger.MaxPriority)
	}
	return nil
}

func checkMs(member string, ms int64) error {
	if ms < 0 || ms > maxMs {
		return invalid(member, "%d is outside 0 to %d (100 years)", ms, maxMs)
	}
	return nil
}

func checkMaxAttempts(member string, n int) error {
	if n < 0 || n > ledger.MostAttempts {
		return invalid(member, "%d is outside 1 to %d (0 or absent: %d)", n, ledger.MostAttempts, ledger.DefaultMaxAttempts)
	}
	return nil
}

func checkDelivery(member, delivery string) error {
	allowed := []string{"", string(ledger.AtLeastOnce), string(ledger.AtMostOnce)}
	if !slices.Contains(allowed, delivery) {
		return invalid(member, "%q is neither %q nor %q", delivery, ledger.AtLeastOnce, ledger.AtMostOnce)
	}
	return nil
}

func checkBackoff(member string, b *jsonrpc.Backoff) error {
	if b == nil {
		return nil
	}
	err := firstError(checkMs(member+".baseMs", b.BaseMs), checkMs(member+".capMs", b.CapMs))
	switch {
	case err != nil:
		return err
	case b.Factor != 0 && b.Factor < 1:
		return invalid(member+".factor", "%v is less than 1 (0 or absent: 2)", b.Factor)
	case b.Jitter < 0 || b.Jitter > 1:
		return invalid(member+".jitter", "%v is outside 0 to 1", b.Jitter)
	}
	return nil
}

func checkLabels(member string, labels map[string]string) error {
	if _, ok := labels[""]; ok {
		return invalid(member, "a label has no name")
	}
	return nil
}

func checkConcurrencyKey(member, key string) error {
	if n := len(key); n > ledger.MaxConcurrencyKey {
		return invalid(member, "it has %d bytes, and may have %d", n, ledger.MaxConcurrencyKey)
	}
	return nil
}

func checkID(member string, id int64) error {
	if id < 1 {
		return invalid(member, "%d is not a job's id, which is 1 or more", id)
	}
	return nil
}

func checkIDs(ids []int64) error {
	if len(ids) == 0 {
		return invalid("ids", "missing or empty, at least one job's id is wanted")
	}
	for i, id := range ids {
		if err := checkID(fmt.Sprintf("ids[%d]", i), id); err != nil {
			return err
		}
	}
	return nil
}

var states = []ledger.State{ledger.Queued, ledger.Running, ledger.Succeeded, ledger.Failed, ledger.Cancelled, ledger.Dropped}

func checkState(member, state string, allowed []ledger.State) error {
	if state == "" || slices.Contains(allowed, ledger.State(state)) {
		return nil
	}
	names := make([]string, len(allowed))
	for i, s := range allowed {
		names[i] = string(s)
	}
	return invalid(member, "%q is none of %s", state, strings.Join(names, ", "))
}

// shorten makes a value of the caller's fit for a message.
func shorten(raw json.RawMessage) string {
	const most = 40
	if len(raw) <= most {
		return string(raw)
	}
	return strings.ToValidUTF8(string(raw[:most]), "") + "…"
}
