const DEFAULTS = { "drain-timeout": 30_000, "flush-timeout": 5_000, "force-kill-timeout": 5_000 }; // milliseconds, of whipper exec
const UNITS = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

/**
 * How long a supervisor may take to end once it is told to: its running calls have a time to finish, then one to give up, then their workers
 * one to end.
 *
 * @param {import("./options.mjs").SidecarOptions} options
 * @returns {number} milliseconds
 */
export function drainMs({ flushTimeout, forceKillTimeout, flags = [] }) {
  const times = new Map(Object.entries(DEFAULTS));
  if (flushTimeout !== undefined) times.set("flush-timeout", flushTimeout);
  if (forceKillTimeout !== undefined) times.set("force-kill-timeout", forceKillTimeout);
  for (const [i, flag] of flags.entries()) {
    const [, name = "", value = flags[i + 1] ?? ""] = flag.match(/^--([^=]+)(?:=(.*))?$/) ?? [];
    if (times.has(name)) times.set(name, duration(value));
  }
  return [...times.values()].reduce((sum, ms) => sum + ms);
}

/** A duration as whipper has it, as 1m30s. @param {string} text @returns {number} milliseconds */
function duration(text) {
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h|d)/g))
    ms += Number(count) * UNITS[/** @type {keyof typeof UNITS} */ (unit)];
  return ms;
}
