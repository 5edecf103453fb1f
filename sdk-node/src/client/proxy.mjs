import { NotFoundError, WorkerCrashedError } from "./errors.mjs";

/** @typedef {(method: string, args: unknown[]) => Promise<unknown>} Invoke */

/**
 * An object with a function for every name. Names that promises and the language look for are none.
 *
 * @param {Invoke} invoke
 * @returns {any}
 */
export function proxyOfAll(invoke) {
  /** @type {Map<string, Function>} */
  const functions = new Map();
  return new Proxy(Object.freeze(Object.create(null)), {
    get(_, name) {
      if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
      const known = functions.get(name) ?? caller(invoke, name);
      functions.set(name, known);
      return known;
    },
  });
}

/**
 * An object with the functions named.
 *
 * @param {Invoke} invoke
 * @param {string[]} methods
 * @returns {Record<string, Function>}
 */
export function proxyOf(invoke, methods) {
  return Object.fromEntries(methods.map((name) => [name, caller(invoke, name)]));
}

/**
 * A function that calls a worker's. If its last argument is a function, that is called back with the result, and nothing is returned; what
 * fails is then an unhandled rejection.
 *
 * @param {Invoke} invoke
 * @param {string} method
 */
function caller(invoke, method) {
  return (/** @type {unknown[]} */ ...args) => {
    const callback = args.at(-1);
    if (typeof callback !== "function") return invoke(method, args);
    invoke(method, args.slice(0, -1)).then((result) => callback(result));
  };
}

/**
 * The methods that a pool's workers say they have.
 *
 * @param {any[]} pools of the supervisor
 * @param {string | undefined} name
 * @returns {string[]}
 */
export function methodsOf(pools, name) {
  const pool = pools.find((one) => name === undefined || one.name === name);
  if (pool?.methods !== undefined) return pool.methods;
  if (pool?.state === "degraded")
    throw new WorkerCrashedError(`pool ${pool.name} is degraded: ${pool.reason}`);
  throw new NotFoundError("the workers have not said which methods they have: proxy() works without");
}
