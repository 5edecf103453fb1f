// Package telemetry sends traces, metrics and logs to where the standard environment variables of OpenTelemetry say, and nowhere if they say
// nothing: then nothing is started and what it gives does nothing.
//
// It is the only package that links the SDK and the exporters. What is told is package signals' matter, and nothing here knows of calls. The
// goroutines are the SDK's: Shutdown ends them. Nobody who ends a span, records a value or logs ever waits for a collector.
package telemetry
