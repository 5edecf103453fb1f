const MOST = 64; // values that wait for whoever is slow

/**
 * Values on their way to a reader; several share them. The sender never waits: where there are too many the oldest makes room for the newest.
 *
 * @template T
 */
export class Mailbox {
  /** @type {T[]} */
  #values = [];
  #ended = false;
  #read = false;
  /** @type {(() => void)[]} one of each reader that waits */
  #waiting = [];

  /** @param {T} value */
  put(value) {
    // As long as nobody reads, the newest is enough.
    if (!this.#read) this.#values.length = 0;
    else if (this.#values.length === MOST) this.#values.shift();
    this.#values.push(value);
    this.#wake();
  }

  /** There is nothing more to come. */
  end() {
    this.#ended = true;
    this.#wake();
  }

  /** Begins to keep what comes, for who reads later. */
  open() {
    this.#read = true;
    return this;
  }

  /** @returns {AsyncGenerator<T, void, void>} */
  async *[Symbol.asyncIterator]() {
    this.open();
    for (;;) {
      while (this.#values.length > 0) yield/** @type {T} */ (this.#values.shift());
      if (this.#ended) return;
      await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
    }
  }

  #wake() {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
