/** One call under way. Functions that are not methods of an object have it as their `this`. */
export class Call {
  /** @type {AbortController | undefined} */
  #controller;

  /**
   * @param {string | number | undefined} id undefined if nobody waits for an answer
   * @param {Record<string, unknown>} meta what the supervisor says about the call: job, attempt, deadline, traceparent
   */
  constructor(id, meta) {
    this.id = id;
    this.meta = meta;
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
