// What a script can import from "whipper" in a worker. Where the package is installed, its own index has this and the client.

const { AsyncLocalStorage } = require("node:async_hooks");
const { state, listeners, onShutdown } = require("./shared.cjs");

state.storage ??= new AsyncLocalStorage();

/**
 * The call that is running: its job, attempt and deadline, its AbortSignal, and how to tell of progress and to log. It follows a
 * function through everything that it awaits.
 *
 * @returns {import("./call.mjs").Call}
 */
function context() {
  const call = state.storage?.getStore();
  if (call === undefined)
    throw new Error("context() is for functions that a worker was called to run, and there is no call here");
  return call;
}

/**
 * Serves functions as a worker. In a script that whipper runs itself they take the place of its exports. Any other program takes
 * its stdin and stdout for the protocol with it: `whipper exec -- node server.mjs`.
 *
 * @param {import("./shared.cjs").Service} service
 */
function serve(service) {
  if (typeof service?.methods !== "object" || service.methods === null) {
    throw new TypeError("serve() needs methods: serve({ methods: { name: function } })");
  }
  if (state.service !== undefined) throw new Error("serve() was called before: a worker serves once");
  state.service = service;
  if (state.running) return; // the runner asks for it when the script is loaded
  state.running = true;
  import("./standalone.mjs").then(({ start }) => start(service));
}

/** An error after which a job is not tried again. */
class PermanentError extends Error {
  retryable = false;
}

/** Has a job run again later: no attempt is charged, and nothing counts as failed. */
class SnoozeError extends Error {
  /** @param {number} snoozeMs milliseconds until it runs again, at least 100 @param {string} [message] */
  constructor(snoozeMs, message = `again in ${snoozeMs} ms`) {
    if (!(snoozeMs >= 0)) throw new TypeError(`a SnoozeError needs milliseconds, not ${String(snoozeMs)}`);
    super(message);
    this.snoozeMs = snoozeMs;
  }
}

PermanentError.prototype.name = "PermanentError";
SnoozeError.prototype.name = "SnoozeError";

module.exports = { context, listeners, onShutdown, serve, PermanentError, SnoozeError };
