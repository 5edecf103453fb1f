import { OptionsError, oneOf, problemsOf, record, text, whole } from "./check.mjs";

/** @typedef {import("./check.mjs").Rule} Rule */

/** @type {Rule} */
const signal = {
  ok: (value) => typeof value?.throwIfAborted === "function" && typeof value.addEventListener === "function",
  wanted: "an AbortSignal",
};
/** @type {Rule} */
const time = {
  ok: (value) => text.ok(value) || (value instanceof Date && !Number.isNaN(value.getTime())),
  wanted: "a Date or the text of one",
};

/** Options of invoke. JSON would make null, which is none, of a number or a date that is none. */
export const INVOKE = {
  signal,
  named: { ok: (/** @type {unknown} */ value) => typeof value === "boolean", wanted: "true or false" },
  pool: text,
  timeoutMs: whole(0),
  priority: whole(-100),
  traceparent: text,
  tracestate: text,
  baggage: text,
};

export const SUBMIT = {
  ...INVOKE,
  delayMs: whole(0),
  runAt: time,
  maxAttempts: whole(0),
  backoff: record,
  idempotencyKey: text, // an empty one would be none: the job submitted twice where the connection is lost
  concurrencyKey: text,
  delivery: oneOf("at-least-once", "at-most-once"),
  expiresAt: time,
  labels: record,
};

export const WAIT = { signal, timeoutMs: whole(0) };

/** @param {unknown} options @param {Record<string, Rule>} rules */
export function check(options, rules) {
  const problems = problemsOf(options, rules);
  if (problems.length > 0) throw new OptionsError(problems);
}
