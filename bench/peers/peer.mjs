// What the Node peers have in common: the command line, a scratch folder, cleaning up, and the one line of JSON on stdout.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

/**
 * What a work is given. `defer` takes what undoes a step; all of them run, the last one first, however the program ends.
 *
 * @typedef {{jobs: number, calls: number, depth: number, workers: number, concurrency: number, dir: string, fsync: string,
 *   defer: (undo: () => unknown) => void}} Job
 */

/**
 * What a work found: how many jobs or calls, in how many seconds, each in how many milliseconds (if it was measured), under which settings.
 *
 * @typedef {{jobs: number, seconds: number, times?: number[], settings: string}} Found
 */

/** Thrown where the machine lacks what the peer needs: the work is skipped, which is no error. */
export class Skip extends Error {}

/** @type {(() => unknown)[]} */
const deferred = [];

async function cleanUp() {
  for (let undo = deferred.pop(); undo; undo = deferred.pop()) await undo();
}

/** @returns {[string, Job]} */
function parse() {
  const number = (/** @type {string} */ initial) => ({
    type: /** @type {const} */ ("string"),
    default: initial,
  });
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      jobs: number("20000"),
      calls: number("20000"),
      depth: number("64"),
      workers: number("2"),
      concurrency: number("32"),
      dir: { type: "string" },
      fsync: { type: "string", default: "everysec" },
    },
  });
  const { dir: given, fsync, ...texts } = values;
  const numbers = Object.entries(texts).map(([name, text]) => {
    if (!/^[1-9]\d*$/.test(text)) throw new RangeError(`--${name} ${text}: give a whole number above 0`);
    return [name, Number(text)];
  });
  const dir = given ?? mkdtempSync(join(tmpdir(), "whipper-peer-"));
  if (!given) deferred.push(() => rmSync(dir, { recursive: true, force: true }));
  const defer = (/** @type {() => unknown} */ undo) => deferred.push(undo);
  return [positionals[0] ?? "", { ...Object.fromEntries(numbers), dir, fsync, defer }];
}

const at = (/** @type {number[]} */ sorted, /** @type {number} */ part) =>
  Math.round((sorted[Math.floor(sorted.length * part)] ?? 0) * 1000);

/**
 * Does the work that the command line names and prints what was found. The peer is named for the package that it measures; the program's own
 * package.json pins its version.
 *
 * @param {string} peer @param {string} home import.meta.url of the program
 * @param {Record<string, (job: Job) => Promise<Found>>} works
 */
export async function run(peer, home, works) {
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
    process.once(signal, () => cleanUp().finally(() => process.exit(128 + constants.signals[signal])));
  }
  const line = (/** @type {object} */ fields) =>
    process.stdout.write(`${JSON.stringify({ peer, ...fields })}\n`);
  let work = "";
  try {
    const [name, job] = parse();
    work = name;
    const measure = works[work];
    if (!measure)
      throw new RangeError(`work ${JSON.stringify(work)}: give one of ${Object.keys(works).join(", ")}`);
    const { jobs, seconds, times = [], settings } = await measure(job);
    const version = JSON.parse(readFileSync(new URL("package.json", home), "utf8")).dependencies[peer];
    times.sort((a, b) => a - b);
    line({
      version,
      settings,
      work,
      jobs,
      seconds: Number(seconds.toFixed(4)),
      rate: Math.round(jobs / seconds),
      p50us: at(times, 0.5),
      p99us: at(times, 0.99),
    });
  } catch (error) {
    if (error instanceof Skip) line({ work, skip: error.message });
    else {
      process.exitCode = 1;
      console.error(error);
    }
  }
  await cleanUp();
  process.exit();
}

/**
 * Runs begin(0) to begin(count - 1), so many under way at a time, and gives the seconds it took.
 *
 * @param {number} count @param {number} depth @param {(number: number) => Promise<unknown>} begin
 */
export async function lanes(count, depth, begin) {
  let next = 0;
  const lane = async () => {
    while (next < count) await begin(next++);
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: Math.min(depth, count) }, lane));
  return (performance.now() - began) / 1000;
}

/** @param {unknown} found @param {unknown} wanted @param {string} what */
export function expect(found, wanted, what) {
  if (found !== wanted)
    throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
}
