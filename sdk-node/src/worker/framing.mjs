import fs from "node:fs";

/** Largest frame in bytes, newline excluded, in either direction: the supervisor's --max-message-size. */
export const MAX_FRAME = Number(process.env.WHIPPER_MAX_MESSAGE_SIZE) || 16 * 1024 * 1024;

const NEWLINE = 0x0a;
const KEPT = 64 * 1024; // bytes of buffer that stay allocated between frames
const BATCH = 1024 * 1024; // characters that go into one write, frames larger than that excepted

/** Cuts chunks of bytes, however they fall, into lines of text. Holds one frame of at most `limit` bytes. */
export class FrameReader {
  #limit;
  #onFrame;
  #onOversize;
  #held = Buffer.alloc(0); // its first #size bytes are the beginning of a frame
  #size = 0;
  #skipping = false; // the frame under way has been given up

  /**
   * @param {(frame: string) => void} onFrame
   * @param {() => void} onOversize called once for each frame that is larger than limit and therefore dropped
   * @param {number} [limit]
   */
  constructor(onFrame, onOversize, limit = MAX_FRAME) {
    this.#onFrame = onFrame;
    this.#onOversize = onOversize;
    this.#limit = limit;
  }

  /** @param {Buffer} chunk */
  push(chunk) {
    let start = 0;
    if (this.#size > 0 || this.#skipping) {
      const end = chunk.indexOf(NEWLINE);
      this.#keep(end === -1 ? chunk : chunk.subarray(0, end));
      if (end === -1) return;
      this.#release();
      start = end + 1;
    }
    const last = chunk.lastIndexOf(NEWLINE);
    if (last >= start) {
      // Newlines cannot be part of a UTF-8 sequence, so many frames are decoded at once.
      for (const frame of chunk.toString("utf8", start, last).split("\n")) this.#emit(frame);
      start = last + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /** @param {string} frame */
  #emit(frame) {
    // A UTF-16 unit is at most three bytes of UTF-8: short frames need not be measured.
    if (frame.length * 3 > this.#limit && Buffer.byteLength(frame) > this.#limit) this.#onOversize();
    else this.#onFrame(frame);
  }

  /** @param {Buffer} bytes */
  #keep(bytes) {
    if (this.#skipping) return;
    const size = this.#size + bytes.length;
    if (size > this.#limit) {
      this.#skipping = true;
      this.#size = 0;
      this.#held = Buffer.alloc(0);
      this.#onOversize();
      return;
    }
    if (size > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.#held.length, 1024));
      this.#held.copy(larger, 0, 0, this.#size);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#size);
    this.#size = size;
  }

  #release() {
    const skipped = this.#skipping;
    const frame = this.#held.toString("utf8", 0, this.#size);
    this.#skipping = false;
    this.#size = 0;
    if (this.#held.length > KEPT) this.#held = Buffer.alloc(0);
    if (!skipped) this.#onFrame(frame);
  }
}

/** Writes lines: those of one turn of the event loop together, and no faster than the other side reads. */
export class FrameWriter {
  #stream;
  #fd;
  #onDrain;
  /** @type {string[]} */
  #queue = [];
  #queued = 0; // characters in #queue
  #scheduled = false;
  #blocked = false;
  #broken = false;
  /** @type {(() => void)[]} */
  #idle = [];

  /**
   * @param {import("node:stream").Writable} stream its errors are the caller's to handle; break() must follow one
   * @param {number} fd stream's descriptor
   * @param {() => void} onDrain called whenever all has been handed to the operating system after a stall
   */
  constructor(stream, fd, onDrain) {
    this.#stream = stream;
    this.#fd = fd;
    this.#onDrain = onDrain;
    stream.on("drain", () => {
      this.#blocked = false;
      this.#flush();
      if (!this.#blocked) this.#onDrain();
    });
  }

  /** Characters that the other side has not taken yet. */
  get backlog() {
    return this.#queued + this.#stream.writableLength;
  }

  /** @param {string} frame without its newline */
  send(frame) {
    if (this.#broken) return;
    this.#queue.push(frame);
    this.#queued += frame.length + 1;
    if (this.#scheduled || this.#blocked) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** Calls back when nothing is left to write. @param {() => void} callback */
  whenIdle(callback) {
    this.#idle.push(callback);
    if (!this.#scheduled) this.#settle();
  }

  /** Writes what it can before the process exits, so that a crash in one call does not take the answers of others. */
  flushAtExit() {
    if (this.#broken || this.#stream.writableLength > 0) return;
    let bytes = Buffer.from(this.#queue.map((frame) => `${frame}\n`).join(""));
    try {
      while (bytes.length > 0) bytes = bytes.subarray(fs.writeSync(this.#fd, bytes));
    } catch {
      // The pipe is full or closed: nothing that could be waited for any more.
    }
  }

  /** Gives up: the other side is gone. */
  break() {
    this.#broken = true;
    this.#queue = [];
    this.#queued = 0;
    this.#settle();
  }

  #flush() {
    while (this.#queue.length > 0 && !this.#blocked && !this.#broken) {
      this.#blocked = !this.#stream.write(this.#take(), () => this.#settle());
    }
  }

  #take() {
    let count = 0;
    let length = 0;
    while (
      count < this.#queue.length &&
      (count === 0 || length + (this.#queue[count]?.length ?? 0) < BATCH)
    ) {
      length += (this.#queue[count++]?.length ?? 0) + 1;
    }
    this.#queued -= length;
    const batch = count === this.#queue.length ? this.#queue : this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    batch.push("");
    return batch.join("\n");
  }

  #settle() {
    if (!this.#broken && this.backlog > 0) return;
    for (const callback of this.#idle.splice(0)) callback();
  }
}
