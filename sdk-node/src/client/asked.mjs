import { OptionsError, oneOf, problemsOf, record, show, text, whole } from "./check.mjs";

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

/** Of all the jobs of a batch at once, and of any other request. */
export const ASK = { signal };

export const WAIT = { signal, timeoutMs: whole(0) };

/** @param {unknown} options @param {Record<string, Rule>} rules */
export function check(options, rules) {
  const problems = problemsOf(options, rules);
  if (problems.length > 0) throw new OptionsError(problems);
}

const any = { ok: () => true, wanted: "anything" };
const { signal: _, ...BATCHED } = { ...SUBMIT, method: any, args: any };

/** Holds the jobs of a batch against the rules, and says which of them is wrong. @param {any} jobs */
export function checkBatch(jobs) {
  if (!Array.isArray(jobs)) throw new OptionsError([`jobs must be an array, not ${show(jobs)}`]);
  const problems = jobs.flatMap((job, i) => problemsOfJob(job).map((problem) => `jobs[${i}]: ${problem}`));
  if (problems.length > 0) throw new OptionsError(problems);
}

/** @param {any} job @returns {string[]} */
function problemsOfJob(job) {
  if (!record.ok(job)) return [`a job must be an object, not ${show(job)}`];
  const { signal: own, ...rest } = job;
  const problems = [...problemsOfMethod(rest.method), ...problemsOf(rest, BATCHED)];
  if (own !== undefined)
    problems.push(
      `signal is of the whole batch, not of a job, but is ${show(own)}: submitBatch(jobs, { signal })`,
    );
  return problems;
}

/** @param {unknown} method */
export function checkMethod(method) {
  const problems = problemsOfMethod(method);
  if (problems.length > 0) throw new OptionsError(problems);
}

/** @param {unknown} method */
function problemsOfMethod(method) {
  return text.ok(method) ? [] : [`method must be ${text.wanted}, not ${show(method)}`];
}
