import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { BinaryNotFoundError } from "./errors.mjs";

const HOW = "install it with: go install github.com/whipper-sidecar/whipper/cmd/whipper@latest";

/**
 * The program whipper: the one given, else WHIPPER_BIN's, else the first on PATH.
 *
 * @param {string | undefined} given
 * @returns {string}
 */
export function findBinary(given) {
  const named = given ?? (process.env.WHIPPER_BIN || undefined);
  if (named !== undefined) {
    const path = resolve(named);
    if (isProgram(path)) return path;
    const source = given === undefined ? "WHIPPER_BIN" : "the option bin";
    throw new BinaryNotFoundError(
      `${source} names ${JSON.stringify(named)}, which is no program that can be run; ${HOW}`,
    );
  }
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder || ".", "whipper");
    if (isProgram(path)) return resolve(path);
  }
  throw new BinaryNotFoundError(
    `the program whipper is not on PATH; ${HOW}, or say where it is: new Whipper({ bin }) or WHIPPER_BIN`,
  );
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
