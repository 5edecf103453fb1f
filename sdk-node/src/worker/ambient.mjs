import shared from "./shared.cjs";
import { withSpan } from "./span.mjs";

/**
 * Runs a function as part of a call: `context()` gives the call, and its span is the current one, or else its caller's. Following a call
 * through what it awaits costs, so that is done only once the script has loaded what may ask for it.
 *
 * @param {import("./call.mjs").Call} call
 * @param {string} method
 * @param {(span: any) => void} fn gets the call's span, which it ends; undefined: it has none
 */
export function within(call, method, fn) {
  const { storage } = shared.state;
  if (storage === undefined) withSpan(call, method, fn);
  else storage.run(call, withSpan, call, method, fn);
}
