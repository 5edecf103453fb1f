import { pick } from "./worker.mjs";

/**
 * @typedef {{workerCount: number, idleWorkerCount: number, busyWorkerCount: number, atCapacityWorkerCount: number,
 *   maxSeenWorkerCount: number, workers: import("./worker.mjs").WorkerStats}} Stats
 */

/** @type {any} */
const NONE = {
  workerCount: 0,
  idleWorkerCount: 0,
  busyWorkerCount: 0,
  atCapacityWorkerCount: 0,
  maxSeenWorkerCount: 0,
  workers: { callsHandled: 0, errorCount: 0, forkCount: 0, maxSeenConcurrentCalls: 0, resetCount: 0 },
};

/** A pool's counters. The supervisor tells of each change before the answer that it comes with; what it told is read only when asked for. */
export class PoolStats {
  #known = NONE;
  /** @type {string | undefined} */
  #unread;
  /** @type {Error | undefined} */
  #fault;

  /** Begins to follow the counters over a new connection. @param {import("./channel.mjs").Channel} channel @param {string | undefined} pool */
  follow(channel, pool) {
    const params = { pool, follow: true };
    this.#unread = undefined;
    return channel.request({ method: "pool.stats", params, own: true, safe: true }).then(
      (stats) => {
        this.#fault = undefined;
        if (this.#unread === undefined) this.#known = stats;
      },
      (error) => {
        this.#fault = error;
      },
    );
  }

  /** @param {string} frame a notification */
  told(frame) {
    this.#unread = frame;
  }

  /** @returns {Stats} */
  read() {
    if (this.#fault) throw this.#fault;
    if (this.#unread !== undefined) this.#known = JSON.parse(this.#unread).params.stats;
    const {
      workerCount,
      idleWorkerCount,
      busyWorkerCount,
      atCapacityWorkerCount,
      maxSeenWorkerCount,
      workers,
    } = this.#known;
    return {
      workerCount,
      idleWorkerCount,
      busyWorkerCount,
      atCapacityWorkerCount,
      maxSeenWorkerCount,
      workers: pick(workers),
    };
  }
}
