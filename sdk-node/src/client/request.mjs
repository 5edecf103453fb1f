import { onAbort } from "./abort.mjs";
import { fromWhipper, fromWorker, hide } from "./errors.mjs";
import { Mailbox } from "./mailbox.mjs";

/**
 * What is asked of a supervisor.
 *
 * @typedef {object} Ask
 * @property {string} method
 * @property {Record<string, unknown>} [params]
 * @property {boolean} [safe] whether asking twice does no harm, so that it may be asked again on another connection
 * @property {boolean} [lasts] whether it may take as long as a job: such requests leave room for others
 * @property {boolean} [own] the client's own housekeeping: it goes first and keeps no process alive
 * @property {AbortSignal} [signal]
 * @property {string} [what] what the caller called it, for messages
 */

/** One request, from when it is made to its answer. */
export class Request {
  /** @type {(value: any) => void} */
  resolve = () => {};
  /** @type {(error: unknown) => void} */
  reject = () => {};
  /** @type {Mailbox<unknown> | undefined} */
  #progress;
  sent = false;
  /** The caller no longer waits. */
  settled = false;
  /** When it began to wait for a connection. */
  since = Date.now();
  /** @type {(() => void)[]} */
  #after = [];

  /** @param {number} id @param {Ask} ask @param {string} frame */
  constructor(id, ask, frame) {
    this.id = id;
    this.ask = ask;
    this.frame = frame;
  }

  /** What the job's worker tells of itself, from now on and the last it has told before. */
  get progress() {
    this.#progress ??= new Mailbox();
    return this.#progress;
  }

  /** @param {unknown} value */
  told(value) {
    this.progress.put(value);
  }

  /** Has something done once, when it is settled. @param {() => void} callback */
  onSettled(callback) {
    this.#after.push(callback);
  }

  /** Is settled with the signal's reason when that says so. @param {AbortSignal | undefined} signal @param {() => void} callOff */
  obey(signal, callOff) {
    if (signal === undefined) return;
    const end = onAbort(signal, () => {
      callOff();
      this.settle(true, signal.reason);
    });
    this.onSettled(end);
  }

  /** @param {any} message an answer */
  answer({ result, error, meta }) {
    if (error === undefined) this.settle(false, result);
    else this.settle(true, toError(error, meta));
  }

  /** @param {boolean} failed @param {unknown} value */
  settle(failed, value) {
    if (this.settled) return;
    this.settled = true;
    for (const callback of this.#after) callback();
    this.#progress?.end();
    this.frame = "";
    if (failed) this.reject(value);
    else this.resolve(value);
  }
}

/** @param {import("./errors.mjs").WireError} error @param {any} meta */
function toError(error, meta) {
  const made = meta?.errorSource === "worker" ? fromWorker(error) : fromWhipper(error);
  if (meta !== undefined) hide(made, "call", meta); // job, attempts, worker, waitMs, runMs, errorSource
  return made;
}
