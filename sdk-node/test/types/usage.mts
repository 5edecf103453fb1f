// Compiled against the built package, never run: what must be accepted, and what must not.

import Whipper, {
  AtCapacityError,
  type Whipper as Client,
  context,
  type Job,
  listeners,
  onShutdown,
  PermanentError,
  SnoozeError,
  type Stats,
  serve,
  type Worker,
} from "whipper";

interface Tasks {
  add(a: number, b: number): number;
  later(text: string): Promise<string>;
  concurrency: number;
}

export async function application(): Promise<void> {
  const whipper: Client = new Whipper({
    workerModulePath: new URL("./tasks.mjs", import.meta.url),
    minWorkers: 1,
    maxWorkers: 2,
    invocationTimeout: Infinity,
    atCapacityStrategy: "queue",
    loadStrategy: "least-busy",
    logger: (level, message, attributes) => console.log(level.toUpperCase(), message, attributes?.worker),
  });
  // @ts-expect-error: an option that is not there
  new Whipper({ workerModulePath: "x", maxWorker: 1 });
  // @ts-expect-error: a value that may not be
  new Whipper({ workerModulePath: "x", atCapacityStrategy: "wait" });

  const sum: number = await whipper.invoke<number>("add", [1, 2], {
    signal: AbortSignal.timeout(1000),
    timeoutMs: 5,
  });
  const call = whipper.invoke("later", "x");
  for await (const value of call.progress<{ progress: number }>()) value.progress.toFixed();
  const proxy = whipper.proxy<Tasks>();
  const three: number = await proxy.add(1, 2);
  const text: string = await proxy.later("x");
  // @ts-expect-error: what is no function cannot be called
  proxy.concurrency;
  // @ts-expect-error: the worker's own types hold
  proxy.add("1", 2);
  const any = whipper.proxy();
  any.whatever(1);
  const { add } = await whipper.workerProxy<Tasks>();
  add(1, 2).then((n: number) => n);

  const { id, duplicate } = await whipper.submit("add", [1, 2], {
    delayMs: 5,
    labels: { for: "types" },
    backoff: { baseMs: 1 },
    runAt: new Date(),
    delivery: "at-most-once",
    concurrencyKey: "one",
  });
  const result: number = await whipper.wait<number>(id);
  const jobs: Job<number>[] = await whipper.wait<number>([id, { id }]);
  const job: Job = await whipper.job({ id });
  job.attempts?.[0]?.exitCode?.toFixed();
  for await (const one of whipper.jobs({ state: "failed", payloads: true })) one.error?.message.trim();
  const ids: number[] = await whipper.submitBatch([{ method: "add", args: [1, 2], priority: 3 }]);
  const count: number = await whipper.cancel({ method: "add" });
  const stats: Stats = whipper.stats();
  stats.workers.resetCount.toFixed();
  // @ts-expect-error: exactly the members that it has always had
  stats.processCount;

  whipper
    .on("worker:process:created", (worker) => worker.pid()?.toFixed())
    .on("worker:state:processing", (worker: Worker) => worker.state() === "processing")
    .once("job:failed", (job, event) => [job.error?.message, event.at])
    .on("at-capacity:dropped", ({ method }) => method.trim())
    .on("error", (error) => error.message);
  try {
    await whipper.drained();
  } catch (error) {
    if (error instanceof AtCapacityError || error instanceof Whipper.TimeoutError) error.code?.toFixed();
  }
  const other = await Whipper.connect({ dir: ".whipper" });
  await other.close();
  {
    await using scoped = new Whipper({ command: ["perl", "worker.pl"] });
    scoped.workerCount().toFixed();
  }
  await whipper.shutdown(true);
  console.log(sum, three, text, result, jobs, ids, count, duplicate);
}

export function worker(): void {
  onShutdown(async () => {});
  for (const { fd, name } of listeners()) console.log(fd.toFixed(), name.trim());
  serve({
    methods: {
      run(_path: string) {
        const { job, attempt, deadline, signal, log, progress } = context();
        signal.throwIfAborted();
        log.info("running", { job, attempt, deadline: deadline?.toISOString() });
        progress({ progress: 1, total: 2 });
        throw attempt === 1 ? new SnoozeError(1000) : new PermanentError("no use", { cause: 1 });
      },
    },
    concurrency: 2,
  });
}
