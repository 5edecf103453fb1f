// The worker's process: says when as many jobs as it was told to expect have their outcome in Redis.

import { Worker } from "bullmq";

const [path = "", concurrency] = process.argv.slice(2);
const worker = new Worker("bench", async ({ data }) => data.number, {
  connection: { path },
  concurrency: Number(concurrency),
});
let left = 0;
worker.on("completed", () => {
  if (--left === 0) process.send?.("done");
});
worker.on("failed", (_, error) => {
  throw error;
});
process.on("message", (/** @type {{expect: number}} */ { expect }) => {
  left += expect;
});
process.on("disconnect", () => process.exit());
