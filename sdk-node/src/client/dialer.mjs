import { NoSupervisorError } from "./errors.mjs";
import { dial } from "./link.mjs";

const FIRST_PAUSE = 20; // milliseconds before the second attempt
const LONGEST_PAUSE = 1000;

/** Finds the way to a supervisor, again and again until it is there. */
export class Dialer {
  #locate;
  #busy = false;
  #ended = false;
  #pause = 0; // milliseconds before the next attempt
  #madeAt = 0;

  /** @param {() => Promise<{socket: string}>} locate finds the supervisor, or starts it if that is what it is for */
  constructor(locate) {
    this.#locate = locate;
  }

  /** It does not try any longer. */
  end() {
    this.#ended = true;
  }

  /**
   * The connection has ended. Gives whether it had lasted: the next one is made at once then, else after a pause, as if it had failed.
   *
   * @returns {boolean}
   */
  lost() {
    const lasted = performance.now() - this.#madeAt >= LONGEST_PAUSE;
    if (lasted) this.#pause = 0;
    else this.#lengthen();
    return lasted;
  }

  /**
   * Connects. Gives nothing if that is under way already, or is no longer wanted.
   *
   * @param {(why: Error) => void} failed told of each attempt that failed because there is no supervisor
   * @param {boolean} once whether to give up after the first of them
   * @returns {Promise<import("node:net").Socket | undefined>}
   */
  async connect(failed, once) {
    if (this.#busy || this.#ended) return;
    this.#busy = true;
    try {
      while (!this.#ended) {
        const delay = this.#pause * (0.5 + Math.random() / 2);
        if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay).unref());
        if (this.#ended) return;
        try {
          const socket = await this.#attempt();
          this.#madeAt = performance.now();
          return socket;
        } catch (error) {
          if (once || !(error instanceof NoSupervisorError)) throw error;
          this.#lengthen();
          failed(error);
        }
      }
    } finally {
      this.#busy = false;
    }
  }

  #lengthen() {
    this.#pause = Math.min(this.#pause * 2 || FIRST_PAUSE, LONGEST_PAUSE);
  }

  async #attempt() {
    const { socket: path } = await this.#locate();
    try {
      const socket = await dial(path);
      if (!this.#ended) return socket;
      socket.destroy();
    } catch (cause) {
      const reason = /** @type {NodeJS.ErrnoException} */ (cause).code ?? String(cause);
      throw new NoSupervisorError(`no supervisor listens on socket ${JSON.stringify(path)}: ${reason}`, {
        cause,
      });
    }
  }
}
