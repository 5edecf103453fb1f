// A Redis of the peer's own: on a unix socket, its files in the scratch folder, and gone with the peer.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { Skip } from "./peer.mjs";

/** The first line that matches, of what a process prints. @param {import("node:stream").Readable} output @param {RegExp} pattern */
async function lineOf(output, pattern) {
  for await (const line of createInterface({ input: output })) {
    const match = pattern.exec(line);
    if (match) return match;
  }
}

/**
 * Starts it with an append-only file and no snapshots. `settings` says what is set.
 *
 * @param {import("./peer.mjs").Job} job
 * @returns {Promise<{socket: string, settings: string}>}
 */
export async function startRedis({ dir, fsync, defer }) {
  const installed = (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, "redis-server"));
      return true;
    } catch {
      return false;
    }
  });
  if (!installed) throw new Skip("no redis-server here: install Debian's package redis-server");
  const socket = join(dir, "redis.sock");
  const files = ["--dir", dir, "--unixsocket", socket, "--port", "0"];
  const durability = [
    "--appendonly",
    "yes",
    "--appendfsync",
    fsync,
    "--auto-aof-rewrite-percentage",
    "0",
    "--save",
    "",
  ];
  // setpriv has it killed by the kernel if this process is, and cannot defer anything.
  const redis = spawn("setpriv", ["--pdeathsig", "KILL", "redis-server", ...files, ...durability], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(redis, "exit");
  defer(async () => {
    redis.kill("SIGKILL");
    await exited;
  });
  const version = (await lineOf(redis.stdout, /version=([\d.]+)/))?.[1];
  if (!(await lineOf(redis.stdout, /ready to accept connections/i))) {
    throw new Error(`redis-server --dir ${dir} ended before it was ready`);
  }
  redis.stdout.resume();
  return { socket, settings: `Redis ${version}, appendfsync ${fsync}` };
}
