import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findBinary } from "./binary.mjs";
import { NoSupervisorError, StartError } from "./errors.mjs";
import { readLog } from "./logs.mjs";
import { environmentOf, execArguments } from "./options.mjs";

const ATTEMPTS = 5; // to start it again in a row, without it having come up
const LAST_WORDS = 1000; // milliseconds that its output is waited for after its end
const KILL_AFTER = 10_000; // milliseconds that a supervisor has which was told to end at once

/** Folders that nobody but this process can remove any more, because their supervisor was killed. @type {Set<string>} */
const orphaned = new Set();
process.on("exit", () => {
  for (const dir of orphaned) rmSync(dir, { recursive: true, force: true });
});

/** A supervisor that this process starts, and that ends with it. */
export class Sidecar {
  #options;
  #dir;
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #child;
  /** @type {Promise<{socket: string}> | undefined} */
  #ready;
  /** @type {Promise<void>} */
  #exited = Promise.resolve();
  /** @type {Promise<void>} */
  #printed = Promise.resolve();
  #failures = 0;
  #served = false;
  /** @type {Error | undefined} */
  #fatal;
  #stopping = false;

  /** @param {import("./options.mjs").SidecarOptions} options */
  constructor(options) {
    this.#options = options;
    this.#dir =
      options.dir === undefined
        ? join(tmpdir(), `whipper-${randomUUID().slice(0, 13)}`)
        : resolve(options.dir);
  }

  /** The folder of its ledger. */
  get dir() {
    return this.#dir;
  }

  /** Of its process; undefined while there is none. */
  get pid() {
    return this.#child?.pid;
  }

  /** Where it listens. Starts it if it does not run. @returns {Promise<{socket: string}>} */
  async locate() {
    if (this.#fatal) throw this.#fatal;
    this.#ready ??= this.#start().catch((error) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  /**
   * Ends it: lets running calls finish, unless force is given.
   *
   * @param {boolean} force
   */
  async stop(force) {
    this.#stopping = true;
    const child = this.#child;
    if (child === undefined) return;
    child.ref(); // now the process waits for it
    child.stdin?.end();
    if (force) {
      child.kill("SIGTERM");
      child.kill("SIGINT"); // a second signal, of another kind so that the two cannot become one
      const timer = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER);
      this.#exited.finally(() => clearTimeout(timer));
    }
    await this.#exited;
    // What it printed last may still be on its way, and a process that a worker has left may hold the pipe.
    const patience = new AbortController();
    await Promise.race([this.#printed, sleep(LAST_WORDS, undefined, patience).catch(() => {})]);
    patience.abort();
  }

  async #start() {
    if (this.#failures > 0) await sleep(Math.min(50 * 2 ** this.#failures, 2000), undefined, { ref: false });
    if (this.#stopping) throw new StartError("the client was shut down");
    const binary = findBinary(this.#options.bin);
    const child = spawn(binary, execArguments(this.#options, this.#dir), {
      stdio: ["pipe", "ignore", "pipe", "pipe"],
      env: { ...environment(), ...environmentOf(this.#options).inherited },
      detached: true, // a terminal's Ctrl-C is the application's; when its sidecar ends is for the application to say
    });
    this.#child = child;
    const log = this.#watch(child);
    const ready = /** @type {import("node:stream").Readable} */ (child.stdio[3]);
    /** @type {any} */ (ready).unref();
    const line = await text(ready);
    if (line === "") throw await this.#failed(log);
    this.#failures = 0;
    this.#served = true;
    return /** @type {{socket: string}} */ (JSON.parse(line));
  }

  /** @param {import("node:child_process").ChildProcess} child */
  #watch(child) {
    child.unref();
    for (const stream of [child.stdin, child.stderr]) /** @type {any} */ (stream).unref();
    child.stdin?.on("error", () => {}); // it ends while it is told to
    child.on("error", () => {}); // told by the end of its descriptor
    this.#exited = new Promise((done) => {
      const end = () => {
        this.#child = undefined;
        this.#ready = undefined;
        if (this.#options.dir === undefined) {
          if (this.#stopping)
            rmSync(this.#dir, { recursive: true, force: true }); // if it was killed
          else orphaned.add(this.#dir);
        }
        done();
      };
      child.once("exit", end);
      child.once("error", end);
    });
    orphaned.delete(this.#dir);
    const log = readLog(/** @type {import("node:stream").Readable} */ (child.stderr), this.#options.logger);
    this.#printed = log.ended;
    return log;
  }

  /**
   * Why it has not come up. That is for good unless it had served before: then it is tried again a few times.
   *
   * @param {{tail: () => string, ended: Promise<void>}} log
   */
  async #failed(log) {
    await Promise.all([this.#exited, log.ended]);
    const said = log.tail();
    const why = `the supervisor ended before it was ready${said && `; it printed:\n${said}`}`;
    if (this.#served && ++this.#failures < ATTEMPTS) return new NoSupervisorError(why);
    this.#fatal = new StartError(why);
    return this.#fatal;
  }
}

/** Whipper's variables, as a worker has them, would be taken for options. */
function environment() {
  const entries = Object.entries(process.env);
  return Object.fromEntries(
    entries.filter(([name]) => !name.startsWith("WHIPPER_") || name === "WHIPPER_BIN"),
  );
}

/** @param {import("node:stream").Readable} stream */
async function text(stream) {
  let all = "";
  stream.on("error", () => {});
  for await (const chunk of stream.setEncoding("utf8")) all += chunk;
  return all;
}
