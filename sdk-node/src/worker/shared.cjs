// What a script can import from "whipper", for import and for require. CommonJS, because Node 20 cannot require anything else.

/**
 * A listening socket that all workers of a pool share.
 * @typedef {object} Listener
 * @property {number} fd
 * @property {string} name as `--listen NAME=ADDRESS` has it, else listen1, listen2, …
 */

/** @typedef {() => unknown} Callback */

// A script may have another copy of this file, in its node_modules; what it asks for must reach the runner all the same.
const key = Symbol.for("whipper.worker.callbacks");
/** @type {Callback[]} */
const callbacks = /** @type {any} */ (globalThis)[key] ?? [];
Object.defineProperty(globalThis, key, { value: callbacks, configurable: true });

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
  callbacks.push(callback);
}

/** Calls what onShutdown was given, each once. */
async function runCallbacks() {
  for (let callback = callbacks.pop(); callback !== undefined; callback = callbacks.pop()) {
    try {
      await callback();
    } catch (error) {
      console.error(error);
    }
  }
}

module.exports = { listeners, onShutdown, runCallbacks };
