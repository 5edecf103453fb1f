import { inspect } from "node:util";
import { MAX_FRAME } from "./framing.mjs";

export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const REQUEST_CANCELLED = -32800;
export const SHUTTING_DOWN = 1007;
export const MESSAGE_TOO_LARGE = 1009;

const THROWN = 1; // the code of an error that has no integer code of its own
const MAX_CAUSES = 8;
const MAX_TEXT = 64 * 1024; // characters of a message, or of a value that had to be put into words
const RUNNER = new URL(".", import.meta.url).href;

/**
 * The error member of an answer.
 *
 * @typedef {object} WireError
 * @property {number} code
 * @property {string} message
 * @property {Record<string, unknown>} [data]
 */

/**
 * Puts whatever a function threw into an error that can be sent. Never throws, however hostile the value.
 *
 * @param {unknown} thrown
 * @returns {WireError}
 */
export function toWireError(thrown) {
  try {
    const error = describe(thrown);
    if (Buffer.byteLength(JSON.stringify(error)) < MAX_FRAME - 1024) return error;
    const type = String(error.data?.type).slice(0, MAX_TEXT);
    return { code: error.code, message: error.message.slice(0, MAX_TEXT), data: { type } };
  } catch {
    return { code: THROWN, message: "the function threw something that cannot be described" };
  }
}

/** @param {unknown} thrown @returns {WireError} */
function describe(thrown) {
  if (typeof thrown !== "object" || thrown === null) {
    const type = thrown === null ? "null" : typeof thrown;
    return { code: THROWN, message: typeof thrown === "string" ? thrown : words(thrown), data: { type } };
  }
  const value = /** @type {Record<string, unknown>} */ (thrown);
  const { message, code, retryable, snoozeMs } = value;
  const ownCode = typeof code === "number" && Number.isSafeInteger(code);

  /** @type {Record<string, unknown>} */
  const data = { type: typeName(value) };
  if (typeof value.stack === "string") data.stack = stackWithCauses(value);
  const fields = ownFields(value, ownCode);
  if (fields !== undefined) data.fields = fields;
  if (typeof retryable === "boolean") data.retryable = retryable;
  if (typeof snoozeMs === "number" && snoozeMs >= 0 && Number.isFinite(snoozeMs)) {
    data.snoozeMs = Math.round(snoozeMs);
  }
  return {
    code: ownCode ? code : THROWN,
    message: typeof message === "string" ? message : words(value),
    data,
  };
}

/** The name an error gives itself, or its class's if it gives none. @param {Record<string, unknown>} value */
function typeName(value) {
  const { name } = value;
  if (value instanceof Error && typeof name === "string" && name !== "" && name !== "Error") return name;
  return value.constructor?.name || "Object";
}

/** @param {Record<string, unknown>} value @param {boolean} ownCode */
function ownFields(value, ownCode) {
  const told = new Set(["name", "message", "stack", "cause", "errors", "retryable", "snoozeMs"]);
  if (ownCode) told.add("code");
  /** @type {Record<string, unknown>} */
  const fields = {};
  for (const name of Object.keys(value)) {
    if (told.has(name)) continue;
    const field = plain(() => value[name]);
    if (field !== undefined) Object.defineProperty(fields, name, { value: field, enumerable: true });
  }
  return Object.keys(fields).length > 0 ? fields : undefined;
}

/** What JSON makes of a value, or words for what it cannot hold: cycles, BigInts. @param {() => unknown} get */
function plain(get) {
  let value;
  try {
    value = get();
  } catch {
    return undefined; // a getter that throws
  }
  try {
    const text = JSON.stringify(value);
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return words(value);
  }
}

/** @param {unknown} value */
function words(value) {
  return inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY }).slice(0, MAX_TEXT);
}

/** The stack, then those of its causes and of an AggregateError's errors. @param {Record<string, unknown>} value */
function stackWithCauses(value) {
  const seen = new Set([value]);
  let text = ownStack(value);
  /** @param {unknown} inner @param {string} label */
  const append = (inner, label) => {
    if (seen.size > MAX_CAUSES || seen.has(/** @type {any} */ (inner))) return;
    seen.add(/** @type {any} */ (inner));
    text += `\n${label}: ${ownStack(inner)}`;
    follow(inner);
  };
  /** @param {any} outer */
  const follow = (outer) => {
    if (typeof outer !== "object" || outer === null) return;
    if (Array.isArray(outer.errors)) {
      for (const inner of outer.errors) append(inner, "One of its errors");
    }
    if (outer.cause !== undefined) append(outer.cause, "Caused by");
  };
  follow(value);
  return text;
}

/** A stack down to where the runner called the function. @param {any} value */
function ownStack(value) {
  if (typeof value?.stack !== "string") return words(value);
  const lines = value.stack.split("\n");
  const end = lines.findIndex((/** @type {string} */ line) => line.includes(RUNNER));
  return (end === -1 ? lines : lines.slice(0, end)).join("\n");
}
