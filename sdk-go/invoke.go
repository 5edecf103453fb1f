package whipper

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// ByName is by-name params: the only argument of Invoke or Args.
type ByName map[string]any

// Args encodes by-position params for InvokeParams and SubmitParams, or by-name ones where the only argument is a ByName. A
// json.RawMessage goes in as it is.
func Args(args ...any) (json.RawMessage, error) {
	if len(args) == 1 {
		if named, ok := args[0].(ByName); ok {
			if named == nil {
				named = ByName{}
			}
			return jsonrpc.Encode(named)
		}
	}
	if args == nil {
		args = []any{}
	}
	return jsonrpc.Encode(args)
}

// Invoke runs a method with by-position params, or with by-name ones where the only argument is a ByName, and decodes its result. A call that failed
// gives a *CallError. The call belongs to its caller: when ctx ends it is cancelled. Client.Invoke has more to choose and tells more.
func Invoke[T any](ctx context.Context, c *Client, method string, args ...any) (result T, err error) {
	params, err := Args(args...)
	if err != nil {
		return result, fmt.Errorf("encode params of %s: %w", method, err)
	}
	raw, _, err := c.Invoke(ctx, InvokeParams{Method: method, Params: params})
	if err != nil {
		return result, err
	}
	return result, decodeResult(raw, method, &result)
}

// Result decodes the result of a job that is final, as Wait gives it. The error of one that failed is a *CallError.
func Result[T any](j Job) (result T, err error) {
	switch {
	case j.State == "succeeded":
		return result, decodeResult(j.Result, j.Method, &result)
	case j.State == "cancelled":
		return result, &CallError{Method: j.Method, Meta: metaOf(j), Err: jsonrpc.Errorf(jsonrpc.CodeCancelled, "job %d was cancelled", j.ID)}
	case j.State == "failed" && j.Error != nil:
		return result, &CallError{Method: j.Method, Meta: metaOf(j), Err: j.Error}
	}
	return result, fmt.Errorf("job %d is %s and has no result", j.ID, j.State)
}

func metaOf(j Job) ResponseMeta {
	source := j.ErrorSource
	if j.State == "cancelled" {
		source = "whipper"
	}
	return ResponseMeta{Job: j.ID, Attempts: j.Attempt, Worker: j.Worker, ErrorSource: source}
}

func decodeResult(raw json.RawMessage, method string, result any) error {
	if out, ok := result.(*json.RawMessage); ok {
		*out = raw
		return nil
	}
	if err := json.Unmarshal(raw, result); err != nil {
		return fmt.Errorf("read result of %s: %w", method, err)
	}
	return nil
}
