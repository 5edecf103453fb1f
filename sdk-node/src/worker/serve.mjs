import { within } from "./ambient.mjs";
import { errorFrame, resultFrame } from "./answer.mjs";
import { Call, invoke } from "./call.mjs";
import * as errors from "./errors.mjs";
import { FrameReader, FrameWriter, MAX_FRAME } from "./framing.mjs";
import { isId, parse } from "./message.mjs";
import shared from "./shared.cjs";
import { endSpan, flushSpans } from "./span.mjs";
import { Teller } from "./teller.mjs";
import { PROTOCOL_VERSION, VERSION } from "./version.mjs";

const BACKLOG = 1024 * 1024; // characters of unread answers from which on no more calls are taken
const GRACE_MS = 1000; // what calls get to notice that the supervisor has died

/** @typedef {string | number | undefined} Id undefined for a notification, which is never answered */
/** @typedef {import("./load.mjs").Tasks} Tasks */

/** The worker's side of the wire: takes requests from it, calls the functions, answers each request exactly once. */
export class Server {
  #name;
  #writer;
  #teller;
  /** @type {Tasks | undefined} undefined while the script loads */
  #tasks;
  /** @type {import("./message.mjs").Request[]} what came in the meantime */
  #early = [];
  /** @type {Map<unknown, Call>} calls under way by id; notifications under a symbol */
  #calls = new Map();
  #stopping = false;
  #ending = false;
  #orphaned = false;

  /** @param {import("./wire.mjs").Wire} wire @param {string} name what the worker calls itself */
  constructor(wire, name) {
    this.#name = name;
    const { input, output, fd } = wire;
    this.#writer = new FrameWriter(output, fd, () => {
      this.#teller.resume();
      input.resume();
    });
    this.#teller = new Teller(this.#writer);
    const reader = new FrameReader(
      (frame) => this.#receive(frame),
      () => this.#tooLarge(),
    );
    input.on("data", (/** @type {Buffer} */ chunk) => {
      reader.push(chunk);
      if (this.#writer.backlog > BACKLOG) input.pause();
    });
    input.on("end", () => this.#orphan());
    input.on("error", () => this.#orphan());
    output.on("error", () => {
      this.#writer.break();
      this.#orphan();
    });
    process.on("exit", () => this.#writer.flushAtExit());
  }

  /** Starts answering, with these functions. @param {Tasks} tasks */
  serve(tasks) {
    this.#tasks = tasks;
    for (const request of this.#early.splice(0)) this.#dispatch(request);
    this.#exitWhenDone();
  }

  /** Takes no more calls, lets those under way finish, does what was to be done at the end, then exits with status 0. */
  shutdown() {
    this.#stopping = true;
    this.#exitWhenDone();
  }

  /** The supervisor is gone without a word, unless it said that this worker should finish. */
  #orphan() {
    if (this.#stopping || this.#orphaned) return;
    this.#orphaned = true;
    for (const call of this.#calls.values()) call.cancel();
    setTimeout(() => process.exit(1), GRACE_MS);
    if (this.#tasks !== undefined) this.#exitWhenDone();
  }

  #tooLarge() {
    const why = `the frame has more than ${MAX_FRAME} bytes`;
    this.#fail(null, errors.MESSAGE_TOO_LARGE, why, { type: "MessageTooLargeError" });
  }

  #exitWhenDone() {
    if (!(this.#stopping || this.#orphaned) || this.#calls.size > 0 || this.#ending) return;
    const exit = () => this.#writer.whenIdle(() => process.exit(0));
    if (this.#orphaned) return exit();
    this.#ending = true;
    shared.runCallbacks().then(flushSpans).then(exit);
  }

  /** @param {string} frame */
  #receive(frame) {
    const { request, fault } = parse(frame);
    if (fault !== undefined) this.#fail(fault.id, fault.code, fault.message);
    if (request === undefined) return;
    // Shutting down need not wait for a script that is slow to load.
    if (this.#tasks === undefined && request.method !== "$/shutdown") this.#early.push(request);
    else this.#dispatch(request);
  }

  /** @param {import("./message.mjs").Request} request */
  #dispatch(request) {
    switch (request.method) {
      case "$/initialize":
        return this.#result(request.id, this.#introduction());
      case "$/ping":
        return this.#result(request.id, null);
      case "$/cancelRequest":
        this.#cancel(request.params);
        return this.#result(request.id, null);
      case "$/shutdown":
        this.#result(request.id, null);
        return this.shutdown();
      default:
        return this.#call(request);
    }
  }

  #introduction() {
    const { methods, concurrency } = /** @type {Tasks} */ (this.#tasks);
    return {
      protocolVersion: PROTOCOL_VERSION,
      name: this.#name,
      version: VERSION,
      concurrency,
      methods: [...methods.keys()].map((name) => ({ name })),
    };
  }

  /** @param {any} params */
  #cancel(params) {
    if (isId(params?.id)) this.#calls.get(params.id)?.cancel();
  }

  /** @param {import("./message.mjs").Request} request */
  #call({ id, method: name, params, meta }) {
    const { methods } = /** @type {Tasks} */ (this.#tasks);
    if (this.#stopping) {
      const data = { type: "ShuttingDownError" };
      return this.#fail(id, errors.SHUTTING_DOWN, "the worker is shutting down", data);
    }
    const method = methods.get(name);
    if (method === undefined) {
      // Notifications of the protocol that this version does not know are none of its business.
      if (id === undefined && name.startsWith("$/")) return;
      const data = { type: "MethodNotFoundError", methods: [...methods.keys()] };
      return this.#fail(id, errors.METHOD_NOT_FOUND, `no method ${JSON.stringify(name)}`, data);
    }
    if (id !== undefined && this.#calls.has(id)) {
      // Answered to nobody: an answer with this id would be taken for the first call's.
      const why = `a call with the id ${JSON.stringify(id)} is under way`;
      return this.#fail(null, errors.INVALID_REQUEST, why);
    }

    const key = id ?? Symbol();
    const call = new Call(id, meta, (frame, replaces) => {
      // Who would hear of a call that has ended has its answer.
      if (this.#calls.get(key) === call) this.#teller.tell(call, frame, replaces);
    });
    this.#calls.set(key, call);
    within(call, name, (span) => {
      invoke(method, params, call, (failed, value) => {
        this.#teller.finish(call);
        this.#calls.delete(key);
        const error = failed ? this.#threw(call, name, value) : this.#result(id, value, name);
        if (span !== undefined) endSpan(span, error);
        this.#exitWhenDone();
      });
    });
  }

  /** Gives the error that is answered. @param {Call} call @param {string} name @param {unknown} thrown */
  #threw({ id, cancelled }, name, thrown) {
    const error = errors.toWireError(thrown);
    if (cancelled) error.code = errors.REQUEST_CANCELLED;
    const told = error.data?.stack ?? error.message;
    if (id !== undefined) this.#writer.send(errorFrame(id, error));
    else process.stderr.write(`${name}, called by a notification, failed: ${told}\n`);
    return error;
  }

  /** Gives the error that is answered instead, if any. @param {Id} id @param {unknown} value @param {string} [name] of the function */
  #result(id, value, name = "") {
    if (id === undefined) return undefined;
    const answer = resultFrame(id, value, name);
    const failed = typeof answer !== "string";
    this.#writer.send(failed ? errorFrame(id, answer) : answer);
    return failed ? answer : undefined;
  }

  /** @param {Id | null} id @param {number} code @param {string} message @param {Record<string, unknown>} [data] */
  #fail(id, code, message, data) {
    if (id === undefined) process.stderr.write(`${message}\n`);
    else this.#writer.send(errorFrame(id, { code, message, data }));
  }
}
