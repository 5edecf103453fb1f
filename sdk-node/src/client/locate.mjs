import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { NoSupervisorError, WhipperError } from "./errors.mjs";

const FOLDER = ".whipper";

/**
 * Finds the socket of a supervisor that is running already: the one named, else that of WHIPPER_SOCKET or WHIPPER_DIR, else that of the
 * folder .whipper here or in the nearest folder above.
 *
 * @param {{dir?: string | undefined, socket?: string | undefined}} where
 * @returns {{socket: string}}
 */
export function locate({ dir, socket }) {
  if (dir === undefined && socket === undefined) {
    socket = process.env.WHIPPER_SOCKET || undefined;
    dir = process.env.WHIPPER_DIR || undefined;
  }
  if (socket === undefined) {
    const folder = dir === undefined ? findFolder(process.cwd()) : resolve(dir);
    checkOwner(folder, "folder");
    socket = socketOf(folder);
  }
  if (existsSync(socket)) checkOwner(socket, "socket");
  return { socket };
}

/** Where the supervisor of a folder listens: the folder says so while one runs. @param {string} folder */
export function socketOf(folder) {
  try {
    return readFileSync(join(folder, "socket"), "utf8").replace(/\n$/, "");
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ENOENT") throw error;
    return join(folder, "whipper.sock");
  }
}

/** @param {string} start */
function findFolder(start) {
  for (let at = start; ; at = dirname(at)) {
    const folder = join(at, FOLDER);
    if (existsSync(folder) && statSync(folder).isDirectory()) return folder;
    if (at === dirname(at)) {
      throw new NoSupervisorError(
        `no supervisor: no folder ${FOLDER} in ${JSON.stringify(start)} or above it`,
      );
    }
  }
}

/** What another user's process listens on would get this one's params. @param {string} path @param {string} what */
function checkOwner(path, what) {
  let uid;
  try {
    ({ uid } = statSync(path));
  } catch (cause) {
    const reason = /** @type {NodeJS.ErrnoException} */ (cause).code;
    throw new NoSupervisorError(`no supervisor is running in ${what} ${JSON.stringify(path)}: ${reason}`, {
      cause,
    });
  }
  const me = process.geteuid?.();
  if (me !== undefined && me !== 0 && uid !== me && uid !== 0) {
    throw new WhipperError(
      `${what} ${JSON.stringify(path)} belongs to user ${uid}, not to this one: not connected`,
    );
  }
}
