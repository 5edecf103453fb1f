import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../src/worker/main.mjs", import.meta.url));

/** Far longer than any test takes. A worker that hangs is killed, and the test that waits for it fails. */
const LIFETIME_MS = 60_000;

/** Path of a fixture. @param {string} name */
export const fixture = (name) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

/**
 * Runs the real runner as a child process. Its stdio are pipes, as a supervisor's are; Node's own "pipe" is a socket,
 * which `sockets: true` asks for. The worker is killed when the test ends.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} script
 * @param {{args?: string[], node?: string[], sockets?: boolean, listen?: number[]}} [options] node: Node's own options;
 *   listen: descriptors of sockets that are handed over as whipper's launcher does
 */
export function start(t, script, { args = [], node = [], sockets = false, listen = [] } = {}) {
  const worker = new Worker([...node, MAIN, script, ...args], sockets, listen);
  t.after(() => worker.kill());
  return worker;
}

/** The same, initialized. @param {import("node:test").TestContext} t @param {string} script */
export async function ready(t, script, options = {}) {
  const worker = start(t, script, options);
  await worker.initialize();
  return worker;
}

class Worker {
  #id = 0;
  stderr = "";
  /** @type {any[]} frames that nobody has asked for yet */
  #frames = [];
  /** @type {((frame: any) => void)[]} */
  #waiting = [];

  /** @param {string[]} args @param {boolean} sockets @param {number[]} listen */
  constructor(args, sockets, listen) {
    const [stdin, stdout, stderr] = sockets ? [] : [pipe(), pipe(), pipe()];
    const command = [process.execPath, ...args];
    if (listen.length > 0) command.unshift("/bin/sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh");
    this.child = spawn(/** @type {string} */ (command[0]), command.slice(1), {
      timeout: LIFETIME_MS,
      killSignal: "SIGKILL",
      stdio: stdin ? [stdin.read, stdout?.write, stderr?.write, ...listen] : "pipe",
      env: { ...process.env, LISTEN_FDS: String(listen.length), LISTEN_FDNAMES: "web:admin" },
    });
    for (const fd of [stdin?.read, stdout?.write, stderr?.write]) if (fd) fs.closeSync(fd);
    /** @type {import("node:stream").Writable} */
    this.stdin = this.child.stdin ?? new net.Socket({ fd: stdin?.write, readable: false });
    /** @type {import("node:stream").Readable} */
    this.stdout = this.child.stdout ?? new net.Socket({ fd: stdout?.read, writable: false });
    this.errors = this.child.stderr ?? new net.Socket({ fd: stderr?.read, writable: false });

    this.stdin.on("error", () => {});
    this.errors.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      this.stderr += text;
    });
    readline.createInterface({ input: this.stdout }).on("line", (line) => {
      const frame = JSON.parse(line);
      const next = this.#waiting.shift();
      if (next) next(frame);
      else this.#frames.push(frame);
    });
    // "close" would also wait for grandchildren that hold the pipes.
    this.exited = once(this.child, "exit").then(([code, signal]) => ({ code, signal }));
    this.closed = Promise.all([this.exited, once(this.stdout, "close"), once(this.errors, "close")]);
  }

  /** @param {unknown} frame an object, or text to be sent as it is with a newline */
  send(frame) {
    this.stdin.write(`${typeof frame === "string" ? frame : JSON.stringify(frame)}\n`);
  }

  /** Sends a request, returns its id. @param {string} method @param {unknown} [params] @param {object} [more] */
  request(method, params, more) {
    const id = ++this.#id;
    this.send({ jsonrpc: "2.0", id, method, params, ...more });
    return id;
  }

  /** @param {string} method @param {unknown} [params] */
  notify(method, params) {
    this.send({ jsonrpc: "2.0", method, params });
  }

  /** The next frame from the worker. @returns {Promise<any>} */
  async next() {
    if (this.#frames.length > 0) return this.#frames.shift();
    const frame = new Promise((resolve) => this.#waiting.push(resolve));
    const gone = this.closed.then(([exit]) => {
      throw new Error(`the worker exited: ${JSON.stringify(exit)} ${this.stderr}`);
    });
    return Promise.race([frame, gone]);
  }

  /** Sends a request, gives its answer. @param {string} method @param {unknown} [params] @param {object} [more] */
  async call(method, params, more) {
    const id = this.request(method, params, more);
    const answer = await this.next();
    if (answer.id !== id) throw new Error(`${method} got the answer ${JSON.stringify(answer)}`);
    return answer;
  }

  /** @returns {Promise<any>} */
  async initialize() {
    return (await this.call("$/initialize", { protocolVersion: 1, pool: "default", worker: "w1" })).result;
  }

  /** Until stderr holds a text. @param {string} text */
  async says(text) {
    while (!this.stderr.includes(text)) await once(this.errors, "data");
  }

  /** Frames that came and were not asked for. */
  get unread() {
    return this.#frames;
  }

  async kill() {
    this.child.kill("SIGKILL");
    await this.exited;
    this.stdin.destroy();
    this.stdout.destroy();
  }
}

/**
 * A pipe, which Node can only make with a name. One difference to nameless ones matters: a reader that opens it after
 * its last writer has left is not told so. Tests therefore hear from a worker before they close its stdin.
 */
function pipe() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "whipper-"));
  const name = path.join(folder, "pipe");
  execFileSync("mkfifo", [name]);
  const read = fs.openSync(name, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const write = fs.openSync(name, fs.constants.O_WRONLY);
  fs.rmSync(folder, { recursive: true });
  return { read, write };
}
