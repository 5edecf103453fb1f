package jsonrpc

import (
	"encoding/json"
	"strconv"
)

// DecodeSubmit is DecodeParams for a SubmitParams, as DecodeInvoke is for an InvokeParams.
func DecodeSubmit(params json.RawMessage, p *SubmitParams) *Error {
	if len(params) > 0 && params[0] == '{' && p.decode(params) {
		return nil
	}
	*p = SubmitParams{}
	return DecodeParams(params, p)
}

// decode takes members that are plain. False: there are others, and what has been taken counts for nothing.
func (p *SubmitParams) decode(params []byte) bool {
	return plainObject(params, func(key, value []byte) bool {
		switch string(key) {
		case `"method"`:
			return plainString(value, &p.Method)
		case `"params"`:
			p.Params = value
			return true
		case `"pool"`:
			return plainString(value, &p.Pool)
		case `"timeoutMs"`:
			return plainNumber(value, &p.TimeoutMs)
		case `"delayMs"`:
			return plainNumber(value, &p.DelayMs)
		case `"idempotencyKey"`:
			return plainString(value, &p.IdempotencyKey)
		case `"concurrencyKey"`:
			return plainString(value, &p.ConcurrencyKey)
		case `"delivery"`:
			return plainString(value, &p.Delivery)
		}
		return p.Trace.decode(key, value)
	})
}

// appendTo adds p as JSON where its members are the most usual. False: they are not.
func (p SubmitParams) appendTo(b []byte) ([]byte, bool) {
	if p.Priority != 0 || p.RunAt != nil || p.MaxAttempts != 0 || p.Backoff != nil || p.ExpiresAt != nil || len(p.Labels) > 0 || len(p.Params) > 0 && !json.Valid(p.Params) {
		return nil, false
	}
	b = append(b, '{')
	if p.Pool != "" {
		b = append(b, `"pool":`...)
		b = append(appendString(b, p.Pool), ',')
	}
	b = append(b, `"method":`...)
	b = appendString(b, p.Method)
	if len(p.Params) > 0 {
		b = append(b, `,"params":`...)
		b = append(b, p.Params...)
	}
	b = appendNumber(b, `,"timeoutMs":`, p.TimeoutMs)
	b = appendNumber(b, `,"delayMs":`, p.DelayMs)
	b = appendText(b, `,"idempotencyKey":`, p.IdempotencyKey)
	b = appendText(b, `,"concurrencyKey":`, p.ConcurrencyKey)
	b = appendText(b, `,"delivery":`, p.Delivery)
	b = appendText(b, `,"traceparent":`, p.Traceparent)
	b = appendText(b, `,"tracestate":`, p.Tracestate)
	b = appendText(b, `,"baggage":`, p.Baggage)
	return append(b, '}'), true
}

// DecodeSubmitResult decodes the answer to a submission, as json.Unmarshal does.
func DecodeSubmitResult(result json.RawMessage, r *SubmitResult) error {
	plain := plainObject(result, func(key, value []byte) bool {
		switch string(key) {
		case `"id"`:
			return plainNumber(value, &r.ID)
		case `"duplicate"`:
			r.Duplicate = string(value) == "true"
			return r.Duplicate || string(value) == "false"
		}
		return false
	})
	if plain {
		return nil
	}
	*r = SubmitResult{}
	return json.Unmarshal(result, r)
}

// appendTo adds what Encode makes of r.
func (r SubmitResult) appendTo(b []byte) ([]byte, bool) {
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, r.ID, 10)
	b = append(b, `,"duplicate":`...)
	b = strconv.AppendBool(b, r.Duplicate)
	return append(b, '}'), true
}

// appendNumber adds a member, unless it is 0.
func appendNumber(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, name...), n, 10)
}

// appendText adds a member, unless it is empty.
func appendText(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return appendString(append(b, name...), text)
}
