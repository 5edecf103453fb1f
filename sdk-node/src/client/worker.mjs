/** @typedef {{callsHandled: number, errorCount: number, forkCount: number, maxSeenConcurrentCalls: number, resetCount: number}} WorkerStats */

/** The state of a worker. */
export const State = Object.freeze({
  created: "created",
  forking: "forking",
  processing: "processing",
  flushing: "flushing",
  dying: "dying",
  destroying: "destroying",
});

/** How busy a worker is. */
export const WorkingStatus = Object.freeze({ idle: "idle", busy: "busy", atCapacity: "atCapacity" });

/** A worker, as the last event about it has it: what the listeners of events get. */
export class Worker {
  static State = State;
  static WorkingStatus = WorkingStatus;

  #id;
  /** @type {number | null} */
  #pid = null;
  /** @type {string} */
  #state = State.created;
  /** @type {string} */
  #workingStatus = WorkingStatus.idle;
  /** @type {number | null} */
  #exitCode = null;
  /** @type {string | null} */
  #exitSignal = null;
  /** @type {WorkerStats} */
  #stats = { callsHandled: 0, errorCount: 0, forkCount: 0, maxSeenConcurrentCalls: 0, resetCount: 0 };

  /** @param {string} id w1, w2, …; it stays when the process is replaced */
  constructor(id) {
    this.#id = id;
  }

  id() {
    return this.#id;
  }

  /** Of its process, or of the last one; null before the first. */
  pid() {
    return this.#pid;
  }

  state() {
    return this.#state;
  }

  workingStatus() {
    return this.#workingStatus;
  }

  /** Of its process before; null while there is one, or if a signal ended it. */
  exitCode() {
    return this.#exitCode;
  }

  /** That ended its process before; null while there is one, or if it exited by itself. */
  exitSignal() {
    return this.#exitSignal;
  }

  /** @returns {WorkerStats} */
  stats() {
    return { ...this.#stats };
  }

  toJSON() {
    return { id: this.#id, pid: this.#pid, state: this.#state, workingStatus: this.#workingStatus };
  }

  toString() {
    return `Worker[id=${this.#id}, pid=${this.#pid}, workingStatus=${this.#workingStatus}, state=${this.#state}]`;
  }

  /**
   * Takes over what an event says. Used by the client.
   *
   * @param {any} event
   */
  update({ type, worker, exitCode, signal }) {
    this.#pid = worker.pid ?? this.#pid;
    this.#state = worker.state;
    this.#workingStatus = worker.workingStatus;
    this.#stats = pick(worker.stats);
    if (type === "worker:process:created") this.#exitCode = this.#exitSignal = null;
    if (type === "worker:process:exited") {
      this.#exitCode = exitCode ?? null;
      this.#exitSignal = signal ?? null;
    }
  }
}

/** The counters that a worker has always had, of those that the supervisor counts. @param {WorkerStats} stats @returns {WorkerStats} */
export function pick({ callsHandled, errorCount, forkCount, maxSeenConcurrentCalls, resetCount }) {
  return { callsHandled, errorCount, forkCount, maxSeenConcurrentCalls, resetCount };
}
