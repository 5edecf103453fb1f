import assert from "node:assert/strict";
import fs from "node:fs";
import test, { after } from "node:test";
import Whipper from "whipper";
import { folder, pool } from "./pool.mjs";

const whipper = pool({ after });

test("submit gives the id of a job that is on disk, wait its result", async () => {
  const { id, duplicate } = await whipper.submit("hello", "you");
  assert.ok(Number.isSafeInteger(id) && !duplicate);
  assert.equal(await whipper.wait(id), "received: you");
  const job = await whipper.job(id);
  assert.deepEqual(
    [job.state, job.params, job.attempts?.length, job.origin],
    ["succeeded", ["you"], 1, "submit"],
  );
});

test("wait throws what one job failed with, and gives all jobs of an array", async () => {
  const good = await whipper.submit("hello", "you");
  const bad = await whipper.submit("fail", "no paper", { maxAttempts: 1 });
  await assert.rejects(
    whipper.wait(bad),
    (error) => error instanceof RangeError && error.message === "no paper",
  );
  const jobs = await whipper.wait([good, bad.id]);
  assert.deepEqual(
    jobs.map(({ id, state }) => [id, state]),
    [
      [good.id, "succeeded"],
      [bad.id, "failed"],
    ],
  );
  await assert.rejects(whipper.wait(10_000_000), Whipper.NotFoundError);
  await assert.rejects(whipper.wait(/** @type {any} */ ("seven")), /a job's id is a whole number, not seven/);
});

test("a job's options reach the ledger", async () => {
  const runAt = new Date(Date.now() + 3_600_000);
  const { id } = await whipper.submit("hello", "later", {
    runAt,
    priority: 7,
    maxAttempts: 5,
    backoff: { baseMs: 10 },
    timeoutMs: 1234,
    labels: { for: "test" },
    delivery: "at-most-once",
    expiresAt: new Date(runAt.getTime() + 1000),
    idempotencyKey: "once",
    concurrencyKey: "user-1",
  });
  const job = await whipper.job(id);
  assert.equal(job.concurrencyKey, "user-1");
  assert.deepEqual(
    [job.runAt, job.priority, job.maxAttempts, job.timeoutMs, job.labels, job.delivery, job.idempotencyKey],
    [runAt.toISOString(), 7, 5, 1234, { for: "test" }, "at-most-once", "once"],
  );
  assert.deepEqual(await whipper.submit("hello", "later", { idempotencyKey: "once" }), {
    id,
    duplicate: true,
  });
  await assert.rejects(
    whipper.submit("hello", "other", { idempotencyKey: "once" }),
    Whipper.InvalidArgumentError,
  );
  await assert.rejects(
    whipper.submit("hello", "x", /** @type {any} */ ({ delayms: 5 })),
    /no option "delayms": did you mean delayMs/,
  );
  const found = [];
  for await (const one of whipper.jobs({ label: { name: "for", value: "test" }, limit: 1 }))
    found.push(one.id);
  assert.deepEqual(found, [id]);
  assert.equal(await whipper.cancel({ label: { name: "for", value: "test" } }), 1);
  await assert.rejects(whipper.wait(id), Whipper.CancelledError);
  assert.equal(await whipper.retry(id), 1);
  await whipper.wait(id);
});

test("a batch is submitted in one commit, all or none", async () => {
  const ids = await whipper.submitBatch([
    { method: "hello", args: "a" },
    { method: "args", args: [1, 2], priority: 1 },
  ]);
  assert.deepEqual(
    (await whipper.wait(ids)).map(({ result }) => result),
    ["received: a", [1, 2]],
  );
  await assert.rejects(
    whipper.submitBatch([{ method: "hello" }, { method: "$/nothing" }]),
    Whipper.InvalidArgumentError,
  );
});

test("a wait has a timeout and a signal, and the job goes on", async (t) => {
  const gate = `${folder(t)}/gate`;
  const job = await whipper.submit("gate", gate);
  await assert.rejects(whipper.wait(job, { timeoutMs: 20 }), Whipper.TimeoutError);
  await assert.rejects(whipper.wait(job, { signal: AbortSignal.timeout(20) }), { name: "TimeoutError" });
  fs.writeFileSync(gate, "");
  assert.equal(await whipper.wait(job), "open");
});

test("a wait tells of progress", async (t) => {
  const gate = `${folder(t)}/gate`;
  const job = await whipper.submit("stepsUntil", gate);
  const wait = whipper.wait(job);
  for await (const { progress, total } of wait.progress()) {
    assert.ok(progress > 0 && progress === total, `${progress}/${total}`);
    fs.writeFileSync(gate, ""); // it goes on until it has told something
  }
  assert.equal(await wait, "done");
});

test("thousands of waits leave room for the calls that end them", async (t) => {
  const gate = `${folder(t)}/gate`;
  const job = await whipper.submit("gate", gate);
  const waits = Array.from({ length: 5000 }, () => whipper.wait(job));
  assert.equal(await whipper.invoke("hello", "you"), "received: you");
  fs.writeFileSync(gate, "");
  assert.deepEqual(new Set(await Promise.all(waits)), new Set(["open"]));
});
