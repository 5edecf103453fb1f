import assert from "node:assert/strict";
import test from "node:test";
import { fixture, run } from "./pool.mjs";

// `LEAK_CALLS=100000 npm test` takes as long as it takes.
const CALLS = Number(process.env.LEAK_CALLS ?? 10_000);

test(`after ${CALLS} calls client and worker hold no more memory and handles than after the first thousands`, async (t) => {
  const source = `
    const client = new Whipper({ workerModulePath: ${JSON.stringify(fixture("leak.mjs"))}, maxWorkers: 1 });
    client.on("worker:state:changed", () => {});
    const abort = new AbortController();
    async function calls(count) {
      let left = count;
      await Promise.all(Array.from({ length: 64 }, async () => {
        while (left-- > 0) {
          const call = client.invoke("echo", [{ n: left, text: "x".repeat(100) }], { signal: abort.signal });
          if (left % 10 === 0) for await (const _ of call.progress());
          await call;
          if (left % 50 === 0) await client.invoke("fail").catch(() => {});
          if (left % 100 === 0) await client.wait(await client.submit("echo", left));
        }
      }));
    }
    const measure = async () => {
      for (let i = 0; i < 4; i++) { gc(); await new Promise((r) => setImmediate(r)); }
      return {
        heap: process.memoryUsage().heapUsed,
        handles: process.getActiveResourcesInfo().length,
        worker: await client.invoke("memory"),
      };
    };
    await calls(3000);
    const before = await measure();
    await calls(${CALLS});
    const after = await measure();
    console.log(JSON.stringify([before, after]));
    await client.shutdown();`;
  const { closed, out } = run(t, source, ["--expose-gc"]);
  await closed;
  assert.match(out.text, /^\[\{/, out.errors);
  const [before, after] = JSON.parse(out.text);
  t.diagnostic(out.text.trim());
  const margin = 1_000_000; // bytes: far less than ${CALLS} calls would leave
  assert.ok(after.heap - before.heap < margin, `client: ${before.heap} bytes, then ${after.heap}`);
  assert.ok(after.worker - before.worker < margin, `worker: ${before.worker} bytes, then ${after.worker}`);
  assert.equal(after.handles, before.handles);
});
