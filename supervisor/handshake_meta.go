package supervisor

import (
	"bytes"
	"encoding/json"

	"github.com/whipper-sidecar/whipper/ledger"
)

// withTraceMeta is params with a trace context in their member _meta, as MCP has it (ADR 49). All other bytes stay as they are. What the caller has put
// there goes before: a traceparent of its own leaves out tracestate too, which belongs to it. Params by position have no place for it, and a
// _meta that is no object is the caller's affair.
func withTraceMeta(params json.RawMessage, t ledger.Trace) json.RawMessage {
	if t == (ledger.Trace{}) {
		return params
	}
	if len(params) == 0 {
		params = json.RawMessage("{}")
	}
	whole, ok := readObject(params, "_meta")
	if !ok {
		return params
	}
	if whole.value == nil {
		return whole.add(params, []byte(`,"_meta":{`+string(appendTrace(nil, t)[1:])+"}"))
	}
	inner, ok := readObject(whole.value, "")
	if !ok {
		return params
	}
	if inner.has["traceparent"] {
		t.Traceparent, t.Tracestate = "", ""
	}
	if inner.has["tracestate"] {
		t.Tracestate = ""
	}
	if inner.has["baggage"] {
		t.Baggage = ""
	}
	added := appendTrace(nil, t)
	if added == nil {
		return params
	}
	meta := inner.add(whole.value, added)
	spliced := make(json.RawMessage, 0, len(params)+len(meta)-len(whole.value))
	spliced = append(spliced, params[:whole.end-len(whole.value)]...)
	spliced = append(spliced, meta...)
	return append(spliced, params[whole.end:]...)
}

// object is what readObject finds of one.
type object struct {
	start int             // behind its brace
	has   map[string]bool // its members
	value json.RawMessage // of the member that was looked for, the last one where there are several, as decoders have it; nil: there is none
	end   int             // of that value
}

// readObject looks at the members of a JSON object; false: it is none.
func readObject(text json.RawMessage, name string) (o object, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return o, false
	}
	o.start, o.has = int(d.InputOffset()), map[string]bool{}
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return o, false
		}
		o.has[key.(string)] = true
		if key == name {
			o.end = int(d.InputOffset())
			o.value = text[o.end-len(value) : o.end]
		}
	}
	return o, true
}

// add gives the object's text with further members in front, each of which has a comma in front.
func (o object) add(text, members []byte) json.RawMessage {
	with := append(make(json.RawMessage, 0, len(text)+len(members)), text[:o.start]...)
	with = append(with, members[1:]...)
	if len(o.has) > 0 {
		with = append(with, ',')
	}
	return append(with, text[o.start:]...)
}
