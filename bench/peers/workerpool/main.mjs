import { fileURLToPath } from "node:url";
import workerpool from "workerpool";
import { runPool } from "../pool.mjs";

await runPool("workerpool", import.meta.url, (workers) => {
  const pool = workerpool.pool(fileURLToPath(new URL("worker.cjs", import.meta.url)), {
    workerType: "process",
    minWorkers: workers,
    maxWorkers: workers,
  });
  return {
    call: (name, value) => pool.exec(name, [value]),
    end: () => pool.terminate(true),
    settings: "child processes",
  };
});
