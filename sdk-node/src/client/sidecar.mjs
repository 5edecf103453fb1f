import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findBinary } from "./binary.mjs";
import { drainMs } from "./drain.mjs";
import { NoSupervisorError, StartError } from "./errors.mjs";
import { readLog } from "./logs.mjs";
import { execArguments, inheritedBy } from "./options.mjs";

const ATTEMPTS = 5; // to start it again in a row, without it having come up
const LAST_WORDS = 1000; // milliseconds that its output is waited for after its end
const GRACE = 10_000; // milliseconds that a supervisor has to end, after its drain must be over
const KILL_AFTER = 10_000; // milliseconds that a supervisor has which was told to end at once
const FAR = 2 ** 31 - 1; // milliseconds: the longest that a timer goes

/** Folders that nobody but this process removes any more, if their supervisor was killed. @type {Set<string>} */
const orphaned = new Set();
process.on("exit", () => {
  for (const dir of orphaned) {
    try {
      rmSync(dir, { recursive: true, force: true });
    } catch {
      // a worker that has outlived its supervisor still writes there: no reason for the application to fail
    }
  }
});

/** A supervisor that this process starts, and that ends with it. */
export class Sidecar {
  #options;
  #dir;
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #child;
  /** @type {Promise<{socket: string}> | undefined} */
  #ready;
  /** Of its process: with why there has been none, if it could not be started. @type {Promise<Error | undefined>} */
  #exited = Promise.resolve(undefined);
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
   * Ends it: lets running calls finish, unless force is given. One that has not ended when its drain must be over is ended by force.
   *
   * @param {boolean} force
   */
  async stop(force) {
    this.#stopping = true;
    if (this.#child !== undefined) await this.#end(this.#child, force);
    await this.#tidy();
  }

  /** @param {import("node:child_process").ChildProcess} child @param {boolean} force */
  async #end(child, force) {
    child.ref(); // now the process waits for it
    child.stdin?.end();
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const kill = () => {
      child.kill("SIGTERM");
      child.kill("SIGINT"); // a second signal, of another kind so that the two cannot become one
      timer = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER);
    };
    if (force) kill();
    else timer = setTimeout(kill, Math.min(drainMs(this.#options) + GRACE, FAR));
    await this.#exited;
    clearTimeout(timer);
    // What it printed last may still be on its way, and a process that a worker has left may hold the pipe.
    const patience = new AbortController();
    await Promise.race([this.#printed, sleep(LAST_WORDS, undefined, patience).catch(() => {})]);
    patience.abort();
  }

  /** Removes its folder, which it has left if it was killed. What cannot be removed yet is tried again when this process ends. */
  async #tidy() {
    if (this.#options.dir !== undefined || this.#child !== undefined) return;
    try {
      await rm(this.#dir, { recursive: true, force: true, maxRetries: 3 });
      orphaned.delete(this.#dir);
    } catch {
      orphaned.add(this.#dir);
    }
  }

  async #start() {
    if (this.#failures > 0) await sleep(Math.min(50 * 2 ** this.#failures, 2000), undefined, { ref: false });
    if (this.#stopping) throw new StartError("the client was shut down");
    const binary = findBinary(this.#options.bin);
    const child = this.#spawn(binary);
    this.#child = child;
    const log = this.#watch(child);
    const ready = /** @type {import("node:stream").Readable} */ (child.stdio[3]);
    /** @type {any} */ (ready).unref();
    const line = await text(ready);
    if (!line.endsWith("\n")) throw await this.#failed(log);
    this.#failures = 0;
    this.#served = true;
    return /** @type {{socket: string}} */ (JSON.parse(line));
  }

  /** @param {string} binary */
  #spawn(binary) {
    try {
      return spawn(binary, execArguments(this.#options, this.#dir), {
        stdio: ["pipe", "ignore", "pipe", "pipe"],
        env: { ...environment(), ...inheritedBy(this.#options) },
        detached: true, // a terminal's Ctrl-C is the application's; when its sidecar ends is for the application to say
      });
    } catch (error) {
      throw this.#failure(notStarted(error), error);
    }
  }

  /** @param {import("node:child_process").ChildProcess} child */
  #watch(child) {
    child.unref();
    for (const stream of [child.stdin, child.stderr]) /** @type {any} */ (stream).unref();
    child.stdin?.on("error", () => {}); // it ends while it is told to
    child.on("error", () => {}); // told by the end of its descriptor; a signal that cannot be sent is no news
    this.#exited = new Promise((done) => {
      const end = (/** @type {Error | undefined} */ error = undefined) => {
        this.#child = undefined;
        this.#ready = undefined;
        if (this.#options.dir === undefined) orphaned.add(this.#dir);
        done(error);
      };
      child.once("exit", () => end());
      child.once("error", (error) => {
        if (child.pid === undefined) end(error);
      });
    });
    orphaned.delete(this.#dir);
    const log = readLog(/** @type {import("node:stream").Readable} */ (child.stderr), this.#options.logger);
    this.#printed = log.ended;
    return log;
  }

  /** Why it has not come up. @param {{tail: () => string, ended: Promise<void>}} log */
  async #failed(log) {
    const [error] = await Promise.all([this.#exited, log.ended]);
    if (error) return this.#failure(notStarted(error), error);
    const said = log.tail();
    return this.#failure(`the supervisor ended before it was ready${said && `; it printed:\n${said}`}`);
  }

  /**
   * That it has not come up is for good unless it had served before: then it is tried again a few times.
   *
   * @param {string} why
   * @param {unknown} [cause]
   */
  #failure(why, cause) {
    const options = cause === undefined ? {} : { cause };
    if (this.#served && ++this.#failures < ATTEMPTS) return new NoSupervisorError(why, options);
    this.#fatal = new StartError(why, options);
    return this.#fatal;
  }
}

/** @param {unknown} error of spawn */
function notStarted(error) {
  return `the supervisor could not be started: ${/** @type {Error} */ (error).message}`;
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
