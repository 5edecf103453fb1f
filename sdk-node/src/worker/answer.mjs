import { MESSAGE_TOO_LARGE, toWireError } from "./errors.mjs";
import { MAX_FRAME } from "./framing.mjs";

/** @typedef {string | number | null} Id null where the request's own could not be read */

/**
 * The frame that answers a request with what its function returned, or the error to answer if that cannot be sent. It
 * is not retryable: running the function again would do its work again and come to the same.
 *
 * @param {Id} id
 * @param {unknown} value undefined is sent as null
 * @param {string} name of the function
 * @returns {string | import("./errors.mjs").WireError}
 */
export function resultFrame(id, value, name) {
  let text;
  try {
    text = value === undefined ? "null" : JSON.stringify(value);
    if (text === undefined) throw new TypeError(`it is a ${typeof value}`);
  } catch (error) {
    const { code, message, data } = toWireError(error);
    const why = `the result of ${name} cannot be sent as JSON: ${message}`;
    return { code, message: why, data: { ...data, retryable: false } };
  }
  const frame = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${text}}`;
  // A UTF-16 unit is at most three bytes of UTF-8: short frames need not be measured.
  if (frame.length * 3 > MAX_FRAME && Buffer.byteLength(frame) > MAX_FRAME) {
    const why = `the result of ${name} has ${Buffer.byteLength(text)} bytes, of which a frame holds ${MAX_FRAME}`;
    const data = { type: "MessageTooLargeError", retryable: false };
    return { code: MESSAGE_TOO_LARGE, message: why, data };
  }
  return frame;
}

/** @param {Id} id @param {import("./errors.mjs").WireError} error @returns {string} */
export function errorFrame(id, error) {
  return JSON.stringify({ jsonrpc: "2.0", id, error });
}
