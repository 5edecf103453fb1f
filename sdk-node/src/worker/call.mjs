import { logFor, progressFrame } from "./progress.mjs";

/** How a call tells the supervisor something. @typedef {(frame: string, replaces: boolean) => void} Tell */

/** One call under way: what `context()` gives. Functions that are not methods of an object have it as their `this`. */
export class Call {
  /** @type {AbortController | undefined} */
  #controller;
  /** @type {import("./progress.mjs").Log | undefined} */
  #log;
  /** @type {((value: unknown) => void) | undefined} */
  #progress;
  #tell;

  /**
   * @param {string | number | undefined} id undefined if nobody waits for an answer
   * @param {Record<string, unknown>} meta what the supervisor says about the call: job, attempt, deadline, traceparent
   * @param {Tell} tell replaces: a later frame may take its place while the other side is slow
   */
  constructor(id, meta, tell) {
    this.id = id;
    this.meta = meta;
    this.#tell = tell;
  }

  /** The job's id: the same on every attempt. @returns {number | undefined} */
  get job() {
    return /** @type {number | undefined} */ (this.meta.job);
  }

  /** Which attempt this is, from 1. @returns {number | undefined} */
  get attempt() {
    return /** @type {number | undefined} */ (this.meta.attempt);
  }

  /** When the call's timeout is over. @returns {Date | undefined} */
  get deadline() {
    const { deadline } = this.meta;
    return typeof deadline === "string" ? new Date(deadline) : undefined;
  }

  /** Writes records to the supervisor's log. */
  get log() {
    this.#log ??= logFor(this.id, (frame) => this.#tell(frame, false));
    return this.#log;
  }

  /**
   * Tells whoever waits how far the call is. While the other side is slow, only the newest value is kept. It may be taken off the call:
   * `const { progress } = context()`.
   *
   * @returns {(value: unknown) => void} value: any JSON of up to 64 KiB; `{progress, total, message}` draws a bar
   */
  get progress() {
    this.#progress ??= (value) => {
      if (this.id !== undefined) this.#tell(progressFrame(this.id, value), true);
    };
    return this.#progress;
  }

  /** Aborted when the caller no longer wants the call, or when the supervisor has died. */
  get signal() {
    this.#controller ??= new AbortController(); // most functions never look
    return this.#controller.signal;
  }

  get cancelled() {
    return this.#controller?.signal.aborted ?? false;
  }

  /** Used by the runner. */
  cancel() {
    this.#controller ??= new AbortController();
    this.#controller.abort();
  }
}

/**
 * Calls a method and reports its outcome once, during this function or later.
 *
 * By-position params are its arguments, by-name params are one object, no params are no arguments. A method that takes
 * a callback and is given all arguments before it by position gets an `(err, result)` callback as the last one. The
 * outcome is then whatever comes first: the callback, a returned value other than undefined, or what a returned promise
 * comes to. A function that got no callback answers by what it returns, undefined included.
 *
 * @param {import("./load.mjs").Method} method
 * @param {any} params array, object or nothing
 * @param {Call} call
 * @param {(failed: boolean, value: unknown) => void} report
 */
export function invoke(method, params, call, report) {
  let settled = false;
  /** @param {boolean} failed @param {unknown} value */
  const settle = (failed, value) => {
    if (settled) return;
    settled = true;
    report(failed, value);
  };

  const byName = !Array.isArray(params ?? []);
  /** @type {unknown[]} */
  const args = byName ? [params] : [...(params ?? [])];
  const getsCallback = !byName && args.length === method.callbackAt;
  if (getsCallback) args.push(callback(settle));
  let returned;
  let later;
  try {
    returned = Reflect.apply(method.fn, method.owner ?? call, args);
    later = isThenable(returned);
  } catch (error) {
    settle(true, error);
    return;
  }
  if (later) {
    Promise.resolve(returned).then(
      (value) => settle(false, value),
      (error) => settle(true, error),
    );
  } else if (!getsCallback || returned !== undefined) {
    settle(false, returned);
  }
}

/** @param {(failed: boolean, value: unknown) => void} settle */
function callback(settle) {
  /** @param {unknown} [error] @param {unknown} [result] */
  return (error, result) => {
    if (error === undefined || error === null) settle(false, result);
    else settle(true, error);
  };
}

/** @param {any} value */
function isThenable(value) {
  return value !== null && typeof value === "object" && typeof value.then === "function";
}
