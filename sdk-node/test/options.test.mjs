import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import Whipper from "whipper";
import { pool } from "./pool.mjs";

const PATH = "/tmp/tasks.mjs";

/** @param {any} options @param {RegExp[]} patterns */
function refused(options, ...patterns) {
  assert.throws(
    () => new Whipper(options),
    (error) => {
      assert.ok(error instanceof Whipper.OptionsError && error instanceof TypeError);
      for (const pattern of patterns) assert.match(error.message, pattern);
      assert.equal(error.problems.length, patterns.length, error.message);
      return true;
    },
  );
}

test("options that are wrong are errors that name each of them", () => {
  refused(undefined, /^options must be an object, not undefined$/);
  refused({}, /^workerModulePath is missing/);
  refused(
    { workerModulePath: PATH, maxWorker: 3 },
    /^there is no option "maxWorker": did you mean maxWorkers\?$/,
  );
  refused({ workerModulePath: PATH, colour: "red" }, /^there is no option "colour"$/);
  refused(
    { workerModulePath: 7, minWorkers: -1, maxWorkers: 0.5, logger: "console" },
    /workerModulePath must be the path of a module, not 7/,
    /minWorkers must be a whole number from 0, not -1/,
    /maxWorkers must be a whole number from 1, not 0\.5/,
    /logger must be a function, not 'console'/,
  );
  refused(
    { workerModulePath: PATH, invocationTimeout: "5s", atCapacityStrategy: "wait", loadStrategy: () => {} },
    /invocationTimeout must be a number of milliseconds from 0, or Infinity, not '5s'/,
    /atCapacityStrategy must be one of "queue", "drop", "error", not 'wait'/,
    /loadStrategy must be one of "basic", "round-robin", "least-busy", not \[Function/,
  );
  refused(
    { workerModulePath: PATH, minWorkers: 3, maxWorkers: 2 },
    /minWorkers must not be more than maxWorkers, but 3 is more than 2/,
  );
  refused({ workerModulePath: PATH, command: ["perl"] }, /exclude each other/);
  refused({ command: ["perl"], args: ["x"] }, /args is for workerModulePath/);
  refused({ command: [] }, /command must be a program and its arguments/);
  refused({ workerModulePath: PATH, toString: 1 }, /there is no option "toString"/);
});

test("an unknown option of connect is an error too", async () => {
  await assert.rejects(
    Whipper.connect(/** @type {any} */ ({ sockett: "x" })),
    /there is no option "sockett": did you mean socket\?/,
  );
});

test("no limit and no time at all are values too", async (t) => {
  const limits = {
    maxConcurrentCalls: Infinity,
    maxTotalCalls: Infinity,
    flushTimeout: 0,
    forceKillTimeout: 0,
  };
  for (const options of [
    { minWorkers: 0, invocationTimeout: Infinity, inactivityTimeout: 0, ...limits },
    {
      minWorkers: 3,
      maxWorkers: 3,
      invocationTimeout: 0,
      inactivityTimeout: Infinity,
      args: ["a"],
      env: { COLOUR: "red" },
    },
  ]) {
    const client = pool(t, options);
    assert.equal(await client.invoke("hello", "you"), "received: you");
    assert.equal(client.workerCount(), options.minWorkers || 1);
    assert.deepEqual(await client.invoke("surroundings"), [options.args ?? [], options.env?.COLOUR ?? null]);
  }
});

test("variables for the workers are not in the arguments of a process", async (t) => {
  for (const flags of [[], ["--clean-env"]]) {
    const client = pool(t, { env: { COLOUR: "secret red", WHIPPER_THREADS: "3" }, flags });
    assert.deepEqual(await client.invoke("surroundings"), [[], "secret red"]);
    const command = await readFile(
      `/proc/${/** @type {any} */ (await client.request("ping")).pid}/cmdline`,
      "utf8",
    );
    assert.ok(!command.includes("secret red"));
    assert.ok(command.includes("WHIPPER_THREADS=3"));
  }
  assert.throws(
    () => new Whipper(/** @type {any} */ ({ workerModulePath: "x.mjs", env: { A: 1 } })),
    /env.*an object of strings/,
  );
});

test("options of a call that are wrong are errors that name each of them, before anything is sent", async (t) => {
  const whipper = pool(t);
  /** @type {[string, () => Promise<unknown>, RegExp][]} */
  const wrong = [
    [
      "no object",
      () => whipper.invoke("hello", [], /** @type {any} */ (null)),
      /^options must be an object, not null$/,
    ],
    [
      "signal",
      () => whipper.invoke("hello", [], /** @type {any} */ ({ signal: 5 })),
      /^signal must be an AbortSignal, not 5$/,
    ],
    [
      "no number",
      () => whipper.invoke("hello", [], { timeoutMs: Infinity }),
      /^timeoutMs must be a whole number from 0, not Infinity$/,
    ],
    [
      "unknown",
      () => whipper.invoke("hello", [], /** @type {any} */ ({ timeout: 5 })),
      /no option "timeout": did you mean timeoutMs\?/,
    ],
    [
      "method",
      () => whipper.submit("hello", [], /** @type {any} */ ({ method: "paper" })),
      /no option "method"/,
    ],
    [
      "no date",
      () => whipper.submit("hello", [], { runAt: new Date(Number.NaN) }),
      /^runAt must be a Date .*, not Invalid Date$/,
    ],
    [
      "no key",
      () => whipper.submit("hello", [], { idempotencyKey: "" }),
      /^idempotencyKey must be a string that is not empty, not ''$/,
    ],
    [
      "null key",
      () => whipper.submitBatch([{ method: "hello", idempotencyKey: /** @type {any} */ (null) }]),
      /^jobs\[0\]: idempotencyKey .* not null$/,
    ],
    ["no batch", () => whipper.submitBatch(/** @type {any} */ ({})), /^jobs must be an array, not {}$/],
    [
      "no jobs",
      () => whipper.submitBatch(/** @type {any} */ ([{ method: "hello" }, 7, { args: [] }])),
      /^jobs\[1\]: a job must be an object, not 7; jobs\[2\]: method must be a string that is not empty, not undefined$/,
    ],
    [
      "signal of one job",
      () => whipper.submitBatch(/** @type {any} */ ([{ method: "hello", signal: AbortSignal.abort() }])),
      /^jobs\[0\]: signal is of the whole batch, .* is AbortSignal .*: submitBatch\(jobs, { signal }\)$/,
    ],
    [
      "options of a batch",
      () => whipper.submitBatch([{ method: "hello" }], /** @type {any} */ ({ timeoutMs: 5 })),
      /^there is no option "timeoutMs"$/,
    ],
    [
      "options of a request",
      () => whipper.request("job.list", {}, /** @type {any} */ ({ signal: "now", singal: 1 })),
      /^signal must be an AbortSignal, not 'now'; there is no option "singal": did you mean signal\?$/,
    ],
    [
      "null for options",
      () => whipper.request("job.list", {}, /** @type {any} */ (null)),
      /^options must be an object, not null$/,
    ],
    [
      "no method",
      () => whipper.request(/** @type {any} */ (undefined)),
      /^method must be a string that is not empty, not undefined$/,
    ],
    ["wait", () => whipper.wait(1, { timeoutMs: Number.NaN }), /^timeoutMs must be .*, not NaN$/],
  ];
  for (const [name, ask, message] of wrong)
    await assert.rejects(ask(), { name: "OptionsError", message }, name);
  for await (const job of whipper.jobs()) assert.fail(`there is a job: ${job.method}`);
});
