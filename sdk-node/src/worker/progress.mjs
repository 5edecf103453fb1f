import { inspect } from "node:util";

/** Largest value of progress in bytes, as the supervisor has it. */
const MAX_VALUE = 64 * 1024;

/**
 * The frame that tells how far a call is.
 *
 * @param {string | number} id the call's
 * @param {unknown} value any JSON; `{progress, total, message}` draws a bar
 */
export function progressFrame(id, value) {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`progress cannot be sent as JSON: it is a ${typeof value}`);
  if (Buffer.byteLength(text) > MAX_VALUE) {
    throw new RangeError(`progress has ${Buffer.byteLength(text)} bytes, of which ${MAX_VALUE} are allowed`);
  }
  return `{"jsonrpc":"2.0","method":"$/progress","params":{"id":${JSON.stringify(id)},"value":${text}}}`;
}

/**
 * Functions that log for a call: a structured record each, which the supervisor logs with worker, process and attributes.
 *
 * @param {string | number | undefined} id the call's
 * @param {(frame: string) => void} send
 * @returns {Log}
 */
export function logFor(id, send) {
  const at =
    (/** @type {string} */ level) =>
    (/** @type {unknown} */ message, /** @type {Record<string, unknown> | undefined} */ attributes) =>
      send(
        JSON.stringify({
          jsonrpc: "2.0",
          method: "$/log",
          params: { id, level, message: plain(message), attributes: attributes && sendable(attributes) },
        }),
      );
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** @param {unknown} message */
const plain = (message) => (typeof message === "string" ? message : inspect(message));

/** Attributes that JSON does not know, such as a bigint or a circle, are told as text: a log record fails no call. @param {object} attributes */
function sendable(attributes) {
  try {
    JSON.stringify(attributes);
    return attributes;
  } catch {
    return { attributes: inspect(attributes) };
  }
}

/** @typedef {(message: unknown, attributes?: Record<string, unknown>) => void} LogOne */
/** @typedef {{debug: LogOne, info: LogOne, warn: LogOne, error: LogOne}} Log */
