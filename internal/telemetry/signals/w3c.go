package signals

import (
	"encoding/hex"

	"go.opentelemetry.io/otel/trace"
)

// W3C is a trace context as it travels: in a request's meta, a job's row and the message to a worker. The zero W3C is none. Its fields are those
// of ledger.Trace, in the same order, so that one converts to the other.
type W3C struct {
	Traceparent, Tracestate, Baggage string
}

// traceparentLength is that of version 00: version, trace, parent and flags in hex with dashes between them.
const traceparentLength = 2 + 1 + 32 + 1 + 16 + 1 + 2

// SpanContext decodes w. It is zero where w's traceparent is not a traceparent; a tracestate that is none is left out, as the specification asks.
func (w W3C) SpanContext() trace.SpanContext {
	h := w.Traceparent
	if len(h) < traceparentLength || h[2] != '-' || h[35] != '-' || h[52] != '-' {
		return trace.SpanContext{}
	}
	var raw [1 + 16 + 8 + 1]byte // version, trace, span, flags
	if !unhex(raw[:1], h[:2]) || !unhex(raw[1:17], h[3:35]) || !unhex(raw[17:25], h[36:52]) || !unhex(raw[25:], h[53:55]) {
		return trace.SpanContext{}
	}
	longer := len(h) > traceparentLength
	if raw[0] == 0xff || longer && (raw[0] == 0 || h[traceparentLength] != '-') { // later versions may have more behind a dash
		return trace.SpanContext{}
	}
	const known = trace.FlagsSampled | trace.FlagsRandom
	if flags := trace.TraceFlags(raw[25]); raw[0] == 0 && flags&^known != 0 { // this version has no others
		return trace.SpanContext{}
	}
	config := trace.SpanContextConfig{
		TraceID:    trace.TraceID(raw[1:17]),
		SpanID:     trace.SpanID(raw[17:25]),
		TraceFlags: trace.TraceFlags(raw[25]) & known,
		Remote:     true,
	}
	if w.Tracestate != "" {
		config.TraceState, _ = trace.ParseTraceState(w.Tracestate)
	}
	sc := trace.NewSpanContext(config)
	if !sc.IsValid() { // ids of nothing but zeros: half a context would still count as a trace
		return trace.SpanContext{}
	}
	return sc
}

// within is w where the current span is sc's: baggage stays as it is, byte for byte.
func (w W3C) within(sc trace.SpanContext) W3C {
	var b [traceparentLength]byte
	traceID, spanID, flags := sc.TraceID(), sc.SpanID(), sc.TraceFlags()&(trace.FlagsSampled|trace.FlagsRandom)
	copy(b[:], "00-")
	hex.Encode(b[3:], traceID[:])
	b[35] = '-'
	hex.Encode(b[36:], spanID[:])
	b[52] = '-'
	hex.Encode(b[53:], []byte{byte(flags)})
	return W3C{Traceparent: string(b[:]), Tracestate: sc.TraceState().String(), Baggage: w.Baggage}
}

// unhex decodes lower-case hex, the only one that the specification allows.
func unhex(into []byte, digits string) bool {
	for i := range into {
		high, low := nibble(digits[2*i]), nibble(digits[2*i+1])
		if high|low > 0xf {
			return false
		}
		into[i] = high<<4 | low
	}
	return true
}

// nibble is more than 0xf for what is no digit.
func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}
