import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parameterNames } from "./parameters.mjs";
import shared from "./shared.cjs";

/** Calls that a worker takes at once unless its module exports a number named `concurrency`. */
const DEFAULT_CONCURRENCY = 10;

/** What the last parameter of a function that wants a callback is called. */
const CALLBACK_NAMES = ["callback", "cb", "done", "next"];

/**
 * @typedef {object} Method
 * @property {(...args: any[]) => unknown} fn
 * @property {object | undefined} owner the object it is a method of, if it is one: its `this`
 * @property {number} callbackAt how many arguments by position a call gives if fn gets a callback after them; -1 is never
 */

/**
 * @typedef {object} Tasks
 * @property {Map<string, Method>} methods sorted by name
 * @property {number} concurrency
 */

/** The script, or what it gave to serve(), cannot be served for a reason that a stack would not make clearer. */
export class LoadError extends Error {}

/**
 * Imports a script and finds its functions: named exports, members of a default export or module.exports that is an
 * object, and a default export that is itself a function, under its own name. Names that begin with "_" or "$/", and
 * classes, are not offered. Methods that a default export inherits are not either: only its own names count. A script that calls
 * serve() says itself what is offered.
 *
 * @param {string} path absolute
 * @returns {Promise<Tasks>}
 */
export async function load(path) {
  if (!existsSync(path)) throw new LoadError(`cannot find the script ${path}`);
  const { named, fallback } = unwrap(await import(pathToFileURL(path).href));
  const { service } = shared.state;
  if (service !== undefined) return fromService(service);

  /** @type {Map<string, Method>} */
  const found = new Map();
  if (isFunction(fallback)) add(found, fallback.name || "default", fallback, undefined);
  for (const [name, value] of Object.entries(named)) {
    if (name !== "default") add(found, name, value, undefined);
  }
  if (typeof fallback === "object" && fallback !== null) {
    for (const [name, value] of Object.entries(fallback)) {
      // A named export of the same name goes first, but CommonJS shows module.exports' members as named exports too.
      if (!(name in named) || named[name] === value) add(found, name, value, fallback);
    }
  }
  if (found.size === 0)
    throw new LoadError(`${path} exports no functions, so there is nothing to call in it`);

  const declared = named.concurrency ?? /** @type {any} */ (fallback)?.concurrency;
  return {
    methods: new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1))),
    concurrency: concurrency(path, declared),
  };
}

/**
 * What serve() was given. Names that begin with "$/" are whipper's own.
 *
 * @param {import("./shared.cjs").Service} service
 * @returns {Tasks}
 */
export function fromService({ methods, concurrency: declared }) {
  /** @type {Map<string, Method>} */
  const found = new Map();
  for (const [name, value] of Object.entries(methods)) {
    if (!isFunction(value)) throw new LoadError(`serve(): ${name} is no function`);
    if (name.startsWith("$/")) throw new LoadError(`serve(): names like ${name} are whipper's own`);
    found.set(name, { fn: value, owner: undefined, callbackAt: callbackAt(value) });
  }
  if (found.size === 0) throw new LoadError("serve(): there are no methods, so there is nothing to call");
  return { methods: found, concurrency: concurrency("serve()", declared) };
}

/**
 * Separates the named exports from the default one. A module that a compiler turned from ESM into CommonJS has the
 * latter in module.exports.default.
 *
 * @param {Record<string, unknown>} module
 * @returns {{named: Record<string, unknown>, fallback: unknown}}
 */
function unwrap(module) {
  const exported = /** @type {any} */ (module.default);
  if (exported?.__esModule) return { named: { ...exported }, fallback: exported.default };
  return { named: module, fallback: exported };
}

/** @param {Map<string, Method>} found @param {string} name @param {unknown} value @param {object | undefined} owner */
function add(found, name, value, owner) {
  if (!isFunction(value) || name.startsWith("_") || name.startsWith("$/") || name === "module.exports")
    return;
  found.set(name, { fn: value, owner, callbackAt: callbackAt(value) });
}

/**
 * Nothing but its name tells a callback from an argument that the caller forgot. A function whose parameters have other
 * names, as in minified code, says `fn.callback = true`; one whose `done` is something else says `fn.callback = false`.
 *
 * @param {((...args: any[]) => unknown) & {callback?: unknown}} fn
 */
function callbackAt(fn) {
  // An async function or a generator has another way to answer.
  if (Object.prototype.toString.call(fn) !== "[object Function]" || fn.callback === false) return -1;
  const names = parameterNames(fn);
  const wanted = fn.callback === true || CALLBACK_NAMES.includes(names?.at(-1) ?? "");
  return wanted ? (names?.length ?? fn.length) - 1 : -1;
}

/** @param {unknown} value @returns {value is (...args: any[]) => unknown} */
function isFunction(value) {
  return typeof value === "function" && !/^class\b/.test(Function.prototype.toString.call(value));
}

/** @param {string} path @param {unknown} value */
function concurrency(path, value) {
  if (value === undefined || isFunction(value)) return DEFAULT_CONCURRENCY;
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw new LoadError(`${path}: concurrency is ${String(value)}, but must be a whole number from 1`);
}
