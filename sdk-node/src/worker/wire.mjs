import fs from "node:fs";
import net from "node:net";

const { O_APPEND, O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;

/** How often a descriptor that another thread took is asked for again, a millisecond apart. */
const TRIES = 1_000;

// Nothing in the runner imports node:process: that would make Node open streams on the descriptors as they are now, and
// process.stdin would later poll what is no longer a pipe, which aborts the process. The global does no such thing.

/**
 * @typedef {object} Wire
 * @property {import("node:stream").Readable} input frames from the supervisor
 * @property {import("node:stream").Writable} output frames to the supervisor
 * @property {number} fd output's descriptor, for what is left to write when the process exits
 */

/**
 * Takes descriptors 0 and 1 for the protocol. Afterwards whatever user code, native code or a child process
 * prints goes to stderr, and whatever reads stdin finds it empty.
 *
 * Node has no dup2, so the two are opened anew by name and the lowest free descriptor is relied on. Where that cannot
 * be done (they are sockets, belong to another user, or there is no /proc) only process.stdin, process.stdout and
 * console are redirected: then fs.writeSync(1) and children that inherit stdout do reach the wire, where the
 * supervisor logs their lines as stray output.
 *
 * @returns {Wire}
 */
export function takeWire() {
  const { input, output } = moveDescriptors() ?? redirectOutput();
  // Also where descriptor 0 is /dev/null by now: a module preloaded with --import may have opened process.stdin before.
  /** @type {fs.ReadStream | undefined} */
  let empty;
  const stdin = () => {
    empty ??= fs.createReadStream("/dev/null");
    return empty;
  };
  Object.defineProperty(process, "stdin", { configurable: true, enumerable: true, get: stdin });
  return { input: reader(input), output: writer(output), fd: output };
}

function moveDescriptors() {
  const named = process.platform === "linux" ? "/proc/self/fd" : "/dev/fd";
  const wire = openAnew(named);
  if (wire === undefined) return undefined;
  // From here on there is no way back.
  replace(0, "/dev/null", O_RDONLY);
  replace(1, `${named}/2`, O_WRONLY | O_APPEND);
  return wire;
}

/** @param {string} named the folder in which descriptors have names */
function openAnew(named) {
  /** @type {number[]} */
  const opened = [];
  /** @param {string} path @param {number} flags */
  const open = (path, flags) => {
    const fd = fs.openSync(path, flags);
    opened.push(fd);
    return fd;
  };
  try {
    // Without O_NONBLOCK, opening a pipe whose other end has died would wait for ever. Without O_APPEND, a stderr that
    // is a file would be overwritten from its start.
    const input = open(`${named}/0`, O_RDONLY | O_NONBLOCK);
    const output = open(`${named}/1`, O_WRONLY | O_APPEND | O_NONBLOCK);
    // What replaces them must open too.
    fs.closeSync(fs.openSync("/dev/null", O_RDONLY));
    fs.closeSync(fs.openSync(`${named}/2`, O_WRONLY | O_APPEND));
    return { input, output };
  } catch {
    for (const fd of opened) fs.closeSync(fd);
    return undefined;
  }
}

/**
 * Once the number is free, another thread that opens a file may get it: glibc's malloc does when it counts the
 * processors for one more arena, and gives it back at once. So it is asked for until it is free again.
 *
 * @param {number} fd @param {string} path @param {number} flags
 */
function replace(fd, path, flags) {
  fs.closeSync(fd);
  for (let tries = 0; ; tries++) {
    const got = fs.openSync(path, flags);
    if (got === fd) return;
    fs.closeSync(got);
    if (tries === TRIES) throw new Error(`opened ${path} as descriptor ${got}, wanted ${fd}`);
    pause(1);
  }
}

/** Nothing tells when another thread closes a file. @param {number} ms */
function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function redirectOutput() {
  // console looks process.stdout up when it first prints, which is after this.
  const stdout = () => process.stderr;
  Object.defineProperty(process, "stdout", { configurable: true, enumerable: true, get: stdout });
  return { input: 0, output: 1 };
}

/** @param {number} fd @returns {import("node:stream").Readable} */
function reader(fd) {
  if (isPipe(fd)) return new net.Socket({ fd, readable: true, writable: false });
  return fs.createReadStream("", { fd });
}

/** @param {number} fd @returns {import("node:stream").Writable} */
function writer(fd) {
  if (isPipe(fd)) return new net.Socket({ fd, readable: false, writable: true });
  return fs.createWriteStream("", { fd });
}

/** @param {number} fd */
function isPipe(fd) {
  const stat = fs.fstatSync(fd);
  return stat.isFIFO() || stat.isSocket();
}
