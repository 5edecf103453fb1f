// The works of a pool of workers that keeps nothing: `invoke`, which is calls of an echo, and `cpu`, which is calls that compute.

import functions from "./functions.cjs";
import { expect, lanes, run } from "./peer.mjs";

const WARM = 2000; // calls before the clock starts: every worker runs, its code is compiled

/** @typedef {{call: (name: "echo" | "spin", value: number) => PromiseLike<unknown>, end: () => unknown, settings: string}} Pool */

/**
 * @param {string} peer @param {string} home import.meta.url of the program
 * @param {(workers: number) => Pool} start
 */
export function runPool(peer, home, start) {
  const work = (/** @type {"echo" | "spin"} */ name, /** @type {number} */ warm) => {
    return async (/** @type {import("./peer.mjs").Job} */ { calls, depth, workers, defer }) => {
      const pool = start(workers);
      defer(() => pool.end());
      const call = async (/** @type {number} */ number) => {
        const answer = await pool.call(name, number);
        if (name === "echo") expect(answer, number, `the echo of ${number}`);
        return answer;
      };
      await lanes(warm, depth, call);
      /** @type {number[]} */
      const times = [];
      /** @type {unknown[]} */
      const answers = [];
      const timed = async (/** @type {number} */ number) => {
        const began = performance.now();
        answers[number] = await call(number);
        times.push(performance.now() - began);
      };
      const seconds = await lanes(calls, depth, timed);
      expect(answers.length, calls, "answers");
      expect(answers.at(-1), functions[name](calls - 1), `${name}(${calls - 1})`);
      return {
        jobs: calls,
        seconds,
        times,
        settings: `${workers} ${pool.settings}, Node ${process.versions.node}`,
      };
    };
  };
  return run(peer, home, { invoke: work("echo", WARM), cpu: work("spin", 50) });
}
