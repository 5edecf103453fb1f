// Package signals says what whipper tells about its calls: the names of attributes, spans, events and metrics, the spans of a call's way and
// the instruments that count.
//
// It knows OpenTelemetry's API only. It refuses to know where anything is sent to, which is package telemetry's, so that whoever traces does
// not link the exporters. It starts no goroutine. A nil *Tracing, *Span, *Instruments or *Pool does nothing and costs a comparison: that is
// how telemetry is off.
package signals
