package jsonrpc

import (
	"encoding/json"
	"strconv"
)

// DecodeInvoke is DecodeParams for an InvokeParams, without reflection where the params are as most clients write them. What it gives are spans of
// params, which must not change.
func DecodeInvoke(params json.RawMessage, p *InvokeParams) *Error {
	if len(params) > 0 && params[0] == '{' && p.decode(params) {
		return nil
	}
	*p = InvokeParams{}
	return DecodeParams(params, p)
}

// decode takes members whose values have no escapes and are of the right kind. False: there are others, and what has been taken counts for nothing.
func (p *InvokeParams) decode(params []byte) bool {
	usual := true
	s := scanner{b: params}
	err := s.object(0, func(key, value []byte) {
		switch string(key) {
		case `"method"`:
			usual = usual && plainString(value, &p.Method)
		case `"params"`:
			p.Params = value
		case `"pool"`:
			usual = usual && plainString(value, &p.Pool)
		case `"timeoutMs"`:
			usual = usual && plainNumber(value, &p.TimeoutMs)
		case `"traceparent"`:
			usual = usual && plainString(value, &p.Traceparent)
		case `"tracestate"`:
			usual = usual && plainString(value, &p.Tracestate)
		case `"baggage"`:
			usual = usual && plainString(value, &p.Baggage)
		default:
			usual = false
		}
	})
	return usual && err == nil && s.end() == nil
}

// plainString reads a JSON string that has no escapes.
func plainString(value []byte, to *string) bool {
	if len(value) < 2 || value[0] != '"' {
		return false
	}
	text := value[1 : len(value)-1]
	for _, c := range text {
		if c == '\\' {
			return false
		}
	}
	*to = string(text)
	return true
}

// plainNumber reads a JSON number that is an integer of 0 or more.
func plainNumber(value []byte, to *int64) bool {
	n := int64(0)
	if len(value) > 18 {
		return false
	}
	for _, c := range value {
		if !isDigit(c) {
			return false
		}
		n = 10*n + int64(c-'0')
	}
	*to = n
	return true
}

// AppendTo adds what Encode makes of m.
func (m *ResponseMeta) AppendTo(b []byte) []byte {
	b = append(b, '{')
	if m.Job != 0 {
		b = append(b, `"job":`...)
		b = strconv.AppendInt(b, m.Job, 10)
		b = append(b, ',')
	}
	b = append(b, `"attempts":`...)
	b = strconv.AppendInt(b, int64(m.Attempts), 10)
	if m.Worker != "" {
		b = append(b, `,"worker":`...)
		b = appendString(b, m.Worker)
	}
	b = append(b, `,"waitMs":`...)
	b = strconv.AppendInt(b, m.WaitMs, 10)
	b = append(b, `,"runMs":`...)
	b = strconv.AppendInt(b, m.RunMs, 10)
	if m.ErrorSource != "" {
		b = append(b, `,"errorSource":`...)
		b = appendString(b, m.ErrorSource)
	}
	if m.Dropped {
		b = append(b, `,"dropped":true`...)
	}
	return append(b, '}')
}
