import { readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { fileURLToPath } from "node:url";

const ESM = new URL("./api.mjs", import.meta.url).href;
const CJS = new URL("./api.cjs", import.meta.url).href;

/**
 * Lets the script import "whipper" though nothing is installed. What it has installed by that name goes first.
 *
 * Node from 22.15 has hooks for that. Before, what they do is done in two halves: require is taught at its one place, and
 * import by hooks that run in a thread of their own. Starting that takes as long as the rest of the worker, so it is only
 * done for a script that names the package.
 *
 * @param {string} script absolute
 */
export function provide(script) {
  const { Module, register, registerHooks } = /** @type {any} */ (nodeModule);
  if (registerHooks !== undefined) {
    registerHooks({ resolve });
    return;
  }
  const resolveFilename = Module._resolveFilename;
  Module._resolveFilename = (/** @type {string} */ name, /** @type {unknown[]} */ ...rest) => {
    if (name !== "whipper") return resolveFilename.call(Module, name, ...rest);
    try {
      return resolveFilename.call(Module, name, ...rest);
    } catch {
      return fileURLToPath(CJS);
    }
  };
  if (register !== undefined && names(script)) register(hooksAsText());
}

/**
 * @param {string} specifier
 * @param {{conditions: string[]}} context
 * @param {(specifier: string, context: unknown) => {url: string}} next
 */
function resolve(specifier, context, next) {
  if (specifier !== "whipper") return next(specifier, context);
  try {
    return next(specifier, context);
  } catch {
    const required = context.conditions.includes("require");
    return { url: required ? CJS : ESM, format: required ? "commonjs" : "module", shortCircuit: true };
  }
}

function hooksAsText() {
  const source = `export async function resolve(specifier, context, next) {
    if (specifier !== "whipper") return next(specifier, context);
    try {
      return await next(specifier, context);
    } catch {
      return { url: ${JSON.stringify(ESM)}, format: "module", shortCircuit: true };
    }
  }`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/** Whether a script's source has the name of the package in quotes. @param {string} script */
function names(script) {
  try {
    return /(["'`])whipper\1/.test(readFileSync(script, "utf8"));
  } catch {
    return false; // loading it says what is wrong
  }
}
