// A client of the chaos: does what comes on stdin, side by side, and answers on stdout; see program.go.
import { createInterface } from "node:readline";

const { default: Whipper } = await import(process.env.CHAOS_SDK);
const client = await Whipper.connect();
client.on("error", () => {});

async function submit({ job: { method, params, ...options } }) {
  const { id, duplicate } = await client.submit(method, params, options);
  return { ids: [id], duplicate };
}

async function batch({ jobs }) {
  return { ids: await client.submitBatch(jobs.map(({ params, ...job }) => ({ ...job, args: params }))) };
}

async function invoke({ call: { method, params, ...options }, cancelAfterMs }) {
  const abort = new AbortController();
  const timer = cancelAfterMs && setTimeout(() => abort.abort(), cancelAfterMs);
  try {
    return { result: await client.invoke(method, params, { ...options, signal: abort.signal }) };
  } finally {
    clearTimeout(timer);
  }
}

async function wait({ ids, timeoutMs }) {
  const jobs = await client.wait(ids, { timeoutMs });
  return { jobs: jobs.map(({ id, state }) => ({ id, state })) };
}

const request = async ({ method, params }) => ({ result: await client.request(method, params) });
const cancel = async ({ ids }) => ({ count: await client.cancel(ids) });
const retry = async ({ ids }) => ({ count: await client.retry(ids) });

const commands = { submit, batch, invoke, wait, request, cancel, retry };
const running = new Set();
process.stdout.write('{"id":0}\n'); // it is connected
for await (const line of createInterface({ input: process.stdin })) {
  const { id, do: what, ...ask } = JSON.parse(line);
  const answer = commands[what](ask)
    .catch((error) => {
      const { name: type, code = 0, message, call } = error;
      return { job: call?.job, error: { type, code, message, own: error instanceof Whipper.WhipperError } };
    })
    .then((body) => process.stdout.write(`${JSON.stringify({ id, ...body })}\n`))
    .finally(() => running.delete(answer));
  running.add(answer);
}
await Promise.all(running);
await client.close();
