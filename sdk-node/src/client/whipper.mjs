import { EventEmitter } from "node:events";
import { Channel } from "./channel.mjs";
import { Events } from "./events.mjs";
import { finish } from "./finish.mjs";
import { Invocation } from "./invocation.mjs";
import * as jobs from "./jobs.mjs";
import { locate } from "./locate.mjs";
import { connectionOptions, sidecarOptions } from "./options.mjs";
import { methodsOf, proxyOf, proxyOfAll } from "./proxy.mjs";
import { Sidecar } from "./sidecar.mjs";
import { PoolStats } from "./stats.mjs";

const LIMIT = 16 * 1024 * 1024; // bytes of a message, unless the supervisor was told otherwise
const PATIENCE = 30_000; // milliseconds that requests wait for a supervisor that is gone
const CONNECTION = Symbol("connection");

/** A pool of workers: of a supervisor that it starts and that ends with it, or of one that runs already (see connect). */
export class Whipper extends EventEmitter {
  #channel;
  #events;
  #pool;
  #stats = new PoolStats();
  /** @type {Sidecar | undefined} */
  #sidecar;
  /** @type {Promise<void> | undefined} */
  #ended;

  /** Starts a supervisor with a pool of its own. @param {any} options @param {unknown} [how] the client's own */
  constructor(options, how) {
    super();
    this.setMaxListeners(0);
    const connection = how === CONNECTION;
    const given = connection ? connectionOptions(options) : sidecarOptions(options);
    this.#pool = given.pool;
    if (!connection) this.#sidecar = new Sidecar(/** @type {any} */ (given));
    this.#channel = new Channel({
      locate: this.#sidecar
        ? () => /** @type {Sidecar} */ (this.#sidecar).locate()
        : async () => locate(given),
      connected: () => Promise.all([this.#stats.follow(this.#channel, this.#pool), this.#events.connected()]),
      notified: (method, params, frame) => {
        if (method === "stats") this.#stats.told(frame);
        else if (method === "event") this.#events.happened(params);
      },
      patience: given.reconnectTimeout ?? PATIENCE,
      limit: given.maxMessageSize ?? LIMIT,
    });
    this.#events = new Events(this, this.#channel, this.#pool);
    if (!this.#sidecar) return;
    this.#channel.connect().catch((error) => {
      // It could not be started. Whoever asks for something hears of that too.
      if (this.#ended === undefined && this.listenerCount("error") > 0) this.emit("error", error);
    });
  }

  /**
   * Connects to a supervisor that runs already: `{ dir }` or `{ socket }`, else as WHIPPER_SOCKET or WHIPPER_DIR say, else the one whose
   * folder .whipper is here or above.
   *
   * @param {any} [options]
   * @returns {Promise<Whipper>}
   */
  static async connect(options = {}) {
    const client = new Whipper(options, CONNECTION);
    try {
      await client.#channel.connect(true);
    } catch (error) {
      client.#channel.close();
      throw error;
    }
    return client;
  }

  /**
   * Runs a method and waits for its result. One argument that is no array stands for itself. The call belongs to its caller: it is not run
   * for a process that is gone.
   *
   * @param {string} method @param {unknown} [args] @param {jobs.CallOptions} [options]
   */
  invoke(method, args, options) {
    return Invocation.of(this.#channel, () => jobs.invocation(this.#pool, method, args, options));
  }

  /** Puts a job on disk, and gives its id then. @param {string} method @param {unknown} [args] @param {jobs.CallOptions} [options] */
  async submit(method, args, options) {
    return this.#channel.request(jobs.submission(this.#pool, method, args, options));
  }

  /** Puts several jobs on disk, all or none. @param {any[]} list @param {{signal?: AbortSignal}} [options] @returns {Promise<number[]>} */
  async submitBatch(list, options) {
    const { ids } = await this.#channel.request(jobs.batch(this.#pool, list, options));
    return ids;
  }

  /**
   * Waits for jobs. Of one job it gives the result, or throws what the job failed with. Of an array it gives the jobs when all are final.
   *
   * @param {any} which id, or what submit gave, or an array of them
   * @param {{timeoutMs?: number, signal?: AbortSignal}} [options]
   */
  wait(which, options) {
    return Invocation.of(this.#channel, () => jobs.waiting(which, options), jobs.reader(which));
  }

  /** A job as the ledger has it, with its attempts. @param {any} id */
  async job(id) {
    return this.request("job.get", { id: jobs.idOf(id) });
  }

  /** Jobs that a filter selects, the newest first. @param {Record<string, unknown>} [filter] @returns {AsyncGenerator<any, void, void>} */
  async *jobs(filter = {}) {
    for (let cursor; ; ) {
      const page = await this.request("job.list", { pool: this.#pool, ...filter, cursor });
      yield* page.jobs;
      cursor = page.nextCursor;
      if (cursor === undefined) return;
    }
  }

  /** Cancels jobs: an id, an array of ids, or a filter. Gives how many. @param {any} which @returns {Promise<number>} */
  async cancel(which) {
    return (await this.request("job.cancel", jobs.selection(which))).count;
  }

  /** Has jobs run again that failed, or were cancelled or dropped. Gives how many. @param {any} which @returns {Promise<number>} */
  async retry(which) {
    return (await this.request("job.retry", jobs.selection(which))).count;
  }

  /** Any method of the protocol. @param {string} method @param {Record<string, unknown>} [params] @param {{signal?: AbortSignal}} [options] @returns {Promise<any>} */
  async request(method, params, options) {
    return this.#channel.request(jobs.plain(method, params, options));
  }

  proxy() {
    return proxyOfAll(this.invoke.bind(this));
  }

  async workerProxy() {
    const { pools } = await this.request("pool.list");
    return proxyOf(this.invoke.bind(this), methodsOf(pools, this.#pool));
  }

  workerCount() {
    return this.stats().workerCount;
  }

  /** The pool's counters. What counts a call is here when its answer is. */
  stats() {
    return this.#stats.read();
  }

  /** @override @param {(string | symbol)[]} names */
  removeAllListeners(...names) {
    super.removeAllListeners(...names);
    this.#events.watch(); // the client's own are not among them
    return this;
  }

  /** The folder of the supervisor that this client has started. @returns {string | undefined} */
  get dir() {
    return this.#sidecar?.dir;
  }

  /** The process of the supervisor that this client has started; undefined while there is none. @returns {number | undefined} */
  get pid() {
    return this.#sidecar?.pid;
  }

  /** Resolves when all has been sent: who waits for it before asking for more never fills the memory. */
  drained() {
    return this.#channel.drained();
  }

  /**
   * Ends the supervisor that this client has started, once what was asked for is answered. With force that is given up.
   *
   * @param {boolean} [force] @returns {Promise<void>}
   */
  shutdown(force = false) {
    if (force || this.#sidecar === undefined) this.#channel.close();
    this.#ended = (force ? undefined : this.#ended) ?? this.#end(force);
    return this.#ended;
  }

  async #end(force = false) {
    const silent = await finish(this.#channel, this.#sidecar !== undefined && !force);
    await this.#sidecar?.stop(force || silent);
    this.#channel.close();
  }

  /** Ends the connection: its calls are cancelled, submitted jobs go on. A supervisor of its own is shut down. */
  close() {
    return this.shutdown();
  }

  [Symbol.asyncDispose]() {
    return this.shutdown();
  }
}
