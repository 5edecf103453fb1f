import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  callable,
  milliseconds,
  OptionsError,
  oneOf,
  problemsOf,
  text,
  texts,
  variables,
  whole,
} from "./check.mjs";

/** Of every client. */
const SHARED = {
  pool: text,
  maxMessageSize: whole(4096),
  reconnectTimeout: milliseconds(true),
};

const CONNECTION = { ...SHARED, dir: text, socket: text };

const SIDECAR = {
  ...SHARED,
  workerModulePath: {
    ok: (/** @type {unknown} */ value) => text.ok(value) || value instanceof URL,
    wanted: "the path of a module",
  },
  command: {
    ok: (/** @type {any} */ value) => texts.ok(value) && value.length > 0,
    wanted: "a program and its arguments",
  },
  args: texts,
  minWorkers: whole(0),
  maxWorkers: whole(1),
  maxConcurrentCalls: whole(1, true),
  maxTotalCalls: whole(1, true),
  invocationTimeout: milliseconds(true),
  inactivityTimeout: milliseconds(true),
  flushTimeout: milliseconds(),
  forceKillTimeout: milliseconds(),
  atCapacityStrategy: oneOf("queue", "drop", "error"),
  loadStrategy: oneOf("basic", "round-robin", "least-busy"),
  logger: callable,
  dir: text,
  bin: text,
  cwd: text,
  env: variables,
  flags: texts,
};

/**
 * @typedef {object} SharedOptions
 * @property {string} [pool]
 * @property {number} [maxMessageSize]
 * @property {number} [reconnectTimeout]
 */

/** @typedef {SharedOptions & {dir?: string, socket?: string}} ConnectionOptions */

/** @typedef {(level: string, message: string, attributes?: Record<string, unknown>) => void} Logger */

/**
 * @typedef {SharedOptions & {workerModulePath?: string | URL, command?: string[], args?: string[], minWorkers?: number,
 *   maxWorkers?: number, maxConcurrentCalls?: number, maxTotalCalls?: number, invocationTimeout?: number,
 *   inactivityTimeout?: number, flushTimeout?: number, forceKillTimeout?: number, atCapacityStrategy?: string,
 *   loadStrategy?: string, logger?: Logger, dir?: string, bin?: string, cwd?: string, env?: Record<string, string>,
 *   flags?: string[]}} SidecarOptions
 */

/** @param {unknown} options @returns {ConnectionOptions} */
export function connectionOptions(options) {
  const problems = problemsOf(options, CONNECTION);
  if (problems.length > 0) throw new OptionsError(problems);
  return /** @type {ConnectionOptions} */ (options);
}

/** @param {unknown} options @returns {SidecarOptions} */
export function sidecarOptions(options) {
  const problems = problemsOf(options, SIDECAR);
  const { workerModulePath, command, args, minWorkers, maxWorkers } = /** @type {SidecarOptions} */ (
    options ?? {}
  );
  if (problems.length === 0) {
    if (workerModulePath === undefined && command === undefined)
      problems.push("workerModulePath is missing: the path of the worker's module");
    if (workerModulePath !== undefined && command !== undefined)
      problems.push("workerModulePath and command exclude each other");
    if (command !== undefined && args !== undefined)
      problems.push("args is for workerModulePath: command has its own");
    if (minWorkers !== undefined && maxWorkers !== undefined && minWorkers > maxWorkers) {
      problems.push(
        `minWorkers must not be more than maxWorkers, but ${minWorkers} is more than ${maxWorkers}`,
      );
    }
  }
  if (problems.length > 0) throw new OptionsError(problems);
  return /** @type {SidecarOptions} */ (options);
}

const CENTURY = "36500d"; // as long as whipper takes a duration; it has no word for no limit

/** @param {number} value */
const duration = (value) => (value === Infinity ? CENTURY : `${Math.max(1, Math.round(value))}ms`);

/** A duration of 0 is none. @param {number} value */
const limit = (value) => (value === Infinity || value === 0 ? "0s" : duration(value));

/**
 * What comes after `whipper exec` for options.
 *
 * @param {SidecarOptions} o
 * @param {string} dir
 * @returns {string[]}
 */
export function execArguments(o, dir) {
  /** @type {[string, unknown][]} */
  const values = [
    ["dir", dir],
    ["ready-fd", 3],
    ["log-format", "json"],
    ["pool", o.pool],
    ["min-workers", o.minWorkers === undefined ? undefined : Math.max(1, o.minWorkers)],
    ["max-workers", o.maxWorkers],
    ["max-concurrent-calls", o.maxConcurrentCalls && Math.min(o.maxConcurrentCalls, 1000)],
    ["max-total-calls", o.maxTotalCalls === Infinity ? undefined : o.maxTotalCalls],
    [
      "invocation-timeout",
      o.invocationTimeout === undefined ? undefined : duration(o.invocationTimeout || Infinity),
    ],
    ["inactivity-timeout", o.inactivityTimeout === undefined ? undefined : limit(o.inactivityTimeout)],
    ["flush-timeout", o.flushTimeout === undefined ? undefined : duration(o.flushTimeout)],
    ["force-kill-timeout", o.forceKillTimeout === undefined ? undefined : duration(o.forceKillTimeout)],
    ["at-capacity", o.atCapacityStrategy],
    ["load-strategy", o.loadStrategy],
    ["max-message-size", o.maxMessageSize],
    ["cwd", o.cwd],
    [
      "interpreter",
      o.workerModulePath === undefined ? undefined : interpreter(modulePath(o.workerModulePath)),
    ],
  ];
  const flags = values.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
  const program =
    o.command === undefined
      ? [modulePath(o.workerModulePath ?? ""), ...(o.args ?? [])]
      : ["--", ...o.command];
  return [
    "exec",
    "--exit-with-parent",
    ...(o.dir === undefined ? ["--ephemeral"] : []),
    ...flags,
    ...environmentFlags(o),
    ...(o.flags ?? []),
    ...program,
  ];
}

/** Whether a variable would be an option in the supervisor's own environment. @param {string} name */
const isOption = (name) => name.startsWith("WHIPPER_");

/**
 * Variables for the workers. The supervisor takes their values from its own environment, where other users cannot read them.
 *
 * @param {SidecarOptions} o
 */
function environmentFlags({ env = {} }) {
  return Object.entries(env).flatMap(([name, value]) => [
    "--env",
    isOption(name) ? `${name}=${value}` : name,
  ]);
}

/** What is added to the supervisor's own environment for `--env`. @param {SidecarOptions} o */
export function inheritedBy({ env = {} }) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isOption(name)));
}

/** @param {string | URL} path */
function modulePath(path) {
  if (path instanceof URL || path.startsWith("file:")) return fileURLToPath(path);
  return resolve(path);
}

/** JavaScript runs in the Node that the application runs in. @param {string} path */
function interpreter(path) {
  return /\.[cm]?js$/.test(path) ? process.execPath : undefined;
}
