import { addTrace } from "../worker/trace.mjs";
import { ASK, check, checkBatch, checkMethod, INVOKE, SUBMIT, WAIT } from "./asked.mjs";
import { fromWhipper, fromWorker, hide, WhipperError } from "./errors.mjs";

/** @typedef {import("./request.mjs").Ask} Ask */

/**
 * Options of a call that are the client's own; all others are members of the request.
 * @typedef {Record<string, unknown> & {signal?: AbortSignal, named?: boolean}} CallOptions
 */

/** What invoke asks. @param {string | undefined} pool @param {string} method @param {unknown} args @param {CallOptions} [options] @returns {Ask} */
export function invocation(pool, method, args, options = {}) {
  check(options, INVOKE);
  const { signal, named, ...rest } = options;
  const params = { pool, method, params: paramsOf(args, named), ...rest };
  addTrace(params);
  return { method: "job.invoke", params, what: method, ...(signal && { signal }) };
}

/** What submit asks. @param {string | undefined} pool @param {string} method @param {unknown} args @param {CallOptions} [options] @returns {Ask} */
export function submission(pool, method, args, options = {}) {
  check(options, SUBMIT);
  const { signal, named, ...rest } = options;
  /** @type {Record<string, unknown>} */
  const params = { pool, method, params: paramsOf(args, named), ...rest };
  addTrace(params);
  const safe = params.idempotencyKey !== undefined;
  return {
    method: "job.submit",
    params,
    what: `the submission of ${method}`,
    safe,
    ...(signal && { signal }),
  };
}

/**
 * What submitBatch asks.
 *
 * @param {string | undefined} pool
 * @param {(CallOptions & {method: string, args?: unknown})[]} jobs
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Ask}
 */
export function batch(pool, jobs, options = {}) {
  check(options, ASK);
  checkBatch(jobs);
  const { signal } = options;
  const list = jobs.map(
    ({ method, args, ...options }) => submission(pool, method, args, options).params ?? {},
  );
  const safe = list.every((job) => job.idempotencyKey !== undefined);
  const what = `the submission of ${list.length} jobs`;
  return { method: "job.submitBatch", params: { jobs: list }, what, safe, ...(signal && { signal }) };
}

/**
 * What wait asks.
 *
 * @param {any} which an id, what submit gave, or an array of them
 * @param {{timeoutMs?: number, signal?: AbortSignal}} [options]
 * @returns {Ask}
 */
export function waiting(which, options = {}) {
  check(options, WAIT);
  const { timeoutMs, signal } = options;
  const ids = [which].flat().map(idOf);
  const what = `the wait for ${ids.length === 1 ? `job ${ids[0]}` : `${ids.length} jobs`}`;
  return {
    method: "job.wait",
    params: { ids, timeoutMs },
    safe: true,
    lasts: true,
    what,
    ...(signal && { signal }),
  };
}

/**
 * What any other method of the protocol asks.
 *
 * @param {string} method
 * @param {Record<string, unknown>} [params]
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Ask}
 */
export function plain(method, params, options = {}) {
  checkMethod(method);
  check(options, ASK);
  const { signal } = options;
  return { method, safe: onlyReads(method), ...(params && { params }), ...(signal && { signal }) };
}

/** How the answer to a wait is read: one job gives its result, an array the jobs. @param {any} which @returns {(answer: any) => any} */
export function reader(which) {
  return ({ jobs }) => (Array.isArray(which) ? jobs : outcomeOf(jobs[0]));
}

/** Whether a method may be asked again without harm. @param {string} method */
export function onlyReads(method) {
  return /\.(get|list|stats|discover)$|^ping$/.test(method);
}

/** One argument that is no array stands for itself. @param {unknown} args @param {boolean | undefined} named */
function paramsOf(args, named) {
  if (named) return args;
  if (args === undefined || args === null) return [];
  return Array.isArray(args) ? args : [args];
}

/** The id of a job, or of what submit gave. @param {number | {id: number}} job @returns {number} */
export function idOf(job) {
  const id = typeof job === "object" && job !== null ? job.id : job;
  if (!Number.isSafeInteger(id)) throw new TypeError(`a job's id is a whole number, not ${String(id)}`);
  return id;
}

/** A job's result. Throws what it failed with. @param {any} job that is final */
export function outcomeOf(job) {
  const { state, error, errorSource, result = null } = job;
  if (state === "succeeded" || state === "dropped") return result;
  const made = error
    ? errorSource === "worker"
      ? fromWorker(error)
      : fromWhipper(error)
    : new WhipperError(`job ${job.id} is ${state}`);
  hide(made, "call", { job: job.id, attempts: job.attempt, worker: job.worker });
  throw made;
}

/** Which jobs are meant: ids, or a filter. @param {any} which */
export function selection(which) {
  if (Array.isArray(which)) return { ids: which.map(idOf) };
  if (typeof which === "object" && which !== null && which.id === undefined) return { filter: which };
  return { ids: [idOf(which)] };
}
