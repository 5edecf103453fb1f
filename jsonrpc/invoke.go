package jsonrpc

import (
	"encoding/json"
	"strconv"
)

// EncodeInvoke is Encode for an InvokeParams. Its params are looked through as any message is and put in as they are: encoding/json would copy
// them byte by byte.
func EncodeInvoke(p InvokeParams) (json.RawMessage, error) {
	params := p.Params
	if len(params) == 0 || !isOneLine(params) {
		return Encode(p)
	}
	p.Params = nil
	rest, err := Encode(p)
	if err != nil {
		return nil, err
	}
	const name = `{"params":`
	b := make([]byte, 0, len(name)+len(params)+len(rest))
	b = append(b, name...)
	b = append(b, params...)
	b = append(b, ',') // the method is always there
	return append(b, rest[len("{"):]...), nil
}

// isOneLine says whether raw is JSON without line ends between its tokens.
func isOneLine(raw []byte) bool {
	s := scanner{b: raw}
	s.space()
	return !hasLineEnd(raw) && s.value(0) == nil && s.end() == nil
}

// DecodeInvoke is DecodeParams for an InvokeParams, without reflection where the params are as most clients write them. What it gives are spans of
// params, which must not change.
func DecodeInvoke(params json.RawMessage, p *InvokeParams) *Error {
	if len(params) > 0 && params[0] == '{' && p.decode(params) {
		return nil
	}
	*p = InvokeParams{}
	return DecodeParams(params, p)
}

// decode takes members that are plain. False: there are others, and what has been taken counts for nothing.
func (p *InvokeParams) decode(params []byte) bool {
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
		}
		return p.Trace.decode(key, value)
	})
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
