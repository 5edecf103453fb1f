import { basename } from "node:path";
import { fromService } from "./load.mjs";
import { Server } from "./serve.mjs";
import { takeWire } from "./wire.mjs";

/**
 * Makes this process a worker: takes its stdin and stdout for the protocol and serves.
 *
 * @param {import("./shared.cjs").Service} service
 */
export function start(service) {
  const tasks = fromService(service); // before the wire is taken: what is wrong with it is the program's own error
  const server = new Server(takeWire(), service.name ?? basename(process.argv[1] ?? "node"));
  obeySignals(server);
  server.serve(tasks);
}

/** @param {Server} server */
export function obeySignals(server) {
  // A terminal's Ctrl-C goes to the whole process group; when its workers stop is the supervisor's to say.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => server.shutdown());
}
