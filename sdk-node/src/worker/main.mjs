// The runner: node main.mjs SCRIPT [ARGS…] serves the functions of SCRIPT on stdin and stdout.

import { basename, resolve } from "node:path";
import { LoadError, load } from "./load.mjs";
import { provide } from "./provide.mjs";
import { Server } from "./serve.mjs";
import shared from "./shared.cjs";
import { obeySignals } from "./standalone.mjs";
import { takeWire } from "./wire.mjs";

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  process.stderr.write("usage: node main.mjs SCRIPT [ARGS…]\n");
  process.exit(2);
}

// Before anything of the user's is loaded, so that it finds the wire already out of its reach.
shared.state.running = true;
const server = new Server(takeWire(), basename(script));
obeySignals(server);

process.argv = [process.execPath, resolve(script), ...args];
provide(resolve(script));
try {
  server.serve(await load(resolve(script)));
} catch (error) {
  // What the user's own module throws is left to Node, which shows the line of source that a stack lacks.
  if (!(error instanceof LoadError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
