import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { runPool } from "../pool.mjs";

await runPool("piscina", import.meta.url, (workers) => {
  const filename = fileURLToPath(new URL("../functions.cjs", import.meta.url));
  const pool = new Piscina({ filename, minThreads: workers, maxThreads: workers });
  return { call: (name, value) => pool.run(value, { name }), end: () => pool.destroy(), settings: "threads" };
});
