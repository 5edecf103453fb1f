const BACKLOG = 1024 * 1024; // characters of unread frames from which on only the newest progress of each call is kept

/** Sends what calls tell of themselves while they run: progress and log records. */
export class Teller {
  #writer;
  /** @type {Map<import("./call.mjs").Call, string>} newest progress, which waits until the other side reads again */
  #late = new Map();

  /** @param {import("./framing.mjs").FrameWriter} writer */
  constructor(writer) {
    this.#writer = writer;
  }

  /** @param {import("./call.mjs").Call} call @param {string} frame @param {boolean} replaces a later one may take its place */
  tell(call, frame, replaces) {
    if (replaces && this.#writer.backlog > BACKLOG) this.#late.set(call, frame);
    else this.#writer.send(frame);
  }

  /** Sends what waits of one call, which is about to be answered. @param {import("./call.mjs").Call} call */
  finish(call) {
    const frame = this.#late.get(call);
    if (frame === undefined) return;
    this.#late.delete(call);
    this.#writer.send(frame);
  }

  /** Sends all that waits. */
  resume() {
    for (const call of [...this.#late.keys()]) this.finish(call);
  }
}
