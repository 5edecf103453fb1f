// BullMQ: the queue in this process, one worker in a process of its own, both on one Redis.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Queue } from "bullmq";
import { expect, lanes, run } from "../peer.mjs";
import { startRedis } from "../redis.mjs";

const CHUNK = 250; // jobs of one addBulk, which is one transaction of Redis, and of one reading afterwards
const WARM = 2000;

/** @typedef {import("../peer.mjs").Job} Job */

/** @param {Job} job */
async function start(job) {
  const { socket, settings } = await startRedis(job);
  const queue = new Queue("bench", { connection: { path: socket } });
  job.defer(() => queue.close());
  await queue.waitUntilReady();
  return { queue, socket, settings };
}

/** Reads every job of that state and checks it. @param {Queue} queue @param {"completed" | "wait"} state @param {number} count */
async function check(queue, state, count) {
  const seen = new Set();
  for (let from = 0; from < count; from += CHUNK) {
    for (const { data, returnvalue } of await queue.getJobs([state], from, from + CHUNK - 1)) {
      if (state === "completed") expect(returnvalue, data.number, `the outcome of ${data.number}`);
      seen.add(data.number);
    }
  }
  expect(seen.size, count, `jobs that are ${state}`);
  expect(await queue.getJobCountByTypes(state), count, `jobs that are ${state}, as Redis counts them`);
}

/** @param {Job} job */
async function durable(job) {
  const { queue, socket, settings } = await start(job);
  const worker = fork(fileURLToPath(new URL("worker.mjs", import.meta.url)), [
    socket,
    String(job.concurrency),
  ]);
  job.defer(() => worker.kill("SIGKILL"));
  const ended = once(worker, "exit").then(([code, signal]) => {
    throw new Error(`the worker ended: ${code ?? signal}`);
  });
  ended.catch(() => {}); // looked at where it is waited for
  const process = async (/** @type {number} */ first, /** @type {number} */ count) => {
    worker.send({ expect: count });
    const done = Promise.race([once(worker, "message"), ended]);
    for (let from = first; from < first + count; from += CHUNK) {
      const numbers = Array.from({ length: Math.min(CHUNK, first + count - from) }, (_, i) => from + i);
      await queue.addBulk(
        numbers.map((number) => ({ name: "echo", data: { number }, opts: { removeOnComplete: false } })),
      );
    }
    await done;
  };
  await process(0, WARM);
  const began = performance.now();
  await process(WARM, job.jobs);
  const seconds = (performance.now() - began) / 1000;
  await check(queue, "completed", WARM + job.jobs);
  return {
    jobs: job.jobs,
    seconds,
    settings: `${settings}, addBulk of ${CHUNK}, concurrency ${job.concurrency}`,
  };
}

/** @param {Job} job */
async function submit(job) {
  const { queue, settings } = await start(job);
  const add = (/** @type {number} */ number) => queue.add("echo", { number });
  await lanes(WARM, job.depth, add);
  /** @type {number[]} */
  const times = [];
  const seconds = await lanes(job.jobs, job.depth, async (number) => {
    const began = performance.now();
    await add(WARM + number);
    times.push(performance.now() - began);
  });
  await check(queue, "wait", WARM + job.jobs);
  return { jobs: job.jobs, seconds, times, settings: `${settings}, ${job.depth} in flight` };
}

await run("bullmq", import.meta.url, { durable, submit });
