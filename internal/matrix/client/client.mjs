import { createInterface } from "node:readline";
import Whipper from "whipper";

const client = await Whipper.connect();

async function invoke({ method, params, timeoutMs, cancelOn }) {
  const progress = [];
  const abort = new AbortController();
  const call = client.invoke(method, params, { timeoutMs, named: !Array.isArray(params), signal: abort.signal });
  const told = (async () => {
    for await (const value of call.progress()) {
      progress.push(value);
      if (cancelOn) abort.abort();
    }
  })().catch(() => {});
  try {
    const result = await call;
    await told;
    return { result, progress };
  } catch (error) {
    return { progress, error: abort.signal.aborted ? { type: "cancelled" } : describe(error) };
  }
}

async function submit({ method, params, timeoutMs, options: { expiresInMs, backoffMs, ...options } = {} }) {
  const { id, duplicate } = await client.submit(method, params, {
    ...options,
    timeoutMs,
    named: !Array.isArray(params),
    ...(expiresInMs && { expiresAt: new Date(Date.now() + expiresInMs) }),
    ...(backoffMs && { backoff: { baseMs: backoffMs } }),
  });
  return { job: id, duplicate };
}

async function wait({ job: id }) {
  const [job] = await client.wait([id]);
  const { state, attempt, result } = job;
  if (state === "succeeded") return { state, attempt, result };
  return { state, attempt, error: await client.wait(id).then(() => undefined, describe) };
}

async function cancel({ job }) {
  return { count: await client.cancel(job) };
}

function describe(error) {
  const { name, message, code, ...fields } = error;
  return { type: name, condition: error instanceof Whipper.WhipperError, message, code, fields };
}

const commands = { invoke, submit, wait, cancel };
const running = [];
for await (const line of createInterface({ input: process.stdin })) {
  const { id, ...command } = JSON.parse(line);
  const answer = Promise.resolve()
    .then(() => commands[command.do](command))
    .catch((error) => ({ error: describe(error) }));
  running.push(answer.then((body) => process.stdout.write(`${JSON.stringify({ id, ...body })}\n`)));
}
await Promise.all(running);
await client.close();
