import assert from "node:assert/strict";
import test, { after } from "node:test";
import Whipper from "whipper";
import { folder, pool } from "./pool.mjs";

const whipper = pool({ after });

test("a signal calls a call off: one that runs, one that waits for a slot, one that was never sent", async (t) => {
  const one = pool(t, { maxConcurrentCalls: 1 });
  const gate = `${folder(t)}/never`;
  const started = new Promise((resolve) => one.once("job:started", resolve));
  let left = 2;
  const cancelled = new Promise((resolve) => one.on("job:cancelled", () => --left === 0 && resolve(true)));
  const queued = new Promise((resolve) =>
    one.on("job:queued", () => one.stats().atCapacityWorkerCount && resolve(true)),
  );
  const running = new AbortController();
  const first = one.invoke("gate", gate, { signal: running.signal });
  await started;
  const waiting = new AbortController();
  const second = one.invoke("gate", gate, { signal: waiting.signal });
  await queued;
  const starting = pool(t);
  const third = starting.invoke("hello", "x", { signal: waiting.signal });
  const why = new Error("no longer wanted");
  waiting.abort(why);
  for (const call of [second, third]) await assert.rejects(call, (error) => error === why);
  running.abort(why);
  await assert.rejects(first, (error) => error === why);
  assert.equal(await one.invoke("hello", "again"), "received: again");
  await cancelled;
  await assert.rejects(
    one.invoke("hello", "x", { signal: AbortSignal.abort(why) }),
    (error) => error === why,
  );
  const states = [];
  for await (const job of one.jobs({ method: "gate" })) states.push(job.state);
  assert.deepEqual(states, ["cancelled", "cancelled"]);
  await starting.invoke("args");
  for await (const { method } of starting.jobs()) assert.equal(method, "args");
});

test("one signal may be that of any number of calls", async () => {
  /** @type {Error[]} */
  const warnings = [];
  const note = (/** @type {Error} */ warning) => warnings.push(warning);
  process.on("warning", note);
  const abort = new AbortController();
  const { signal } = abort;
  await Promise.all(Array.from({ length: 100 }, () => whipper.invoke("hello", "x", { signal })));
  const calls = Array.from({ length: 100 }, () => whipper.invoke("nap", 60_000, { signal }));
  abort.abort(new Error("all of them"));
  for (const call of calls) await assert.rejects(call, /all of them/);
  await whipper.request("ping");
  process.off("warning", note);
  assert.deepEqual(warnings, []);
});

test("progress is an async iterator that ends with the call", async () => {
  const call = whipper.invoke("steps", [5]);
  const seen = [];
  for await (const value of call.progress()) seen.push(value.progress);
  assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  assert.equal(await call, "done");
  const failing = whipper.invoke("fail", "x");
  failing.catch(() => {});
  for await (const _ of failing.progress()) assert.fail("there is none");
  await assert.rejects(failing);
});

test("several readers of one call's progress share what there is, and all of them end", async () => {
  const call = whipper.invoke("steps", [5, 5]);
  const read = async () => {
    const seen = [];
    for await (const { progress } of call.progress()) seen.push(progress);
    return seen;
  };
  const seen = await Promise.all([read(), read()]);
  assert.deepEqual(seen.flat().sort(), [1, 2, 3, 4, 5]);
  assert.equal(await call, "done");
});

test("who reads progress late or slowly gets the newest", async () => {
  const call = whipper.invoke("steps", [500]);
  assert.equal(await call, "done");
  const late = [];
  for await (const { progress } of call.progress()) late.push(progress);
  assert.deepEqual(late, [500]);
});

test("a flood of progress fills no memory, and the last value is kept", async () => {
  const job = await whipper.submit("flood", [400, 60_000]); // 24 MB at once
  assert.equal(await whipper.wait(job), 400);
  assert.equal(/** @type {any} */ ((await whipper.job(job)).progress)[0], 399);
});

test("thousands of calls run side by side over one connection", async () => {
  const results = await Promise.all(Array.from({ length: 10_000 }, (_, i) => whipper.invoke("args", i)));
  assert.deepEqual(
    results.map(([n]) => n),
    Array.from({ length: 10_000 }, (_, i) => i),
  );
});

test("payloads go up to the limit, and what is over it is a clear error", async (t) => {
  const small = pool(t, { maxMessageSize: 1_000_000 });
  assert.equal(await small.invoke("size", "x".repeat(999_000)), 999_000);
  assert.equal((await small.invoke("text", 990_000)).length, 990_000);
  await assert.rejects(small.invoke("size", "x".repeat(1_000_001)), (error) => {
    assert.ok(error instanceof Whipper.MessageTooLargeError);
    assert.match(
      error.message,
      /^size has 1000\d\d\d bytes, of which a message holds 1000000 \(maxMessageSize\)$/,
    );
    return true;
  });
  await assert.rejects(small.invoke("size", "ä".repeat(500_001)), Whipper.MessageTooLargeError); // bytes count, not letters
  await assert.rejects(small.invoke("text", 1_000_001), /1000003 bytes/);
  assert.equal(await small.invoke("hello", "still there"), "received: still there");
  const large = "x".repeat(16 * 1024 * 1024 - 1000);
  assert.equal(await whipper.invoke("size", large), large.length);
});

test("a supervisor with a smaller limit than the client's fails the call, not the client", async (t) => {
  const whipper = pool(t, { flags: ["--max-message-size", "64KiB"] });
  await assert.rejects(whipper.invoke("size", "x".repeat(100_000)), Whipper.MessageTooLargeError);
  assert.equal(await whipper.invoke("hello", "you"), "received: you");
});

test("what cannot be sent is an error of its own call", async () => {
  await assert.rejects(whipper.invoke("hello", 1n), TypeError);
  /** @type {any} */
  const circle = {};
  circle.circle = circle;
  await assert.rejects(whipper.invoke("hello", circle), TypeError);
  await assert.rejects(whipper.invoke("nothing"), (error) => {
    assert.ok(error instanceof Error && /no method "nothing"/.test(error.message));
    return true;
  });
});

test("drained lets whoever asks for more wait for room", async () => {
  const calls = [];
  for (let i = 0; i < 6000; i++) {
    calls.push(whipper.invoke("size", "x".repeat(1000)));
    if (i % 1000 === 999) await whipper.drained();
  }
  assert.equal((await Promise.all(calls)).length, 6000);
});

test("calling off any number of calls that wait to be sent costs little, and drains", async (t) => {
  const starting = pool(t);
  const abort = new AbortController();
  const { signal } = abort;
  const calls = Promise.allSettled(
    Array.from({ length: 100_000 }, () => starting.invoke("hello", "x", { signal })), // minutes, if each looked for itself
  );
  const drained = starting.drained();
  abort.abort();
  await drained;
  assert.ok((await calls).every((one) => one.status === "rejected" && one.reason === signal.reason));
});

test("more than may wait to be sent is refused", async (t) => {
  const starting = pool(t);
  const big = "x".repeat(15_000_000);
  const outcomes = Promise.allSettled(Array.from({ length: 12 }, () => starting.invoke("size", big)));
  await starting.shutdown(true);
  const kinds = (await outcomes).map((one) => one.status === "rejected" && one.reason.name);
  assert.deepEqual(kinds, [...Array(8).fill("ClosedError"), ...Array(4).fill("QueueFullError")]);
});
