import { INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR } from "./errors.mjs";

/**
 * A request, or a notification if it has no id.
 *
 * @typedef {object} Request
 * @property {string | number | undefined} id
 * @property {string} method
 * @property {unknown} params an array, an object, null or undefined
 * @property {Record<string, unknown>} meta
 */

/**
 * What is wrong with a frame, to be answered to the request's own id where that can be read.
 *
 * @typedef {object} Fault
 * @property {string | number | null | undefined} id
 * @property {number} code
 * @property {string} message
 */

/**
 * Reads one frame. Neither a request nor a fault comes of a blank line, or of an answer, since nothing was asked.
 *
 * @param {string} frame
 * @returns {{request?: Request, fault?: Fault}}
 */
export function parse(frame) {
  let message;
  try {
    message = JSON.parse(frame);
  } catch (error) {
    if (frame.trim() === "") return {};
    return { fault: { id: null, code: PARSE_ERROR, message: /** @type {Error} */ (error).message } };
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    return invalid(null, "a frame must be one JSON object");
  }
  const { jsonrpc, id, method, params, meta } = message;
  if (method === undefined && ("result" in message || "error" in message)) return {};
  if (id !== undefined && !isId(id)) return invalid(null, "id must be a string or a whole number");
  if (jsonrpc !== "2.0") return invalid(id ?? null, 'jsonrpc must be "2.0"');
  if (typeof method !== "string") return invalid(id ?? null, "method must be a string");
  if (params !== undefined && typeof params !== "object") {
    return { fault: { id, code: INVALID_PARAMS, message: "params must be an array or an object" } };
  }
  return { request: { id, method, params, meta: isObject(meta) ? meta : {} } };
}

/** Numbers that JavaScript would round are not taken: the answer would go to another call. @param {unknown} id */
export function isId(id) {
  return typeof id === "string" || Number.isSafeInteger(id);
}

/** @param {string | number | null} id @param {string} message */
function invalid(id, message) {
  return { fault: { id, code: INVALID_REQUEST, message } };
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
