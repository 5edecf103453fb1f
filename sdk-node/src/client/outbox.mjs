import { MessageTooLargeError, QueueFullError } from "./errors.mjs";
import { Queue } from "./queue.mjs";

const UNSENT = 128 * 1024 * 1024; // bytes that may wait: a caller who does not wait for answers must not fill the memory

/** @typedef {import("./request.mjs").Request} Request */

/** What is to be sent, now or over the next connection. */
export class Outbox {
  #limit;
  #queue = new Queue();
  /** @type {Request[]} refused by a supervisor that is shutting down, for the next one */
  #refused = [];
  /** @type {(() => void)[]} */
  #drained = [];

  /** @param {number} limit bytes of a message */
  constructor(limit) {
    this.#limit = limit;
  }

  /** Throws if a frame cannot be taken. @param {string} frame @param {string} what it is */
  admit(frame, what) {
    // A UTF-16 unit is at most three bytes of UTF-8: short frames need not be measured.
    const size = frame.length * 3 > this.#limit ? Buffer.byteLength(frame) : 0;
    if (size > this.#limit) {
      throw new MessageTooLargeError(
        `${what} has ${size} bytes, of which a message holds ${this.#limit} (maxMessageSize)`,
      );
    }
    if (this.#queue.size + frame.length > UNSENT) {
      throw new QueueFullError(
        `${this.#queue.size} bytes wait to be sent: await drained() before asking for more`,
      );
    }
  }

  /** @param {Request} request */
  add(request) {
    this.#queue.add(request);
  }

  /** Keeps a request for the next connection. @param {Request} request */
  defer(request) {
    request.sent = false;
    this.#refused.push(request);
  }

  /** @param {Request} request */
  remove(request) {
    this.#queue.remove(request);
    this.#tellDrained();
  }

  /** Notes that a request was answered. @param {Request} request */
  freed(request) {
    this.#queue.freed(request);
  }

  /** There is a connection. */
  connected() {
    for (const request of this.#refused.splice(0)) if (!request.settled) this.#queue.add(request);
  }

  /** Only the client's own requests go out until open is called as often. */
  close() {
    this.#queue.gates++;
  }

  open() {
    this.#queue.gates--;
  }

  /** There is none any more. */
  disconnected() {
    this.#queue.reset();
  }

  /** The patience of what waits begins now. */
  renew() {
    for (const request of [...this.#queue.all(), ...this.#refused]) request.since = Date.now();
  }

  /** Takes what is to be sent now. @param {import("./link.mjs").Link} link @returns {Generator<Request>} */
  *take(link) {
    for (let next = this.#queue.next(link); next; next = this.#queue.next(link)) yield next;
    this.#tellDrained();
  }

  get empty() {
    return this.#queue.length === 0;
  }

  /** Resolves when all has been sent. @returns {Promise<void>} */
  drained() {
    if (this.empty) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Ends what waits. @param {Error} why @param {(request: Request) => boolean} [which] */
  fail(why, which = () => true) {
    const failed = [...this.#queue.take(which), ...this.#refused.filter(which)];
    this.#refused = this.#refused.filter((request) => !which(request));
    for (const request of failed) request.settle(true, why);
    this.#tellDrained();
  }

  /** Ends what has waited too long for a supervisor. @param {Error} why @param {number} patience milliseconds */
  expire(why, patience) {
    const before = Date.now() - patience;
    this.fail(why, (request) => request.since <= before);
  }

  #tellDrained() {
    if (this.empty) for (const resolve of this.#drained.splice(0)) resolve();
  }
}
