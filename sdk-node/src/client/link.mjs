import net from "node:net";
import { FrameReader, FrameWriter } from "../worker/framing.mjs";

/** Bytes that an incoming frame may have: the supervisor holds to its own limit, which may be larger than the default. */
const INCOMING = 512 * 1024 * 1024;

/** One connection to a supervisor: frames out, frames in, and its end. It keeps no process alive. */
export class Link {
  #socket;
  #writer;
  #ended = false;

  /** Bytes that the other side has not taken yet, about. */
  get backlog() {
    return this.#writer.backlog;
  }

  /** Whether it has ended, though that may not have been told yet: what is sent now would be lost. */
  get over() {
    return this.#socket.readableEnded || this.#socket.destroyed;
  }

  /**
   * @param {net.Socket} socket connected
   * @param {{frame: (frame: string) => void, drain: () => void, end: (why: Error | undefined) => void}} on
   */
  constructor(socket, on) {
    this.#socket = socket;
    this.#writer = new FrameWriter(socket, -1, on.drain);
    const reader = new FrameReader(
      on.frame,
      () => this.#fail(new Error("it sent too large a message")),
      INCOMING,
    );
    socket.on("data", (chunk) => reader.push(chunk));
    socket.on("error", (error) => {
      this.#why ??= error;
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#writer.break();
      on.end(this.#why);
    });
    socket.unref();
  }

  /** @type {Error | undefined} */
  #why;

  /** @param {string} frame */
  send(frame) {
    if (!this.#ended) this.#writer.send(frame);
  }

  /** Gives the connection up: the other side does not keep to the protocol. @param {Error} why */
  #fail(why) {
    this.#why = why;
    this.#socket.destroy();
  }

  /** Ends the connection. What was sent still goes out. */
  close() {
    this.#writer.whenIdle(() => this.#socket.end(() => this.#socket.destroy()));
  }

  /** @param {Error} [why] */
  destroy(why) {
    if (why) this.#why ??= why;
    this.#socket.destroy();
  }
}

/**
 * Connects to a socket's path.
 *
 * @param {string} path
 * @returns {Promise<net.Socket>}
 */
export function dial(path) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path });
    socket.unref();
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
