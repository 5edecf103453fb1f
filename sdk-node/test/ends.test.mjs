import assert from "node:assert/strict";
import fs from "node:fs";
import { resolve } from "node:path";
import test from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import Whipper from "whipper";
import { drainMs } from "../src/client/drain.mjs";
import { silentBefore } from "../src/client/finish.mjs";
import { alive, BIN, folder, freeze, gone, pool, run } from "./pool.mjs";

test("a folder that cannot be removed is no error of the application", async (t) => {
  const { closed, out } = run(
    t,
    `import fs from "node:fs";
     import { syncBuiltinESMExports } from "node:module";
     const client = new Whipper({ workerModulePath: process.env.TASKS });
     await client.invoke("hello");
     const refuse = () => { throw Object.assign(new Error("ENOTEMPTY: not empty"), { code: "ENOTEMPTY" }); };
     fs.rmSync = refuse;
     fs.promises.rm = async () => refuse();
     syncBuiltinESMExports();
     await client.shutdown();
     console.log("went on");`,
  );
  assert.deepEqual(await closed, { code: 0, signal: null }, out.errors);
  assert.deepEqual([out.text, out.errors], ["went on\n", ""]);
});

test("shutdown removes the folder of a sidecar that was killed and did not come up again", async (t) => {
  const bin = `${folder(t)}/whipper`;
  fs.symlinkSync(resolve(BIN), bin);
  const client = pool(t, { bin });
  await client.invoke("hello");
  fs.unlinkSync(bin);
  process.kill(/** @type {number} */ (client.pid), "SIGKILL");
  await assert.rejects(client.submit("hello", [], { idempotencyKey: "once" }), Whipper.BinaryNotFoundError);
  assert.ok(fs.existsSync(/** @type {string} */ (client.dir)));
  await client.shutdown();
  assert.equal(fs.existsSync(/** @type {string} */ (client.dir)), false);
});

test("a program that cannot be started, or says nothing of use, is a StartError that says why", async (t) => {
  const bin = `${folder(t)}/whipper`;
  /** @type {[string, Record<string, unknown>, RegExp][]} */
  const wrong = [
    ["#!/nowhere/sh\n", {}, /^the supervisor could not be started: spawn .*whipper ENOENT$/],
    [
      "#!/bin/sh\n",
      { env: { LARGE: "x".repeat(1 << 20) } },
      /^the supervisor could not be started: spawn E2BIG$/,
    ],
    [
      `#!/bin/sh\nprintf '{"sock' >&3\necho broken >&2\n`,
      {},
      /^the supervisor ended before it was ready; it printed:\nbroken$/,
    ],
  ];
  for (const [program, options, message] of wrong) {
    fs.writeFileSync(bin, program, { mode: 0o755 });
    const client = pool(t, { bin, ...options });
    await assert.rejects(client.invoke("hello"), (error) => {
      assert.ok(error instanceof Whipper.StartError, String(error));
      assert.match(error.message, message);
      return true;
    });
    await client.shutdown();
  }
});

test("shutdown kills a supervisor that has not ended when its drain must be over", async (t) => {
  const client = pool(t, { flags: ["--drain-timeout", "1m"], flushTimeout: 1000, forceKillTimeout: 2000 });
  await client.invoke("hello");
  const pid = /** @type {number} */ (client.pid);
  await freeze(pid);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const ended = client.shutdown();
  await turn();
  t.mock.timers.tick(60_000 + 3000 + 10_000); // from here on it is as with shutdown(true)
  t.mock.timers.tick(9999);
  await turn();
  assert.ok(alive(pid));
  t.mock.timers.tick(1);
  t.mock.timers.reset();
  await gone(pid);
  await ended;
  assert.equal(fs.existsSync(/** @type {string} */ (client.dir)), false);
});

test("shutdown gives up calls whose supervisor has fallen silent", async (t) => {
  const client = pool(t);
  await client.invoke("hello");
  const pid = /** @type {number} */ (client.pid);
  await freeze(pid);
  const call = assert.rejects(client.invoke("hello"), {
    name: "ClosedError",
    message: "the client was shut down: its supervisor does not answer",
  });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const ended = client.shutdown();
  await turn();
  t.mock.timers.tick(30_000);
  await call;
  await turn();
  t.mock.timers.tick(10_000);
  t.mock.timers.reset();
  await gone(pid);
  await ended;
});

test("a supervisor that answers is not silent, however long a call takes", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const supervisor = {
    connected: true,
    answers: true,
    request: async () => supervisor.answers || new Promise(() => {}),
  };
  /** @type {boolean | undefined} */
  let silent;
  silentBefore(supervisor, new Promise(() => {})).then((value) => {
    silent = value;
  });
  const pass = async () => {
    await turn();
    t.mock.timers.tick(30_000);
    await turn();
    return silent;
  };
  assert.deepEqual([await pass(), await pass()], [undefined, undefined]);
  Object.assign(supervisor, { connected: false, answers: false });
  assert.deepEqual([await pass(), await pass()], [undefined, undefined]);
  supervisor.connected = true;
  assert.deepEqual([await pass(), await pass()], [undefined, true]);
});

test("calls under way outlive a supervisor that is stopped and continued", async (t) => {
  const dir = folder(t);
  const client = pool(t);
  const call = client.invoke("gate", `${dir}/open`);
  await client.submit("hello"); // answered after the call was sent
  const pid = /** @type {number} */ (client.pid);
  await freeze(pid);
  const later = client.invoke("hello", "later");
  fs.writeFileSync(`${dir}/open`, "");
  process.kill(pid, "SIGCONT");
  assert.deepEqual([await call, await later, client.pid], ["open", "received: later", pid]);
});

test("a client may be in a thread, and nothing is left when that is terminated in the middle of a call", async (t) => {
  const { said, child } = run(
    t,
    `import { Worker } from "node:worker_threads";
     const source = \`import(process.env.PACKAGE).then(async ({ Whipper }) => {
       const client = new Whipper({ workerModulePath: process.env.TASKS, flushTimeout: 1, logger() {} });
       const said = await client.invoke("hello", "thread");
       client.invoke("gate", "/nowhere");
       await client.submit("hello");
       const { parentPort } = await import("node:worker_threads");
       parentPort.postMessage([said, client.pid, client.dir]);
     })\`;
     process.env.PACKAGE = ${JSON.stringify(new URL("../src/index.mjs", import.meta.url).href)};
     const thread = new Worker(source, { eval: true });
     thread.on("message", async ([said, pid, dir]) => {
       await thread.terminate();
       console.log("left", pid, dir, said);
     });
     setInterval(() => {}, 1000);`,
  );
  const [, pid, dir, greeting] = await said(/left (\d+) (\S+) (.*)\n/);
  assert.equal(greeting, "received: thread");
  await gone(Number(pid));
  assert.equal(fs.existsSync(`${dir}`), false);
  assert.equal(child.exitCode, null); // it was not the end of the application that ended it
});

test("the time of a drain is that of its options and flags", () => {
  /** @type {[object, number][]} */
  const times = [
    [{}, 40_000],
    [{ flushTimeout: 0, forceKillTimeout: 1000 }, 31_000],
    [{ flags: ["--drain-timeout=1h1.5m", "--max-rss", "500MiB", "--flush-timeout", "100ms"] }, 3_695_100],
  ];
  for (const [options, ms] of times) assert.equal(drainMs(/** @type {any} */ (options)), ms);
});
