import assert from "node:assert/strict";
import test from "node:test";
import { fixture, ready, start } from "./worker.mjs";

const CALLS = fixture("calls.mjs");
const CRASHES = fixture("crashes.mjs");

test("$/shutdown lets calls under way finish, refuses later ones and exits with 0", async (t) => {
  const worker = await ready(t, CALLS);
  const id = worker.request("untilAborted", ["finished"]);
  worker.notify("$/shutdown");
  const late = worker.request("args", []);
  const refusal = await worker.next();
  assert.deepEqual(
    [refusal.id, refusal.error.code, refusal.error.data.type],
    [late, 1007, "ShuttingDownError"],
  );
  worker.notify("$/cancelRequest", { id });
  assert.equal((await worker.next()).result, "finished");
  assert.deepEqual(await worker.exited, { code: 0, signal: null });
});

test("closing stdin after $/shutdown leaves calls the time they need", async (t) => {
  const worker = await ready(t, CALLS);
  worker.request("addBack", [1, 2]);
  worker.request("patient", [1200]); // longer than an orphan would be given
  worker.notify("$/shutdown");
  worker.stdin.end();
  await worker.closed;
  assert.deepEqual(worker.unread.map(({ result }) => result).sort(), [1200, 3]);
  assert.deepEqual(await worker.exited, { code: 0, signal: null });
});

test("SIGTERM drains as $/shutdown does", async (t) => {
  const worker = await ready(t, CALLS);
  const id = worker.request("untilAborted", ["finished"]);
  await worker.call("$/ping");
  worker.child.kill("SIGTERM");
  // The signal may be seen after the next frames, so they are sent until it has been.
  let answer = await worker.call("args", []);
  while (answer.error === undefined) answer = await worker.call("args", []);
  assert.equal(answer.error.code, 1007);
  worker.notify("$/cancelRequest", { id });
  assert.equal((await worker.next()).result, "finished");
  assert.deepEqual(await worker.exited, { code: 0, signal: null });
});

test("SIGTERM ends an idle worker with 0", async (t) => {
  const worker = await ready(t, CALLS);
  worker.child.kill("SIGTERM");
  assert.deepEqual(await worker.exited, { code: 0, signal: null });
});

test("SIGINT, which a terminal sends to everybody, is the supervisor's business", async (t) => {
  const worker = await ready(t, CALLS);
  worker.child.kill("SIGINT");
  assert.deepEqual((await worker.call("args", [1])).result, [1]);
  worker.stdin.end();
  assert.deepEqual(await worker.exited, { code: 0, signal: null });
});

test("a worker whose supervisor died aborts its calls and exits", async (t) => {
  const worker = await ready(t, CALLS);
  worker.request("untilAborted", ["noticed"]);
  await worker.call("$/ping");
  worker.stdin.end();
  await worker.closed;
  assert.equal(worker.unread[0].result, "noticed");
  assert.deepEqual(await worker.exited, { code: 0, signal: null });
});

test("a worker whose supervisor died does not wait for a call that hangs", { timeout: 60_000 }, async (t) => {
  const worker = await ready(t, CALLS);
  worker.request("never");
  await worker.call("$/ping");
  worker.stdin.end();
  assert.deepEqual(await worker.exited, { code: 1, signal: null });
});

test("a worker whose answers nobody reads any more exits", { timeout: 60_000 }, async (t) => {
  const worker = await ready(t, CALLS);
  worker.stdout.destroy();
  for (let i = 0; i < 3; i++) worker.request("big", [3_000_000]);
  assert.deepEqual(await worker.exited, { code: 0, signal: null });
});

for (const [name, end, code] of /** @type {[string, (worker: any) => void, number][]} */ ([
  ["its supervisor", (worker) => worker.stdin.end(), 1],
  ["$/shutdown", (worker) => worker.notify("$/shutdown"), 0],
  ["SIGTERM", (worker) => worker.child.kill("SIGTERM"), 0],
])) {
  test(`a script that never finishes loading ends with ${name}`, async (t) => {
    const worker = start(t, fixture("never-loads.mjs"));
    worker.request("$/initialize");
    await worker.says("loading");
    end(worker);
    await worker.closed;
    assert.deepEqual(await worker.exited, { code, signal: null });
    assert.deepEqual(worker.unread, []);
  });
}

test("an uncaught exception or rejection kills the worker with its stack on stderr", async (t) => {
  for (const [method, text] of [
    ["uncaught", "nobody catches this"],
    ["unhandled", "nobody handles this"],
  ]) {
    const worker = await ready(t, CRASHES);
    worker.request(`${method}`);
    const [exit] = await worker.closed;
    assert.deepEqual(exit, { code: 1, signal: null });
    assert.match(worker.stderr, new RegExp(`${text}[\\s\\S]*crashes\\.mjs`));
    assert.deepEqual(worker.unread, []);
  }
});

test("process.exit ends the worker at once, but answers that were ready are not lost", async (t) => {
  const worker = await ready(t, CRASHES);
  const frames = ["ok", "exit", "ok"].map((method, id) => ({ jsonrpc: "2.0", id, method, params: [7] }));
  worker.send(frames.map((frame) => JSON.stringify(frame)).join("\n"));
  await worker.closed;
  assert.deepEqual(worker.unread, [{ jsonrpc: "2.0", id: 0, result: "ok" }]);
  assert.deepEqual(await worker.exited, { code: 7, signal: null });
});

test("a notification runs and its failure is told to stderr only", async (t) => {
  const worker = await ready(t, fixture("errors.mjs"));
  worker.notify("subclass");
  worker.notify("no such method");
  worker.stdin.end();
  await worker.closed;
  assert.match(worker.stderr, /subclass, called by a notification, failed: Error: over\n.*errors\.mjs/);
  assert.match(worker.stderr, /no method "no such method"/);
  assert.deepEqual(worker.unread, []);
});
