// Trace context of the application, where it has OpenTelemetry loaded. @opentelemetry/api keeps what an application has set up
// in one global, for all its copies of version 1; taking it from there needs no dependency and finds it only if it is in use.

const API = Symbol.for("opentelemetry.js.api.1");

/**
 * W3C trace context, as calls and jobs carry it.
 * @typedef {{traceparent?: string, tracestate?: string, baggage?: string}} Trace
 */

/** @returns {any} */
const api = () => /** @type {any} */ (globalThis)[API];

const setter = {
  /** @param {Record<string, unknown>} carrier @param {string} key @param {unknown} value */
  set(carrier, key, value) {
    if (key === "traceparent" || key === "tracestate" || key === "baggage") carrier[key] = value;
  },
};

const getter = {
  /** @param {Record<string, unknown>} carrier */
  keys: (carrier) => Object.keys(carrier),
  /** @param {Record<string, unknown>} carrier @param {string} key */
  get: (carrier, key) => carrier[key],
};

/** Adds the current span's context to params that have none. @param {Record<string, unknown>} params */
export function addTrace(params) {
  const otel = api();
  if (!otel?.propagation || !otel.context || params.traceparent !== undefined) return;
  otel.propagation.inject(otel.context.active(), params, setter);
}

/**
 * Runs a function with the context that a call came with as the current one.
 *
 * @param {Record<string, unknown>} meta of the call
 * @param {() => void} fn
 */
export function withTrace(meta, fn) {
  const otel = api();
  if (meta.traceparent === undefined || !otel?.propagation || !otel.context) return fn();
  otel.context.with(otel.propagation.extract(otel.context.active(), meta, getter), fn);
}
