/** The supervisor serves 4096 requests of a connection at a time. The rest waits here, where it can still be called off. */
const WINDOW = 2048;
const LASTING = 1024; // of requests that may take as long as a job, beside the others
const BACKLOG = 1024 * 1024; // bytes that the socket has not taken, from which on nothing more is given to it

/** @typedef {import("./request.mjs").Request} Request */

/** Requests that are to be sent, in order. */
export class Queue {
  /** Reasons why only the client's own may be sent. */
  gates = 0;
  /** @type {Lane[]} */
  #lanes = [new Lane(Infinity), new Lane(WINDOW), new Lane(LASTING)];

  /** Requests that wait. */
  get length() {
    return this.#lanes.reduce((sum, lane) => sum + lane.waiting.size, 0);
  }

  /** Characters of their frames. */
  get size() {
    return this.#lanes.reduce((sum, lane) => sum + lane.size, 0);
  }

  /** @param {Request} request */
  add(request) {
    this.#lane(request).add(request);
  }

  /** @returns {Request[]} */
  all() {
    return this.#lanes.flatMap((lane) => [...lane.waiting]);
  }

  /**
   * Takes the request that is to be sent now, if one is. Over a connection that has ended only the client's own go, and end with it: what they ask
   * for is that connection's. The others wait for the next one.
   *
   * @param {import("./link.mjs").Link} link
   * @returns {Request | undefined}
   */
  next({ backlog, over }) {
    for (const lane of this.#lanes) {
      if ((over || this.gates > 0) && lane !== this.#lanes[0]) return undefined;
      if (
        lane.waiting.size > 0 &&
        lane.inFlight < lane.window &&
        (backlog < BACKLOG || lane.window === Infinity)
      )
        return lane.next();
    }
  }

  /** Notes that one was answered. @param {Request} request */
  freed(request) {
    this.#lane(request).inFlight--;
  }

  /** Notes that none is in flight any more. */
  reset() {
    for (const lane of this.#lanes) lane.inFlight = 0;
  }

  /** Takes one out, if it is there. @param {Request} request */
  remove(request) {
    this.#lane(request).remove(request);
  }

  /** Takes out those that which says. @param {(request: Request) => boolean} which @returns {Request[]} */
  take(which) {
    const taken = this.all().filter(which);
    for (const request of taken) this.#lane(request).remove(request);
    return taken;
  }

  /** @param {Request} request */
  #lane({ ask }) {
    return /** @type {Lane} */ (this.#lanes[ask.own ? 0 : ask.lasts ? 2 : 1]);
  }
}

class Lane {
  /** @type {Set<Request>} in order */
  waiting = new Set();
  inFlight = 0;
  size = 0;
  /** Kept from one request to the next: looking for the first of a set goes over all that were taken out of it before. */
  #next = this.waiting.values();

  /** @param {number} window */
  constructor(window) {
    this.window = window;
  }

  /** @param {Request} request */
  add(request) {
    this.waiting.add(request);
    this.size += request.frame.length;
  }

  /** @param {Request} request */
  remove(request) {
    if (this.waiting.delete(request)) this.size -= request.frame.length;
  }

  next() {
    let { value: request } = this.#next.next();
    if (request === undefined) {
      this.#next = this.waiting.values();
      request = this.#next.next().value;
    }
    if (request === undefined) return undefined;
    this.remove(request);
    this.inFlight++;
    return request;
  }
}
