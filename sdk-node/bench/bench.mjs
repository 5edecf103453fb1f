// Measures invoke beside the pools that live in the application: the same echo, as many workers, one after the other in each of several
// rounds; medians are printed. Those pools keep nothing: whipper records each call, outcome and timing included, in its ledger.
//
//   node sdk-node/bench/bench.mjs [ROUNDS]

import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker as JestWorker } from "jest-worker";
import { Piscina } from "piscina";
import workerpool from "workerpool";
import Whipper from "../src/index.mjs";

const ROUNDS = Number(process.argv[2] ?? 5);
const WORKERS = Math.min(2, availableParallelism());
const SINGLE = 3000; // calls one after the other
const DEPTH = 256;
const MANY = 20_000; // calls with so many under way
const PAYLOAD = { id: 7, name: "resize", size: [640, 480], tags: ["a", "b"] };

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const bin = process.env.WHIPPER_BIN ?? path("../../bin/whipper");

/** @typedef {{echo: (value: unknown) => Promise<unknown>, end: () => unknown}} Pool */

/** @param {Record<string, unknown>} worker @returns {Pool} */
function whipper(worker) {
  const client = new Whipper({
    bin,
    minWorkers: WORKERS,
    maxWorkers: WORKERS,
    maxConcurrentCalls: DEPTH,
    ...worker,
  });
  return { echo: (value) => client.invoke("echo", [value]), end: () => client.shutdown() };
}

/** @type {Record<string, () => Pool>} */
const POOLS = {
  whipper: () => whipper({ workerModulePath: path("echo.cjs") }),
  "whipper, Python worker": () => whipper({ workerModulePath: path("echo.py") }),
  "workerpool, processes": () => {
    const pool = workerpool.pool(path("echo.workerpool.cjs"), {
      workerType: "process",
      minWorkers: WORKERS,
      maxWorkers: WORKERS,
    });
    return { echo: (value) => Promise.resolve(pool.exec("echo", [value])), end: () => pool.terminate() };
  },
  "jest-worker, processes": () => {
    const pool = new JestWorker(path("echo.cjs"), { numWorkers: WORKERS });
    return { echo: (value) => /** @type {any} */ (pool).echo(value), end: () => pool.end() };
  },
  "piscina, threads": () => {
    const pool = new Piscina({
      filename: path("echo.cjs"),
      name: "echo",
      minThreads: WORKERS,
      maxThreads: WORKERS,
    });
    return { echo: (value) => pool.run(value), end: () => pool.destroy() };
  },
};

/** @param {Pool} pool */
async function measure({ echo }) {
  await Promise.all(Array.from({ length: 2000 }, () => echo(PAYLOAD))); // warm
  const trips = [];
  for (let i = 0; i < SINGLE; i++) {
    const began = performance.now();
    await echo(PAYLOAD);
    trips.push(performance.now() - began);
  }
  trips.sort((a, b) => a - b);
  let left = MANY;
  const began = performance.now();
  const lane = async () => {
    while (left-- > 0) await echo(PAYLOAD);
  };
  await Promise.all(Array.from({ length: DEPTH }, lane));
  const rate = MANY / ((performance.now() - began) / 1000);
  const at = (/** @type {number} */ part) => (trips[Math.floor(trips.length * part)] ?? 0) * 1000;
  return { p50: at(0.5), p99: at(0.99), rate };
}

/** @param {number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** @type {Record<string, Awaited<ReturnType<typeof measure>>[]>} */
const samples = Object.fromEntries(Object.keys(POOLS).map((name) => [name, []]));
for (let round = 1; round <= ROUNDS; round++) {
  process.stderr.write(`round ${round} of ${ROUNDS}\n`);
  for (const [name, start] of Object.entries(POOLS)) {
    const pool = start();
    samples[name]?.push(await measure(pool));
    await pool.end();
  }
}

console.log(`${WORKERS} workers, Node ${process.versions.node}, median of ${ROUNDS} rounds`);
console.table(
  Object.fromEntries(
    Object.entries(samples).map(([name, all]) => [
      name,
      {
        "p50 µs, depth 1": Math.round(median(all.map(({ p50 }) => p50))),
        "p99 µs, depth 1": Math.round(median(all.map(({ p99 }) => p99))),
        [`calls/s, depth ${DEPTH}`]: Math.round(median(all.map(({ rate }) => rate))),
      },
    ]),
  ),
);
