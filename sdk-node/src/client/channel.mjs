import { Callers } from "./callers.mjs";
import { Dialer } from "./dialer.mjs";
import { brokenError, ClosedError, lostError } from "./errors.mjs";
import { Link } from "./link.mjs";
import { Outbox } from "./outbox.mjs";
import { Request } from "./request.mjs";

const SHUTTING_DOWN = 1007;
const STATS = '{"jsonrpc":"2.0","method":"stats"';

/**
 * @typedef {object} Ends what a channel is made of
 * @property {() => Promise<{socket: string}>} locate finds the supervisor, or starts it if that is what it is for
 * @property {() => Promise<unknown>} connected asks for what belongs to each connection, before all else; it never fails
 * @property {(method: string, params: any, frame: string) => void} notified params are undefined for stats, which are read when asked for
 * @property {number} patience milliseconds that requests wait for a supervisor that is gone
 * @property {number} limit bytes of a message
 */

/**
 * Requests and answers over a connection that is made anew when it ends. What was not sent waits for the next one, what does no harm twice
 * is asked again; of the rest it is unknown whether it took effect, and its callers are told so.
 */
export class Channel {
  #ends;
  #dialer;
  #callers = new Callers();
  #outbox;
  /** @type {Map<number, Request>} sent and not answered */
  #pending = new Map();
  /** @type {Link | undefined} */
  #link;
  #lastId = 0;
  /** @type {Error | undefined} why nothing more is taken */
  #closing;
  #closed = false;

  /** @param {Ends} ends */
  constructor(ends) {
    this.#ends = ends;
    this.#outbox = new Outbox(ends.limit);
    this.#dialer = new Dialer(ends.locate);
  }

  get connected() {
    return this.#link !== undefined;
  }

  /** Asks; the answer goes to the request's resolve or reject. @param {import("./request.mjs").Ask} ask */
  ask(ask) {
    ask.signal?.throwIfAborted();
    const id = ++this.#lastId;
    const frame = JSON.stringify({ jsonrpc: "2.0", id, method: ask.method, params: ask.params });
    if (!ask.own) {
      if (this.#closing) throw this.#closing;
      this.#outbox.admit(frame, ask.what ?? ask.method);
    }
    const request = new Request(id, ask, frame);
    request.obey(ask.signal, () => this.#callOff(request));
    if (!ask.own) {
      this.#callers.enter();
      request.onSettled(() => this.#callers.leave());
    }
    this.#outbox.add(request);
    if (this.#link) this.#pump();
    else this.connect().catch(() => {}); // told to those who wait
    return request;
  }

  /** @param {import("./request.mjs").Ask} ask @returns {Promise<any>} */
  request(ask) {
    return new Promise((resolve, reject) => {
      Object.assign(this.ask(ask), { resolve, reject });
    });
  }

  /** Resolves when all that was asked has been sent. */
  drained() {
    return this.#outbox.drained();
  }

  /** Takes nothing more, and resolves when all that was asked is answered. @param {Error} why what is asked later is refused with */
  async finish(why) {
    this.#closing ??= why;
    await this.#callers.idle();
    this.#dialer.end();
  }

  /** Fails all that waits, and whatever is asked later. @param {Error} [why] */
  close(why = new ClosedError("the client is closed")) {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing ??= why;
    this.#dialer.end();
    this.#link?.close();
    this.#link = undefined;
    for (const request of this.#pending.values()) request.settle(true, why);
    this.#pending.clear();
    this.#outbox.fail(why);
    this.#callers.end();
  }

  /** Makes a connection, if there is none. It tries until a supervisor is there. @param {boolean} [once] give up after the first attempt */
  async connect(once = false) {
    if (this.#link || this.#closed) return;
    try {
      const socket = await this.#dialer.connect((why) => this.#outbox.expire(why, this.#ends.patience), once);
      if (this.#closed) socket?.destroy();
      else if (socket) this.#open(socket);
    } catch (error) {
      this.#outbox.fail(/** @type {Error} */ (error));
      throw error;
    }
  }

  /** @param {import("node:net").Socket} socket */
  #open(socket) {
    /** @type {Link} */
    const link = new Link(socket, {
      frame: (frame) => this.#receive(frame, link),
      drain: () => this.#pump(),
      end: (why) => this.#lost(link, why),
    });
    this.#link = link;
    this.#outbox.connected();
    this.gate(this.#ends.connected);
  }

  /** Sends none but the client's own requests until something is done. @param {() => Promise<unknown>} something it never fails */
  gate(something) {
    this.#outbox.close();
    something().then(() => {
      this.#outbox.open();
      this.#pump();
    });
  }

  #pump() {
    const link = this.#link;
    if (!link || link.over) return; // then it is for the next one
    for (const request of this.#outbox.take(link)) {
      request.sent = true;
      this.#pending.set(request.id, request);
      link.send(request.frame);
      if (!request.ask.safe) request.frame = ""; // it is not sent again
    }
  }

  /** @param {string} frame @param {Link} link */
  #receive(frame, link) {
    if (frame.startsWith(STATS)) return this.#ends.notified("stats", undefined, frame);
    let message;
    try {
      message = JSON.parse(frame);
    } catch (error) {
      return link.destroy(/** @type {Error} */ (error));
    }
    if (message.method === "$/progress") this.#pending.get(message.params.id)?.told(message.params.value);
    else if (message.method !== undefined) this.#ends.notified(message.method, message.params, frame);
    else if (typeof message.id === "number") this.#answered(message);
    else link.destroy(new Error(message.error?.message ?? "it sent what is no answer"));
  }

  /** @param {any} message */
  #answered(message) {
    const request = this.#pending.get(message.id);
    if (request === undefined) return;
    this.#pending.delete(message.id);
    this.#outbox.freed(request);
    const refused = message.error?.code === SHUTTING_DOWN && request.ask.safe && !request.settled;
    if (refused) this.#outbox.defer(request);
    else request.answer(message);
    if (!this.#outbox.empty) this.#pump();
  }

  /** @param {Link} link @param {Error | undefined} why */
  #lost(link, why) {
    if (this.#link !== link) return;
    this.#link = undefined;
    for (const [id, request] of this.#pending) {
      this.#pending.delete(id);
      if (request.settled) continue;
      request.sent = false;
      if (request.ask.safe && !request.ask.own) this.#outbox.add(request);
      else request.settle(true, lostError(request.ask, why));
    }
    this.#outbox.disconnected();
    if (this.#dialer.lost()) this.#outbox.renew();
    else this.#outbox.expire(brokenError(why), this.#ends.patience);
    this.connect().catch(() => {});
  }

  /** Nobody waits for a request any more. @param {Request} request */
  #callOff(request) {
    if (!request.sent) this.#outbox.remove(request);
    else this.#link?.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":${request.id}}}`);
  }
}
