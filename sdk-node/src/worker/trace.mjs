// Trace context of the application, where it has OpenTelemetry loaded. @opentelemetry/api keeps what an application has set up
// in one global, for all its copies of version 1; taking it from there needs no dependency and finds it only if it is in use.

import shared from "./shared.cjs";

const API = Symbol.for("opentelemetry.js.api.1");

/**
 * W3C trace context, as calls and jobs carry it.
 * @typedef {{traceparent?: string, tracestate?: string, baggage?: string}} Trace
 */

/** What the application has set up of OpenTelemetry: `trace`, `context`, `propagation`; undefined: nothing. @returns {any} */
export const openTelemetry = () => /** @type {any} */ (globalThis)[API];

const NAMES = ["traceparent", "tracestate", "baggage"];

const setter = {
  /** @param {Record<string, unknown>} carrier @param {string} key @param {unknown} value */
  set(carrier, key, value) {
    if (NAMES.includes(key)) carrier[key] = value;
  },
};

const getter = {
  /** @param {Record<string, unknown>} carrier */
  keys: (carrier) => Object.keys(carrier),
  /** @param {Record<string, unknown>} carrier @param {string} key */
  get: (carrier, key) => carrier[key],
};

/** Adds the current span's context to params that have none, or else that of the call that runs here. @param {Record<string, unknown>} params */
export function addTrace(params) {
  if (params.traceparent !== undefined) return;
  const otel = openTelemetry();
  if (otel?.propagation && otel.context) otel.propagation.inject(otel.context.active(), params, setter);
  const meta = shared.state.storage?.getStore()?.meta;
  if (meta === undefined || params.traceparent !== undefined) return;
  for (const name of NAMES) if (typeof meta[name] === "string") params[name] ??= meta[name];
}

/**
 * Runs a function with the context that a call came with as the current one.
 *
 * @param {any} otel
 * @param {Record<string, unknown>} meta of the call
 * @param {() => void} fn
 */
export function withTrace(otel, meta, fn) {
  if (!otel.propagation || !otel.context) return fn();
  otel.context.with(otel.propagation.extract(otel.context.active(), meta, getter), fn);
}
