// The Node client, run as a peer is: it starts a sidecar, calls echo, and prints one line of JSON.
//
//   node bench/clients/node.mjs invoke --calls N --depth N --workers N --concurrency N --worker FILE [--connect DIR] [--dir DIR]
//
// WHIPPER_BIN names the whipper program. With --connect it calls a supervisor that runs in DIR, instead of a sidecar of its own.

import { parseArgs } from "node:util";
import Whipper from "../../sdk-node/src/index.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    calls: { type: "string", default: "20000" },
    depth: { type: "string", default: "1" },
    workers: { type: "string", default: "2" },
    concurrency: { type: "string", default: "32" },
    worker: { type: "string", default: "bench/workers/echo.mjs" },
    connect: { type: "string" },
    dir: { type: "string" },
  },
});
if (positionals.join() !== "invoke") throw new Error(`the work ${positionals} is not known: it is invoke`);
const [calls, depth, workers] = [Number(values.calls), Number(values.depth), Number(values.workers)];

const client = values.connect
  ? await Whipper.connect({ dir: values.connect })
  : new Whipper({
      bin: process.env.WHIPPER_BIN,
      workerModulePath: values.worker,
      minWorkers: workers,
      maxWorkers: workers,
      maxConcurrentCalls: Number(values.concurrency),
    });

/** Calls echo so many times, with depth under way, and gives how long each took in milliseconds. @param {number} count */
async function flood(count) {
  /** @type {number[]} */
  const times = [];
  let next = 0;
  const lane = async () => {
    for (let number = next++; number < count; number = next++) {
      const began = performance.now();
      const answer = await client.invoke("echo", [number]);
      times.push(performance.now() - began);
      if (answer !== number) throw new Error(`the echo of ${number} is ${answer}`);
    }
  };
  await Promise.all(Array.from({ length: depth }, lane));
  return times;
}

await flood(2000); // until all is warm
const began = performance.now();
const times = (await flood(calls)).sort((a, b) => a - b);
const seconds = (performance.now() - began) / 1000;
await client.shutdown();
const at = (/** @type {number} */ share) => 1000 * (times[Math.ceil(times.length * share) - 1] ?? 0);
console.log(
  JSON.stringify({
    peer: "whipper, Node client",
    version: `Node ${process.versions.node}`,
    settings: `${workers} workers`,
    work: "invoke",
    jobs: calls,
    seconds,
    rate: calls / seconds,
    p50us: at(0.5),
    p99us: at(0.99),
  }),
);
