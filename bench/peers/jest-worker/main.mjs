import { fileURLToPath } from "node:url";
import { Worker } from "jest-worker";
import { runPool } from "../pool.mjs";

const functions = fileURLToPath(new URL("../functions.cjs", import.meta.url));

await runPool("jest-worker", import.meta.url, (workers) => {
  const pool = new Worker(functions, { numWorkers: workers, exposedMethods: ["echo", "spin"] });
  return { call: (name, value) => pool[name](value), end: () => pool.end(), settings: "child processes" };
});
