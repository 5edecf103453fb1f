import { later } from "./later.mjs";
import { State, Worker, WorkingStatus } from "./worker.mjs";

const STATE = "worker:state:changed";
const STATUS = "worker:working-status:changed";

/** What has to be asked for so that a listener gets its events: each name of an event, and the type that it comes of. */
const TYPES = new Map([
  ...[
    "worker:pool:available",
    "worker:pool:unavailable",
    "worker:process:created",
    "worker:process:exited",
    "worker:inactivity-timeout",
    "at-capacity:dropped",
    "at-capacity:error",
    "job:queued",
    "job:started",
    "job:progress",
    "job:succeeded",
    "job:failed",
    "job:retrying",
    "job:cancelled",
    "job:dropped",
    STATE,
    STATUS,
  ].map((name) => /** @type {[string, string]} */ ([name, name])),
  ...Object.values(State).map((state) => /** @type {[string, string]} */ ([`worker:state:${state}`, STATE])),
  ...Object.values(WorkingStatus).map(
    (status) => /** @type {[string, string]} */ ([`worker:working-status:${status}`, STATUS]),
  ),
]);

const MOST = 1000; // workers that are remembered without a process

/** Turns what a supervisor tells into events of an emitter. Only what somebody listens to is asked for. */
export class Events {
  #emitter;
  #channel;
  #pool;
  /** @type {Map<string, Worker>} by pool and id */
  #workers = new Map();
  /** @type {number | undefined} of this connection */
  #subscription;
  #asked = "";
  /** @type {Promise<void> | undefined} */
  #changing;
  #fresh = false; // nothing has been asked for on this connection
  #available = false;

  /** @param {import("node:events").EventEmitter} emitter @param {import("./channel.mjs").Channel} channel @param {string | undefined} pool */
  constructor(emitter, channel, pool) {
    this.#emitter = emitter;
    this.#channel = channel;
    this.#pool = pool;
    this.watch();
  }

  /** Follows which listeners there are: from the start, and again after all were removed. */
  watch() {
    this.#emitter.off("newListener", this.#added).on("newListener", this.#added);
    this.#emitter.off("removeListener", this.#removed).on("removeListener", this.#removed);
    this.#soon();
  }

  /** What is asked after a listener was added waits until its events are subscribed to: it hears of that for certain. */
  #added = (/** @type {string} */ name) => {
    const type = TYPES.get(name);
    if (this.#channel.connected && type && !this.#asked.includes(type))
      this.#channel.gate(() => this.#soon());
  };

  #removed = (/** @type {string} */ name) => {
    if (TYPES.has(name)) this.#soon();
  };

  /** There is a new connection: what was asked for on the one before is void. */
  connected() {
    this.#subscription = undefined;
    this.#asked = "";
    this.#fresh = true;
    return this.#change();
  }

  #wanted() {
    const names = this.#emitter.eventNames().flatMap((name) => TYPES.get(String(name)) ?? []);
    return [...new Set(names)].sort();
  }

  /** Looks a moment later: the emitter tells of a listener before it has it. */
  async #soon() {
    await null;
    await this.#change();
  }

  /** Asks for what is listened to. One change at a time: the one under way sees what has been added. */
  #change() {
    if (!this.#channel.connected) return Promise.resolve();
    this.#changing ??= this.#ask().finally(() => {
      this.#changing = undefined;
    });
    return this.#changing;
  }

  async #ask() {
    try {
      for (let types = this.#wanted(); types.join() !== this.#asked; types = this.#wanted()) {
        const fresh = this.#fresh;
        this.#fresh = false;
        this.#asked = types.join();
        await (types.length > 0 ? this.#subscribe(types, fresh) : this.#unsubscribe());
      }
    } catch {
      this.#asked = ""; // the connection has ended; the next one begins anew
    } finally {
      this.#fresh = false;
    }
  }

  /** @param {string[]} types @param {boolean} fresh */
  async #subscribe(types, fresh) {
    const params = { types, pool: this.#pool, subscription: this.#subscription };
    const { subscription } = await this.#request("event.subscribe", params);
    this.#subscription = subscription;
    if (!fresh || !types.some((type) => type.startsWith("worker:"))) return;
    const list = this.#request("worker.list", { pool: this.#pool });
    this.#tellPast(await list.catch(() => ({ workers: [] }))); // there are several pools: their past is not told
  }

  async #unsubscribe() {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    await this.#request("event.unsubscribe", { subscription });
  }

  /** @param {string} method @param {Record<string, unknown>} params @returns {Promise<any>} */
  #request(method, params) {
    return this.#channel.request({ method, params, own: true });
  }

  /**
   * Workers that were there before the subscription: what they went through is told as if it happened now, so that a listener which was
   * there from the start misses nothing.
   *
   * @param {{workers: any[]}} list
   */
  #tellPast({ workers }) {
    const known = (/** @type {any} */ { id, pool, pid }) => this.#workers.get(`${pool} ${id}`)?.pid() === pid;
    for (const worker of workers.filter((one) => one.pid !== undefined && !known(one))) {
      const { pool } = worker;
      const forking = { ...worker, state: State.forking, workingStatus: WorkingStatus.idle };
      this.happened({ type: STATE, pool, worker: forking, from: State.created, to: State.forking });
      this.happened({ type: "worker:process:created", pool, worker: forking });
      if (worker.state === State.forking) continue;
      this.happened({ type: STATE, pool, worker, from: State.forking, to: worker.state });
      if (worker.state === State.processing && !this.#available) {
        this.happened({ type: "worker:pool:available", pool, worker });
      }
    }
  }

  /** @param {any} event params of an event notification */
  happened(event) {
    if (/^worker:pool:/.test(event.type)) this.#available = event.type === "worker:pool:available";
    const payload = (event.worker && this.#worker(event)) ?? event.job ?? event;
    if (event.type === STATE) this.#emit(`worker:state:${event.to}`, payload, event);
    if (event.type === STATUS) this.#emit(`worker:working-status:${event.to}`, payload, event);
    this.#emit(event.type, payload, event);
  }

  /** @param {string} name @param {unknown} payload @param {any} event */
  #emit(name, payload, event) {
    if (this.#emitter.listenerCount(name) === 0) return;
    try {
      this.#emitter.emit(name, payload, event);
    } catch (error) {
      later(error);
    }
  }

  /** @param {any} event */
  #worker(event) {
    const key = `${event.pool} ${event.worker.id}`;
    const worker = this.#workers.get(key) ?? new Worker(event.worker.id);
    this.#workers.set(key, worker);
    if (this.#workers.size > MOST) this.#forget();
    worker.update(event);
    return worker;
  }

  /** Workers that a pool no longer wants have no process, and are not told of again. */
  #forget() {
    for (const [key, worker] of this.#workers) {
      if (worker.state() === State.created) this.#workers.delete(key);
    }
  }
}
