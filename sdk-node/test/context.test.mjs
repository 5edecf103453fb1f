import assert from "node:assert/strict";
import fs from "node:fs";
import test, { after } from "node:test";
import { fixture, folder, pool } from "./pool.mjs";
import { ready, start } from "./worker.mjs";

const PACKAGE = new URL("../src/index.mjs", import.meta.url).href;
const whipper = pool({ after });

test("context has job, attempt, deadline and signal of the call that runs", async () => {
  const { id } = await whipper.submit("about", [], { timeoutMs: 5000 });
  const { job, attempt, left, aborted } = await whipper.wait(id);
  assert.deepEqual([job, attempt, aborted], [id, 1, false]);
  assert.ok(left > 0 && left <= 5000, `${left}`);
});

test("each of several calls at once has its own context, through everything that it awaits", async () => {
  const calls = Array.from({ length: 5 }, () => whipper.invoke("steps", [3, 5]));
  const progress = await Promise.all(calls.map(async (call) => (await call.progress().next()).value));
  for (const value of progress) assert.deepEqual(Object.keys(value), ["progress", "total"]);
  await Promise.all(calls);
});

test("a PermanentError is not tried again, another error is", async () => {
  const permanent = await whipper.submit("permanent", [], { maxAttempts: 5, backoff: { baseMs: 1 } });
  await assert.rejects(whipper.wait(permanent), {
    name: "PermanentError",
    message: "never again",
    retryable: false,
  });
  assert.equal((await whipper.job(permanent)).attempts?.length, 1);
  const flaky = await whipper.submit("flaky", 2, { maxAttempts: 5, backoff: { baseMs: 1 } });
  assert.equal(await whipper.wait(flaky), 3);
});

test("a SnoozeError has the job run again, uncharged", async () => {
  const { id } = await whipper.submit("snooze", [], { maxAttempts: 1 });
  assert.equal(await whipper.wait(id), "awake");
  const job = await whipper.job(id);
  assert.deepEqual([job.attempt, job.attempts?.map(({ outcome }) => outcome)], [1, ["snoozed", "succeeded"]]);
});

test("serve in a script takes the place of its exports", async (t) => {
  const served = pool(t, { workerModulePath: fixture("served.mjs") });
  assert.deepEqual(Object.keys(await served.workerProxy()), ["double", "job"]);
  assert.equal(await served.invoke("double", 21), 42);
  assert.equal(typeof (await served.invoke("job")), "number");
  await assert.rejects(served.invoke("unseen"), /no method "unseen"/);
});

test("serve makes a worker of any program, with its output off the wire", async (t) => {
  const script = `${folder(t)}/program.mjs`;
  fs.writeFileSync(
    script,
    `import { writeSync } from "node:fs";
     import { execSync } from "node:child_process";
     import { serve } from ${JSON.stringify(PACKAGE)};
     serve({
       name: "program",
       methods: {
         noise() {
           console.log("by console");
           process.stdout.write('{"jsonrpc":"2.0","id":1,"result":"forged"}\\n');
           writeSync(1, "natively\\n");
           execSync("echo by a child; cat", { stdio: "inherit" });
           return "quiet";
         },
       },
     });`,
  );
  const program = pool(t, { command: [process.execPath, script] });
  assert.equal(await program.invoke("noise"), "quiet");
  const { workers } = await program.request("worker.list");
  assert.equal(workers[0].stats.strayLines, 0);
  for (const text of ["by console", "forged", "natively", "by a child"])
    assert.match(workers[0].stderrTail, new RegExp(text));
  const { pools } = await program.request("pool.list");
  assert.equal(pools[0].program.name, "program");
});

test("what cannot be served is said before the wire is taken", async (t) => {
  for (const [service, text] of /** @type {[string, RegExp][]} */ ([
    ["{}", /TypeError: serve\(\) needs methods/],
    ["{ methods: {} }", /serve\(\): there are no methods/],
    ["{ methods: { a: 1 } }", /serve\(\): a is no function/],
    ["{ methods: { '$/a': () => 1 } }", /serve\(\): names like \$\/a are whipper's own/],
    [
      "{ methods: { a() {} }, concurrency: 0 }",
      /serve\(\): concurrency is 0, but must be a whole number from 1/,
    ],
    ["{ methods: { a() {} } }); serve({ methods: { b() {} } }", /Error: serve\(\) was called before/],
  ])) {
    const script = `${folder(t)}/wrong.mjs`;
    fs.writeFileSync(script, `import { serve } from "whipper"; serve(${service});`);
    const worker = start(t, script);
    const [exit] = await worker.closed;
    assert.deepEqual([exit.code, worker.unread], [1, []]);
    assert.match(worker.stderr, text);
  }
});

test("context outside of a call is an error", async (t) => {
  const script = `${folder(t)}/outside.mjs`;
  fs.writeFileSync(script, `import { context } from "whipper"; export const f = () => 1; context();`);
  const worker = start(t, script);
  await worker.closed;
  assert.match(worker.stderr, /context\(\) is for functions that a worker was called to run/);
});

test("after its answer a call tells nothing more, and bad progress is the function's own error", async (t) => {
  const script = `${folder(t)}/late.mjs`;
  fs.writeFileSync(
    script,
    `import { context } from "whipper";
     export function late() {
       const call = context();
       setTimeout(() => { call.progress("too late"); call.log.info("too late"); console.log("told"); }, 20);
       return "answered";
     }
     export const large = () => context().progress("x".repeat(70_000));
     export const none = () => context().progress(undefined);`,
  );
  const worker = await ready(t, script);
  assert.equal((await worker.call("late", [])).result, "answered");
  await worker.says("told");
  assert.equal((await worker.call("$/ping")).result, null);
  assert.match(
    (await worker.call("large", [])).error.message,
    /progress has 70002 bytes, of which 65536 are allowed/,
  );
  assert.match(
    (await worker.call("none", [])).error.message,
    /progress cannot be sent as JSON: it is a undefined/,
  );
});

test("what a context gives may be taken off it", async (t) => {
  const script = `${folder(t)}/apart.mjs`;
  fs.writeFileSync(
    script,
    `import { context } from ${JSON.stringify(PACKAGE)};
     export function apart() {
       const { progress, job, signal, log: { info } } = context();
       progress("apart");
       info("apart too");
       return [typeof job, signal.aborted];
     }`,
  );
  const client = pool(t, { workerModulePath: script, logger: () => {} });
  const call = client.invoke("apart");
  assert.deepEqual((await call.progress().next()).value, "apart");
  assert.deepEqual(await call, ["number", false]);
});

test("a log record fails no call, whatever is in it", async (t) => {
  const script = `${folder(t)}/tasks.mjs`;
  fs.writeFileSync(
    script,
    `import { context } from ${JSON.stringify(PACKAGE)};
     export function tell() {
       const circle = {};
       circle.self = circle;
       context().log.info("a bigint", { n: 1n });
       context().log.info(Object.create(null), circle);
       return "told";
     }`,
  );
  /** @type {any[]} */
  const records = [];
  const client = pool(t, {
    workerModulePath: script,
    logger: (/** @type {any[]} */ ...record) => records.push(record),
  });
  assert.equal(await client.invoke("tell"), "told");
  await client.shutdown();
  assert.match(JSON.stringify(records), /a bigint.*n: 1n/);
});
