// The server span around a function's run, where the application has set up a tracer provider. Names are those of the semantic
// conventions, and of whipper's docs/tracing.md.

import { REQUEST_CANCELLED } from "./errors.mjs";
import { openTelemetry, withTrace } from "./trace.mjs";
import { VERSION } from "./version.mjs";

const KIND_SERVER = 1; // of @opentelemetry/api's enums, which are not imported
const STATUS_ERROR = 2;
const FLUSH_MS = 2000; // of the five seconds that a worker has by default to end

/**
 * Runs a function with a call's span as the current one, or else its caller's. The function ends it.
 *
 * @param {import("./call.mjs").Call} call
 * @param {string} method
 * @param {(span: any) => void} fn gets the span, or undefined
 */
export function withSpan(call, method, fn) {
  const otel = openTelemetry();
  if (otel === undefined) return fn(undefined);
  withTrace(otel, call.meta, () => {
    if (otel.trace === undefined) return fn(undefined);
    const options = { kind: KIND_SERVER, attributes: attributesOf(call, method) };
    otel.trace.getTracer("whipper", VERSION).startActiveSpan(method, options, fn);
  });
}

/**
 * Ends a call's span with what the call was answered. A call that was cancelled or put off has not failed.
 *
 * @param {any} span
 * @param {import("./errors.mjs").WireError} [error]
 */
export function endSpan(span, error) {
  if (error !== undefined && span.isRecording()) addError(span, error);
  span.end();
}

/** Has spans that wait for their export exported, as the process is about to exit. Who does not take them does not hold it up. */
export async function flushSpans() {
  const provider = openTelemetry()?.trace?.getDelegate?.();
  if (typeof provider?.forceFlush !== "function") return;
  const late = new Promise((resolve) => setTimeout(resolve, FLUSH_MS));
  try {
    await Promise.race([provider.forceFlush(), late]);
  } catch (error) {
    console.error(error);
  }
}

/** @param {import("./call.mjs").Call} call @param {string} method */
function attributesOf({ id, job, attempt }, method) {
  /** @type {Record<string, unknown>} */
  const attributes = {
    "rpc.system.name": "jsonrpc",
    "rpc.method": method,
    "jsonrpc.protocol.version": "2.0",
  };
  if (id !== undefined) attributes["jsonrpc.request.id"] = String(id);
  if (job !== undefined) attributes["whipper.job.id"] = job;
  if (attempt !== undefined) attributes["whipper.job.attempt"] = attempt;
  return attributes;
}

/** @param {any} span @param {import("./errors.mjs").WireError} error */
function addError(span, { code, message, data = {} }) {
  span.setAttribute("rpc.response.status_code", String(code));
  if (code === REQUEST_CANCELLED) {
    span.addEvent("whipper.cancel");
  } else if (typeof data.snoozeMs === "number") {
    span.addEvent("whipper.snooze", { "whipper.retry.delay": data.snoozeMs / 1000 });
  } else {
    span.setAttribute("error.type", String(code));
    span.addEvent("exception", exceptionOf(message, data));
    span.setStatus({ code: STATUS_ERROR, message });
  }
}

/** @param {string} message @param {Record<string, unknown>} data */
function exceptionOf(message, { type, stack }) {
  /** @type {Record<string, unknown>} */
  const attributes = { "exception.message": message };
  if (type !== undefined) attributes["exception.type"] = type;
  if (stack !== undefined) attributes["exception.stacktrace"] = stack;
  return attributes;
}
