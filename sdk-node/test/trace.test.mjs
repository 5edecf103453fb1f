import assert from "node:assert/strict";
import test, { after } from "node:test";
import { context, createTraceState, propagation, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { fixture, pool } from "./pool.mjs";

const whipper = pool({ after }, { workerModulePath: fixture("traced.mjs") });
const plain = pool({ after });

test("without OpenTelemetry no trace is sent", async () => {
  const { id } = await plain.submit("hello", "you");
  assert.equal((await plain.job(id)).traceparent, undefined);
  assert.deepEqual(await whipper.invoke("active"), {});
});

test("the span that is current in the application is current in the worker's function", async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  trace.setGlobalTracerProvider(new BasicTracerProvider());
  const tracer = trace.getTracer("test");
  await tracer.startActiveSpan("outer", async (span) => {
    const { traceId, spanId } = span.spanContext();
    assert.deepEqual(await whipper.invoke("active"), { traceId, spanId, remote: true });
    const { id } = await whipper.submit("active");
    assert.deepEqual(await whipper.wait(id), { traceId, spanId, remote: true });
    assert.equal((await whipper.job(id)).traceparent, `00-${traceId}-${spanId}-01`);
    const [batched] = await whipper.submitBatch([{ method: "active" }]);
    assert.equal(
      (await whipper.job(/** @type {number} */ (batched))).traceparent,
      `00-${traceId}-${spanId}-01`,
    );
    assert.equal(await plain.invoke("hello", "you"), "received: you"); // a worker without it does not mind
    span.end();
  });
  assert.deepEqual(await whipper.invoke("active"), {}); // outside of a span
});

test("tracestate and baggage go along", async () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const span = { traceId, spanId: "b7ad6b7169203331", traceFlags: 1, traceState: createTraceState("a=b") };
  const baggage = propagation.createBaggage({ user: { value: "ann" } });
  const current = propagation.setBaggage(trace.setSpanContext(ROOT_CONTEXT, span), baggage);
  const { id } = await context.with(current, () => whipper.submit("active"));
  const job = await whipper.job(id);
  assert.deepEqual([job.tracestate, job.baggage], ["a=b", "user=ann"]);
});

test("a trace that the caller gives goes before", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const { traceId } = await whipper.invoke("active", [], { traceparent });
  assert.equal(traceId, "0af7651916cd43dd8448eb211c80319c");
});

test("without OpenTelemetry a worker passes its caller's trace on", async (t) => {
  const passing = pool(t, { workerModulePath: fixture("passes.mjs") });
  const trace = {
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "a=b",
    baggage: "user=ann",
  };
  assert.deepEqual(await passing.invoke("nested", [], trace), trace);
});
