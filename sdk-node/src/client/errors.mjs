/** Whipper's own conditions, by their code. A worker's function may use the same numbers: its errors are none of these classes. */

/** An error of whipper's, not of a worker's function. */
export class WhipperError extends Error {
  /** As in the protocol; undefined where nothing was sent. @type {number | undefined} */
  code;

  /** @param {string} message @param {ErrorOptions & {code?: number}} [options] */
  constructor(message, { code, ...options } = {}) {
    super(message, options);
    if (code !== undefined) this.code = code;
  }
}

WhipperError.prototype.name = "WhipperError";

/** @param {string} name @returns {typeof WhipperError} */
const condition = (name) => {
  const Class = { [name]: class extends WhipperError {} }[name];
  if (Class === undefined) throw new Error(name);
  Class.prototype.name = name;
  return Class;
};

/** All slots are taken and the pool has `atCapacityStrategy: "error"`. */
export const AtCapacityError = condition("AtCapacityError");
/** The call, or the wait, took longer than its timeout. */
export const TimeoutError = condition("TimeoutError");
/** The process died with the call in it, or no process gets ready. */
export const WorkerCrashedError = condition("WorkerCrashedError");
/** The job was cancelled. */
export const CancelledError = condition("CancelledError");
/** As many calls or jobs wait as may. */
export const QueueFullError = condition("QueueFullError");
/** No such job, pool or method of a worker. */
export const NotFoundError = condition("NotFoundError");
/** The supervisor is draining. */
export const ShuttingDownError = condition("ShuttingDownError");
/** The job had not started by its expiresAt. */
export const ExpiredError = condition("ExpiredError");
/** A call or a result is over the limit of a message. */
export const MessageTooLargeError = condition("MessageTooLargeError");
/** What was asked for cannot be meant. */
export const InvalidArgumentError = condition("InvalidArgumentError");
/** The ledger cannot be read or written. */
export const LedgerError = condition("LedgerError");
/** Nothing listens where a supervisor should. */
export const NoSupervisorError = condition("NoSupervisorError");
/** The supervisor could not be started, or ended before it was ready. */
export const StartError = condition("StartError");
/** The program `whipper` was not found. */
export const BinaryNotFoundError = condition("BinaryNotFoundError");
/** The connection ended before the answer came, so it is unknown what the supervisor did. */
export const ConnectionLostError = condition("ConnectionLostError");
/** The client was closed. */
export const ClosedError = condition("ClosedError");

/** @type {Map<number, typeof WhipperError>} */
const BY_CODE = new Map([
  [1001, AtCapacityError],
  [1002, TimeoutError],
  [1003, WorkerCrashedError],
  [1004, CancelledError],
  [1005, QueueFullError],
  [1006, NotFoundError],
  [1007, ShuttingDownError],
  [1008, ExpiredError],
  [1009, MessageTooLargeError],
  [1010, InvalidArgumentError],
  [1011, LedgerError],
  [-32601, NotFoundError],
  [-32602, InvalidArgumentError],
  [-32800, CancelledError],
]);

/** Classes of the language that a worker's error may be of. */
const BUILT_IN = new Map(
  [TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError].map((Class) => [
    Class.name,
    Class,
  ]),
);

/**
 * An error object of the wire.
 * @typedef {{code: number, message: string, data?: any}} WireError
 */

/**
 * What an error answer of the supervisor is thrown as.
 *
 * @param {WireError} error
 * @returns {Error}
 */
export function fromWhipper({ code, message, data }) {
  const Class = BY_CODE.get(code) ?? WhipperError;
  const made = new Class(message, { code });
  if (data?.fields) assign(made, data.fields);
  return made;
}

/**
 * What an error of a worker's function is thrown as: with its message, stack and own fields, and the type as its name. Where that is a
 * class of the language, it is an instance of it.
 *
 * @param {WireError} error
 * @returns {Error}
 */
export function fromWorker({ code, message, data }) {
  const { type, stack, fields, retryable, snoozeMs } = data ?? {};
  const Class = BUILT_IN.get(type) ?? Error;
  const made = new Class(message);
  if (typeof type === "string" && made.name !== type) hide(made, "name", type);
  if (typeof stack === "string") made.stack = stack;
  if (fields) assign(made, fields);
  if (code !== 1) assign(made, { code });
  if (retryable !== undefined) assign(made, { retryable });
  if (snoozeMs !== undefined) assign(made, { snoozeMs });
  return made;
}

/** @param {import("./request.mjs").Ask} ask @param {Error | undefined} cause */
export function lostError({ method, what = method }, cause) {
  const text = `the connection ended before ${what} was answered: whether it took effect is unknown`;
  const submits = method === "job.submit" || method === "job.submitBatch";
  const advice = submits ? "; with an idempotencyKey it would have been submitted again without harm" : "";
  return new ConnectionLostError(text + advice, { cause });
}

/** @param {Error | undefined} cause */
export function brokenError(cause) {
  const reason = cause === undefined ? "" : `: ${cause.message}`;
  return new NoSupervisorError(`the supervisor ends each connection as soon as it is made${reason}`, {
    cause,
  });
}

/** @param {Error} error @param {Record<string, unknown>} fields */
function assign(error, fields) {
  for (const [name, value] of Object.entries(fields)) {
    Object.defineProperty(error, name, { value, enumerable: true, writable: true, configurable: true });
  }
}

/** Sets a property that does not show among an error's own fields. @param {Error} error @param {string} name @param {unknown} value */
export function hide(error, name, value) {
  Object.defineProperty(error, name, { value, enumerable: false, writable: true, configurable: true });
}
