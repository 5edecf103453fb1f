import { later } from "./later.mjs";

/**
 * Takes what a sidecar prints. With a logger, all of it goes there. Without one, what workers print goes to stderr as it is, and so do the
 * supervisor's warnings and errors.
 *
 * @param {import("node:stream").Readable} stream
 * @param {import("./options.mjs").Logger | undefined} logger
 * @returns {{tail: () => string, ended: Promise<void>}} what was printed last, and when there is no more
 */
export function readLog(stream, logger) {
  /** @type {string[]} */
  const last = [];
  let rest = "";
  /** @param {string} line */
  const take = (line) => {
    const { level, message, attributes, printed } = parse(line);
    last.push(message);
    if (last.length > 20) last.shift();
    if (logger) call(logger, level, message, attributes);
    else if (printed) process.stderr.write(`${message}\n`);
    else if (level === "warn" || level === "error") process.stderr.write(`whipper: ${line}\n`);
  };
  stream.setEncoding("utf8");
  stream.on("data", (/** @type {string} */ chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  });
  stream.on("end", () => {
    if (rest !== "") take(rest);
  });
  stream.on("error", () => {});
  const ended = new Promise((done) => stream.on("close", () => done(undefined)));
  return { tail: () => last.join("\n"), ended: ended.then(() => {}) };
}

/** @param {import("./options.mjs").Logger} logger @param {Parameters<import("./options.mjs").Logger>} record */
function call(logger, ...record) {
  try {
    logger(...record);
  } catch (error) {
    later(error);
  }
}

/**
 * @param {string} line
 * @returns {{level: string, message: string, attributes?: Record<string, unknown>, printed?: boolean}}
 */
function parse(line) {
  if (line.startsWith("{")) {
    try {
      const { time: _, level, msg, line: text, ...attributes } = JSON.parse(line);
      // A worker's own line. Its stream says which of its outputs it is from.
      if (level === undefined) return { level: "info", message: String(text), attributes, printed: true };
      const { text: logged, ...rest } = attributes;
      // What a worker logged with $/log: its message is an attribute of the supervisor's record.
      if (logged !== undefined)
        return { level: level.toLowerCase(), message: String(logged), attributes: rest };
      return { level: level.toLowerCase(), message: String(msg), attributes };
    } catch {
      // a line for people after all
    }
  }
  return { level: "info", message: line };
}
