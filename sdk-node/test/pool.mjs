import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import Whipper from "whipper";

/** The program under test: `make build` makes it. */
export const BIN = process.env.WHIPPER_BIN ?? fileURLToPath(new URL("../../bin/whipper", import.meta.url));

/** Path of a fixture. @param {string} name */
export const fixture = (name) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

const TASKS = fixture("tasks.mjs");

/** Where a test's clients are shut down: a test, or the file if nothing is given. @typedef {{after: (fn: () => unknown) => void}} Scope */

/** A client with a supervisor of its own, which ends with the test. @param {Scope} t @param {Record<string, unknown>} [options] */
export function pool(t, options = {}) {
  const program = "command" in options ? {} : { workerModulePath: TASKS };
  const client = new Whipper({ bin: BIN, ...program, minWorkers: 1, maxWorkers: 1, ...options });
  const waits = setInterval(() => {}, 60_000); // for events too, which keep no process alive
  t.after(async () => {
    await client.shutdown(true);
    clearInterval(waits);
  });
  return client;
}

/** An empty folder that ends with the test. @param {Scope} t */
export function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "wtest-"));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

/**
 * A supervisor of one pool that is nobody's sidecar, ready. It ends with the test.
 *
 * @param {Scope} t @param {string} dir
 */
export function supervisor(t, dir) {
  return supervise(t, [
    "exec",
    "--dir",
    dir,
    "--ready-fd",
    "3",
    "--min-workers",
    "1",
    "--max-workers",
    "1",
    TASKS,
  ]);
}

/** The same, of the pools of a file. @param {Scope} t @param {string} dir @param {string} file */
export function serve(t, dir, file) {
  return supervise(t, ["serve", "--dir", dir, "--ready-fd", "3", "-c", file]);
}

/** @param {Scope} t @param {string[]} args */
async function supervise(t, args) {
  const child = spawn(BIN, args, {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH },
  });
  const exited = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const ready = /** @type {import("node:stream").Readable} */ (child.stdio[3]);
  await Promise.race([
    once(ready, "data"),
    exited.then(([code]) => assert.fail(`it ended with ${code}: ${args.join(" ")}`)),
  ]);
  return { child, exited };
}

/**
 * Runs a program of the test's in another process.
 *
 * @param {Scope} t @param {string} source of an ES module, which finds the package at PACKAGE @param {string[]} [node] options
 */
export function run(t, source, node = []) {
  const text = `import Whipper from ${JSON.stringify(new URL("../src/index.mjs", import.meta.url).href)};\n${source}`;
  const child = spawn(process.execPath, [...node, "--input-type=module", "-e", text], {
    env: { ...process.env, WHIPPER_BIN: BIN, TASKS },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
  t.after(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const out = { text: "", errors: "" };
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    out.text += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk) => {
    out.errors += chunk;
  });
  const closed = once(child, "close").then(() => exited);
  /** Until it has printed a line that matches. @param {RegExp} pattern @returns {Promise<RegExpMatchArray>} */
  const said = async (pattern) => {
    for (;;) {
      const found = out.text.match(pattern);
      if (found) return found;
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`it ended: ${out.text}${out.errors}`);
      await Promise.race([once(child.stdout, "data"), exited]);
    }
  };
  return { child, closed, out, said };
}

/** Stops a process, and resolves when all its threads stand still: each goes on for a while after the signal. @param {number} pid */
export async function freeze(pid) {
  process.kill(pid, "SIGSTOP");
  while (!isFrozen(pid)) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** @param {number} pid */
function isFrozen(pid) {
  try {
    return fs
      .readdirSync(`/proc/${pid}/task`)
      .every((thread) => /^State:\tT/m.test(fs.readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8")));
  } catch {
    return false; // a thread has ended
  }
}

/** Until a process is gone. @param {number} pid */
export async function gone(pid) {
  while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** @param {number} pid */
export function alive(pid) {
  try {
    process.kill(pid, 0);
    return !/^State:\tZ/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
