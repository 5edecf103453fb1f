// An application that has OpenTelemetry set up and was itself called by somebody, whose trace context is in its environment.

import { context, propagation, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import Whipper from "../../../../sdk-node/src/index.mjs";

const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
provider.register();
const whipper = await Whipper.connect();

const { TRACEPARENT: traceparent, TRACESTATE: tracestate, BAGGAGE: baggage } = process.env;
const called = propagation.extract(ROOT_CONTEXT, { traceparent, tracestate, baggage });
await context.with(called, () =>
  trace.getTracer("shop").startActiveSpan("order", async (span) => {
    const { id } = await whipper.submit("relay", [3, 4], { pool: "first" });
    const followUp = await whipper.wait(id);
    console.log(JSON.stringify([id, followUp, await whipper.wait(followUp)]));
    span.end();
  }),
);
await whipper.close();
await provider.shutdown();
