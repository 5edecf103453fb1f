const FAR = 2 ** 31 - 1; // milliseconds: the longest that a timer goes

/**
 * Who waits for answers. The process is kept alive as long as somebody does, and only then: sockets and child processes of a client
 * never keep it.
 */
export class Callers {
  #timer = setInterval(() => {}, FAR).unref();
  #count = 0;
  /** @type {(() => void)[]} */
  #idle = [];

  enter() {
    if (this.#count++ === 0) this.#timer.ref();
  }

  leave() {
    if (--this.#count > 0) return;
    this.#timer.unref();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when nobody waits. @returns {Promise<void>} */
  idle() {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Lets go of the process for good. */
  end() {
    clearInterval(this.#timer);
  }
}
