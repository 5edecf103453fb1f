// What the runner and a script share, even where the script has another copy of this file in its node_modules. CommonJS, because
// Node before 20.19 cannot require anything else.

/**
 * A listening socket that all workers of a pool share.
 * @typedef {object} Listener
 * @property {number} fd
 * @property {string} name as `--listen NAME=ADDRESS` has it, else listen1, listen2, …
 */

/** @typedef {() => unknown} Callback */

/**
 * What `serve` is given.
 * @typedef {object} Service
 * @property {Record<string, (...args: any[]) => unknown>} methods
 * @property {number} [concurrency] calls at once
 * @property {string} [name] of the worker
 */

/**
 * @typedef {object} State
 * @property {Callback[]} callbacks of onShutdown
 * @property {boolean} running whether this process serves, or is about to
 * @property {Service} [service] what the script has asked to serve
 * @property {import("node:async_hooks").AsyncLocalStorage<import("./call.mjs").Call>} [storage] there once somebody may ask for it
 */

const key = Symbol.for("whipper.worker");
/** @type {State} */
const state = /** @type {any} */ (globalThis)[key] ?? { callbacks: [], running: false };
Object.defineProperty(globalThis, key, { value: state, configurable: true });

/**
 * The sockets of `whipper exec --listen`, in its order; none where there are none. A server takes one with
 * `server.listen({ fd })`. Closing the server leaves the socket open for the other workers.
 *
 * @returns {Listener[]}
 */
function listeners() {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = "" } = process.env;
  if (LISTEN_PID !== String(process.pid)) return []; // they are another process's
  const names = LISTEN_FDNAMES.split(":");
  return Array.from({ length: Number(LISTEN_FDS) }, (_, i) => ({ fd: 3 + i, name: names[i] ?? "unknown" }));
}

/**
 * Has a function called when the worker has been asked to end and its last call has ended, before the process exits. A
 * promise that it returns is waited for. This is where a server on a shared socket is closed.
 *
 * They are called the last one first. What one throws is printed and keeps no other from being called. They have until the
 * supervisor's `--force-kill-timeout` is over; after a crash they are not called.
 *
 * @param {Callback} callback
 */
function onShutdown(callback) {
  state.callbacks.push(callback);
}

/** Calls what onShutdown was given, each once. */
async function runCallbacks() {
  for (let callback = state.callbacks.pop(); callback !== undefined; callback = state.callbacks.pop()) {
    try {
      await callback();
    } catch (error) {
      console.error(error);
    }
  }
}

module.exports = { state, listeners, onShutdown, runCallbacks };
