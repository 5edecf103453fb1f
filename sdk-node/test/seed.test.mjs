import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test, { after } from "node:test";
import Whipper, { Whipper as Named } from "whipper";
import { fixture, folder, pool, run } from "./pool.mjs";

const shared = pool({ after }, { maxConcurrentCalls: 10 });

test("require and import give the class, with its classes as members", () => {
  const required = /** @type {any} */ (createRequire(import.meta.url)("whipper"));
  assert.ok(required === Whipper && Named === Whipper);
  for (const name of [
    "Worker",
    "AtCapacityError",
    "TimeoutError",
    "context",
    "serve",
    "onShutdown",
    "listeners",
  ]) {
    assert.equal(typeof required[name], "function", name);
  }
  assert.equal(required.Worker.State.processing, "processing");
});

test("invoke takes an array of arguments, one argument, or none", async () => {
  assert.equal(await shared.invoke("hello", "hi"), "received: hi");
  assert.deepEqual(await shared.invoke("args", [1, "two", null]), [1, "two", null]);
  assert.deepEqual(await shared.invoke("args", { by: "position" }), [{ by: "position" }]);
  assert.deepEqual(await shared.invoke("args", { by: "name" }, { named: true }), [{ by: "name" }]);
  assert.deepEqual(await shared.invoke("args", 0), [0]);
  assert.deepEqual(await shared.invoke("args"), []);
  assert.deepEqual(await shared.invoke("args", null), []);
});

test("an error keeps type, message, stack and own fields", async () => {
  await assert.rejects(shared.invoke("fail", "too far"), (error) => {
    assert.ok(error instanceof RangeError);
    assert.deepEqual([error.name, error.message], ["RangeError", "too far"]);
    assert.deepEqual(Object.keys(error), ["extra"]);
    assert.match(String(error.stack), /^RangeError: too far\n.*tasks\.mjs:\d+/);
    assert.deepEqual(/** @type {any} */ (error).extra, { a: 1 });
    assert.equal(/** @type {any} */ (error).call.worker, "w1");
    return true;
  });
  await assert.rejects(shared.invoke("paper"), { name: "PaperError", message: "out of paper", code: 42 });
});

test("a worker's own error is never taken for one of whipper's", async () => {
  const error = await shared.invoke("timeout").catch((/** @type {any} */ e) => e);
  assert.deepEqual(
    [error.name, error.code, error instanceof Whipper.TimeoutError],
    ["TimeoutError", 1002, false],
  );
});

test("workerProxy has the worker's functions, and takes a trailing callback", async () => {
  const worker = await shared.workerProxy();
  assert.ok(Object.keys(worker).includes("hello") && !("concurrency" in worker));
  assert.equal(await worker.hello?.("you"), "received: you");
  assert.deepEqual(await worker.args?.(1, 2), [1, 2]);
  const reply = await new Promise((resolve) => assert.equal(worker.hello?.("callback", resolve), undefined));
  assert.equal(reply, "received: callback");
});

test("proxy needs no discovery, can be awaited, and says which method is not there", async () => {
  const worker = await shared.proxy();
  assert.equal(await worker.hello("you"), "received: you");
  assert.equal(worker.hello, worker.hello);
  await assert.rejects(worker.nothing(), /no method "nothing"/);
});

test("stats have exactly these members, and count each call when its answer is there", async (t) => {
  const whipper = pool(t, { maxConcurrentCalls: 2 });
  assert.equal(whipper.workerCount(), 0);
  for (let n = 1; n <= 20; n++) {
    if (n % 4 === 0) await assert.rejects(whipper.invoke("fail", "x"));
    else await whipper.invoke("hello", "x");
    const stats = whipper.stats();
    assert.deepEqual(stats, {
      workerCount: 1,
      idleWorkerCount: 1,
      busyWorkerCount: 0,
      atCapacityWorkerCount: 0,
      maxSeenWorkerCount: 1,
      workers: {
        callsHandled: n,
        errorCount: Math.floor(n / 4),
        forkCount: 1,
        maxSeenConcurrentCalls: 1,
        resetCount: 0,
      },
    });
  }
  const job = await whipper.submit("hello", "x");
  await whipper.wait(job);
  assert.equal(whipper.stats().workers.callsHandled, 21);
  await assert.rejects(whipper.invoke("crash", 3), Whipper.WorkerCrashedError);
  assert.equal(whipper.stats().workers.callsHandled, 22);
  assert.equal(whipper.workerCount(), 1);
});

test("events tell of workers from the first, with a worker that has changed already", async (t) => {
  const whipper = pool(t, {});
  /** @type {any[]} */
  const seen = [];
  const watch = (/** @type {string} */ name) =>
    whipper.on(name, (worker) => seen.push([name, worker.state?.(), worker]));
  [
    "worker:process:created",
    "worker:state:processing",
    "worker:state:changed",
    "worker:pool:available",
  ].forEach(watch);
  const pid = await whipper.invoke("pid");
  assert.deepEqual(
    seen.map(([name, state]) => `${name} ${state}`),
    [
      "worker:state:changed forking",
      "worker:process:created forking",
      "worker:state:processing processing",
      "worker:state:changed processing",
      "worker:pool:available processing",
    ],
  );
  const worker = seen[0][2];
  assert.ok(worker instanceof Whipper.Worker && seen.every(([, , other]) => other === worker));
  assert.deepEqual([worker.id(), worker.pid(), worker.workingStatus()], ["w1", pid, "idle"]);
  assert.deepEqual(worker.toJSON(), { id: "w1", pid, state: "processing", workingStatus: "idle" });
  assert.deepEqual(Object.keys(worker.stats()).sort(), [
    "callsHandled",
    "errorCount",
    "forkCount",
    "maxSeenConcurrentCalls",
    "resetCount",
  ]);
  assert.match(`${worker}`, /^Worker\[id=w1, pid=\d+, workingStatus=idle, state=processing\]$/);

  const exited = new Promise((resolve) =>
    whipper.once("worker:process:exited", (w) => resolve([w.pid(), w.exitCode(), w.exitSignal()])),
  );
  const created = new Promise((resolve) => whipper.once("worker:process:created", (w) => resolve(w)));
  await whipper.invoke("crash", 3).catch(() => {});
  assert.deepEqual(await exited, [pid, 3, null]);
  assert.equal(await created, worker);
  assert.deepEqual([worker.exitCode(), worker.stats().resetCount], [null, 1]);
  assert.notEqual(worker.pid(), pid);

  const killed = new Promise((resolve) =>
    whipper.once("worker:process:exited", (w) => resolve([w.exitCode(), w.exitSignal()])),
  );
  process.kill(await whipper.invoke("pid"), "SIGKILL");
  assert.deepEqual(await killed, [null, "SIGKILL"]);
});

test("listeners may come and go", async (t) => {
  const whipper = pool(t, {});
  await whipper.invoke("hello");
  const status = () =>
    new Promise((resolve) => whipper.once("worker:working-status:idle", (w) => resolve(w.workingStatus())));
  const job = new Promise((resolve) => whipper.once("job:succeeded", (j) => resolve(j.method)));
  const idle = status();
  await whipper.invoke("hello", "again");
  assert.deepEqual([await idle, await job], ["idle", "hello"]);
  assert.equal(whipper.listenerCount("worker:working-status:idle"), 0);
});

test("listeners that come after all were removed hear of events too", async (t) => {
  const whipper = pool(t);
  let started = 0;
  whipper.on("job:started", () => started++);
  await whipper.invoke("hello");
  assert.equal(whipper.removeAllListeners(), whipper);
  await whipper.invoke("hello");
  const done = new Promise((resolve) => whipper.once("job:succeeded", (job) => resolve(job.method)));
  await whipper.invoke("hello");
  assert.deepEqual([await done, started], ["hello", 1]);
});

test("what a listener or the logger throws is the process's to hear, and nothing else is lost by it", async (t) => {
  const { out, closed } = run(
    t,
    `let thrown = 0;
     process.on("uncaughtException", ({ message }) => { if (message === "mine") thrown++; else throw new Error(message); });
     const client = new Whipper({ workerModulePath: process.env.TASKS, maxWorkers: 1, logger() { throw new Error("mine"); } });
     let told = 0;
     const all = new Promise((resolve) => client.on("job:succeeded", () => {
       if (++told === 200) resolve();
       throw new Error("mine");
     }));
     const results = await Promise.all(Array.from({ length: 200 }, (_, i) => client.invoke("hello", i)));
     const timer = setTimeout(() => {}, 60_000);
     await all;
     clearTimeout(timer);
     await client.shutdown();
     console.log(results.length, told, thrown > 200);`,
  );
  assert.deepEqual(await closed, { code: 0, signal: null }, out.errors);
  assert.equal(out.text, "200 200 true\n");
});

test("no event is missed or told twice while listeners come and go", async () => {
  /** @type {Map<number, number>} */
  const told = new Map();
  const count = (/** @type {{id: number}} */ { id }) => told.set(id, (told.get(id) ?? 0) + 1);
  shared.on("job:succeeded", count);
  /** @type {number[]} */
  const ids = [];
  for (let n = 0; n < 100; n++) {
    const names = ["job:failed", "job:queued", "worker:pool:unavailable", "at-capacity:dropped"];
    const other = /** @type {any} */ (names[n % names.length]);
    if (n % 2 === 0) shared.on(other, () => {});
    else for (const name of names) shared.removeAllListeners(name);
    const { id } = await shared.submit("hello", n);
    ids.push(id);
  }
  for (const name of ["job:failed", "job:queued"]) shared.removeAllListeners(name);
  await shared.wait(ids);
  while (told.size < ids.length) await new Promise((resolve) => setImmediate(resolve));
  shared.off("job:succeeded", count);
  assert.deepEqual([...told.keys()].sort(), [...ids].sort());
  assert.deepEqual(new Set(told.values()), new Set([1]));
});

test("at capacity calls wait, are dropped, or are errors, as atCapacityStrategy says", async (t) => {
  const dir = folder(t);
  for (const strategy of ["drop", "error"]) {
    const whipper = pool(t, { atCapacityStrategy: strategy, maxConcurrentCalls: 1 });
    const event = new Promise((resolve) =>
      whipper.once(strategy === "drop" ? "at-capacity:dropped" : "at-capacity:error", resolve),
    );
    const busy = new Promise((resolve) => whipper.once("worker:working-status:atCapacity", resolve));
    const abort = new AbortController();
    const first = whipper.invoke("gate", `${dir}/never`, { signal: abort.signal });
    await busy;
    if (strategy === "drop") assert.equal(await whipper.invoke("hello", "late"), null);
    else await assert.rejects(whipper.invoke("hello", "late"), Whipper.AtCapacityError);
    assert.equal(/** @type {any} */ (await event).method, "hello");
    abort.abort();
    await assert.rejects(first, { name: "AbortError" });
  }
  const queued = pool(t, { maxConcurrentCalls: 1 });
  assert.deepEqual(await Promise.all([1, 2, 3].map((n) => queued.invoke("args", n))), [[1], [2], [3]]);
});

test("a call that takes too long is a TimeoutError", async (t) => {
  const whipper = pool(t, { invocationTimeout: 50, flushTimeout: 100 });
  await assert.rejects(whipper.invoke("gate", `${folder(t)}/never`), Whipper.TimeoutError);
  await assert.rejects(
    shared.invoke("gate", [`${folder(t)}/never`], { timeoutMs: 50 }),
    Whipper.TimeoutError,
  );
});

test("a worker is replaced after maxTotalCalls", async (t) => {
  const whipper = pool(t, { maxTotalCalls: 2, maxConcurrentCalls: 1 });
  const pids = [];
  for (let i = 0; i < 4; i++) pids.push(await whipper.invoke("pid"));
  assert.equal(new Set(pids).size, 2);
});

test("shutdown finishes what was asked for, and takes nothing more", async (t) => {
  const whipper = pool(t, {});
  const calls = [1, 2, 3].map((n) => whipper.invoke("nap", n * 10));
  const down = whipper.shutdown();
  await assert.rejects(whipper.invoke("hello", "late"), Whipper.ClosedError);
  assert.deepEqual(await Promise.all(calls), ["rested", "rested", "rested"]);
  await down;
  assert.equal(whipper.pid, undefined);
  await whipper.shutdown();
});

test("shutdown(true) does not wait", async (t) => {
  const whipper = pool(t, {});
  await whipper.invoke("hello");
  const call = whipper.invoke("gate", `${folder(t)}/never`);
  const failed = assert.rejects(call, Whipper.ClosedError);
  await whipper.shutdown(true);
  await failed;
  assert.equal(whipper.pid, undefined);
});

test("a CommonJS module with callbacks is served as it always was", async (t) => {
  const whipper = pool(t, { workerModulePath: fixture("seed.cjs") });
  const worker = await whipper.workerProxy();
  assert.deepEqual(Object.keys(worker), ["promiseToSayHi", "sayHi", "sayHiLater"]);
  for (const name of Object.keys(worker)) assert.equal(await worker[name]?.("Ted"), "hi Ted");
});
