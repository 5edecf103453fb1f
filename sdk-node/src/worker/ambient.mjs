import shared from "./shared.cjs";
import { withTrace } from "./trace.mjs";

/**
 * Runs a function as part of a call: `context()` gives the call, and the caller's span is the current one. Following a call through
 * what it awaits costs, so that is done only once the script has loaded what may ask for it.
 *
 * @param {import("./call.mjs").Call} call
 * @param {() => void} fn
 */
export function within(call, fn) {
  const { storage } = shared.state;
  if (storage === undefined) withTrace(call.meta, fn);
  else storage.run(call, withTrace, call.meta, fn);
}
