import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { fixture, pool } from "./pool.mjs";
import { ready } from "./worker.mjs";

const [SERVER, UNSET, ERROR] = [1, 0, 2]; // of @opentelemetry/api's enums
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const OTEL = ["--import", fixture("otel.mjs")];
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/** A worker whose application traces. @param {import("node:test").TestContext} t */
const traced = (t) => ready(t, fixture("spans.mjs"), { node: OTEL });

/** @param {Awaited<ReturnType<typeof traced>>} worker */
const spans = async (worker) => (await worker.call("spans")).result;

test("a call is a server span under its caller's, and over those of the function", async (t) => {
  const worker = await traced(t);
  const traceparent = `00-${TRACE}-${PARENT}-01`;
  await worker.call("ok", [], { meta: { job: 42, attempt: 2, traceparent, tracestate: "a=b" } });
  const [inner, call, ...rest] = await spans(worker);
  assert.deepEqual([inner.parent, inner.traceId, inner.remote, rest], [call.spanId, TRACE, undefined, []]);
  assert.deepEqual(call, {
    name: "ok",
    kind: SERVER,
    traceId: TRACE,
    spanId: call.spanId,
    traceState: "a=b",
    parent: PARENT,
    remote: true,
    attributes: {
      "rpc.system.name": "jsonrpc",
      "rpc.method": "ok",
      "jsonrpc.protocol.version": "2.0",
      "jsonrpc.request.id": "2",
      "whipper.job.id": 42,
      "whipper.job.attempt": 2,
    },
    events: [],
    status: { code: UNSET },
    scope: { name: "whipper", version },
  });
});

test("a call without a trace begins one", async (t) => {
  const worker = await traced(t);
  await worker.call("answersLater", [1]);
  const [call] = await spans(worker);
  assert.deepEqual([call.name, call.parent, call.status], ["answersLater", undefined, { code: UNSET }]);
});

test("baggage is the caller's, with a trace or without", async (t) => {
  const worker = await traced(t);
  const traceparent = `00-${TRACE}-${PARENT}-01`;
  for (const meta of [{ traceparent, baggage: "user=ann" }, { baggage: "user=ann" }]) {
    assert.equal((await worker.call("baggage", [], { meta })).result, "ann");
  }
});

test("a span tells how its call failed", async (t) => {
  const worker = await traced(t);
  for (const [method, code, type, message] of [
    ["fails", "77", "PermanentError", "mine"],
    ["throwsText", "1", "string", "just text"],
    ["unsendable", "1", "TypeError", "the result of unsendable cannot be sent"],
  ]) {
    const { error } = await worker.call(/** @type {string} */ (method));
    const [{ attributes, events, status }] = await spans(worker);
    assert.deepEqual(
      [attributes["rpc.response.status_code"], attributes["error.type"], status],
      [code, code, { code: ERROR, message: error.message }],
    );
    const [{ name, attributes: exception }, ...rest] = events;
    assert.ok(error.message.startsWith(message));
    assert.deepEqual([name, rest], ["exception", []]);
    assert.deepEqual(exception, {
      "exception.message": error.message,
      "exception.type": type,
      ...(error.data.stack && { "exception.stacktrace": error.data.stack }),
    });
  }
});

test("a call that was snoozed or cancelled has not failed", async (t) => {
  const worker = await traced(t);
  await worker.call("snoozes");
  worker.notify("$/cancelRequest", { id: worker.request("hangs") });
  await worker.next();
  const [hangs, snoozes] = await spans(worker);
  for (const { status, attributes } of [hangs, snoozes]) {
    assert.deepEqual([status, attributes["error.type"]], [{ code: UNSET }, undefined]);
  }
  assert.equal(hangs.attributes["rpc.response.status_code"], "-32800");
  assert.deepEqual(hangs.events, [{ name: "whipper.cancel", attributes: {} }]);
  assert.deepEqual(snoozes.events, [{ name: "whipper.snooze", attributes: { "whipper.retry.delay": 1.5 } }]);
});

test("calls at once keep their spans apart", async (t) => {
  const worker = await traced(t);
  for (const name of ["a", "b"]) {
    worker.request("meets", [name], { meta: { traceparent: `00-${name.repeat(32)}-${PARENT}-01` } });
  }
  await worker.next();
  await worker.next();
  const [a, b, ...calls] = await spans(worker);
  assert.deepEqual([a.name, a.traceId[0], b.name, b.traceId[0]], ["a", "a", "b", "b"]);
  const traces = new Map(calls.map((/** @type {any} */ span) => [span.spanId, span.traceId]));
  assert.deepEqual([traces.get(a.parent), traces.get(b.parent)], [a.traceId, b.traceId]);
});

test("a call from within a function belongs to its span", async (t) => {
  const env = { NODE_OPTIONS: OTEL.join("=") };
  const whipper = pool(t, { workerModulePath: fixture("spans.mjs"), env });
  await whipper.invoke("nested", [], { traceparent: `00-${TRACE}-${PARENT}-01` });
  const [, nested, ok] = await whipper.invoke("spans");
  assert.deepEqual([nested.name, nested.parent, nested.traceId], ["nested", PARENT, TRACE]);
  assert.deepEqual([ok.name, ok.parent, ok.traceId, ok.remote], ["ok", nested.spanId, TRACE, true]);
});

test("a worker that ends exports what it has recorded", async (t) => {
  const worker = await traced(t);
  await worker.call("ok");
  await worker.call("$/shutdown");
  assert.deepEqual(await worker.exited, { code: 0, signal: null });
  await worker.closed;
  assert.match(worker.stderr, /^exported inner,ok$/m);
});

test("a collector that takes nothing does not keep a worker", async (t) => {
  process.env.COLLECTOR = "hangs";
  t.after(() => delete process.env.COLLECTOR);
  const worker = await traced(t);
  await worker.call("ok");
  await worker.call("$/shutdown");
  assert.deepEqual(await worker.exited, { code: 0, signal: null });
});
