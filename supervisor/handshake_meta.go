package supervisor

import (
	"bytes"
	"encoding/json"
	"slices"

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
	at, has := whole.places["_meta"]
	if !has {
		return whole.add(params, []byte(`,"_meta":{`+string(appendTrace(nil, t)[1:])+"}"))
	}
	meta := params[at.start:at.end]
	inner, ok := readObject(meta, "traceparent", "tracestate", "baggage")
	if !ok {
		return params
	}
	if inner.has("traceparent") {
		t.Traceparent, t.Tracestate = "", ""
	}
	if inner.has("tracestate") {
		t.Tracestate = ""
	}
	if inner.has("baggage") {
		t.Baggage = ""
	}
	added := appendTrace(nil, t)
	if added == nil {
		return params
	}
	return slices.Concat(params[:at.start], inner.add(meta, added), params[at.end:])
}

// object is what readObject finds of one.
type object struct {
	start  int              // behind its brace
	empty  bool             // it has no members
	places map[string]place // of the values that were looked for; where a member is there several times its last one, as decoders have it
}

// place is where a value stands in its object's text.
type place struct{ start, end int }

// readObject looks for members of a JSON object; false: it is none.
func readObject(text json.RawMessage, names ...string) (o object, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return o, false
	}
	o = object{start: int(d.InputOffset()), empty: !d.More(), places: map[string]place{}}
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return o, false
		}
		if name := key.(string); slices.Contains(names, name) {
			end := int(d.InputOffset())
			o.places[name] = place{end - len(value), end}
		}
	}
	return o, true
}

func (o object) has(name string) bool {
	_, has := o.places[name]
	return has
}

// add gives the object's text with further members in front, each of which has a comma in front.
func (o object) add(text, members []byte) json.RawMessage {
	separator := []byte(",")
	if o.empty {
		separator = nil
	}
	return slices.Concat(text[:o.start], members[1:], separator, text[o.start:])
}
