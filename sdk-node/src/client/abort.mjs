/** @type {WeakMap<AbortSignal, Set<() => void>>} */
const waiting = new WeakMap();

/**
 * Has something done when a signal aborts. Thousands of calls may have the same signal, so it gets one listener for all of them.
 *
 * @param {AbortSignal} signal not aborted
 * @param {() => void} callback
 * @returns {() => void} ends that
 */
export function onAbort(signal, callback) {
  const known = waiting.get(signal);
  const callbacks = known ?? new Set();
  if (known === undefined) {
    waiting.set(signal, callbacks);
    signal.addEventListener(
      "abort",
      () => {
        for (const each of callbacks) each();
      },
      { once: true },
    );
  }
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}
