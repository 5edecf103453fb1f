import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";
import Whipper from "whipper";
import { alive, BIN, fixture, folder, gone, pool, run } from "./pool.mjs";

const START = `const client = new Whipper({ workerModulePath: process.env.TASKS });
  await client.invoke("hello");
  console.log("started", client.pid, client.dir);`;

/** @param {string} dir */
async function removed(dir) {
  while (fs.existsSync(dir)) await new Promise((resolve) => setTimeout(resolve, 10));
}

test("an idle client does not keep the process from ending, and nothing is left then", async (t) => {
  const { closed, out } = run(t, START);
  assert.deepEqual(await closed, { code: 0, signal: null }, out.errors);
  const [, pid, dir] = out.text.match(/started (\d+) (.*)/) ?? [];
  await gone(Number(pid));
  assert.equal(fs.existsSync(`${dir}`), false);
  assert.equal(out.errors, "");
});

test("a client with nothing to do but start does not keep the process from ending", async (t) => {
  const { closed } = run(t, `new Whipper({ workerModulePath: process.env.TASKS });`);
  assert.deepEqual(await closed, { code: 0, signal: null });
});

test("a call that is awaited keeps the process, also while the supervisor starts", async (t) => {
  const { closed, out } = run(
    t,
    `const client = new Whipper({ workerModulePath: process.env.TASKS });
     console.log(await client.invoke("nap", 100));
     const job = await client.submit("nap", 100);
     console.log(await client.wait(job));
     await client.shutdown();
     console.log(client.pid);`,
  );
  assert.deepEqual(await closed, { code: 0, signal: null });
  assert.equal(out.text, "rested\nrested\nundefined\n");
});

for (const [how, end] of /** @type {[string, NodeJS.Signals][]} */ ([
  ["killed", "SIGKILL"],
  ["terminated", "SIGTERM"],
])) {
  test(`nothing is left of an application that is ${how} in the middle of a call`, async (t) => {
    const { child, said, closed } = run(
      t,
      `${START} client.invoke("gate", "/nowhere"); console.log(await client.invoke("pid"), "works");`,
    );
    const [, pid, dir] = await said(/started (\d+) (.*)/);
    const [, worker] = await said(/(\d+) works/);
    child.kill(end);
    await closed;
    await gone(Number(pid));
    await gone(Number(worker));
    assert.equal(fs.existsSync(`${dir}`), false);
  });
}

test("an application that throws or exits leaves nothing either", async (t) => {
  for (const source of ["throw new Error('over')", "process.exit(3)"]) {
    const { closed, out } = run(t, `${START} ${source}`);
    await closed;
    const [, pid, dir] = out.text.match(/started (\d+) (.*)/) ?? [];
    await gone(Number(pid));
    await removed(`${dir}`);
  }
});

test("a folder that is given is kept, and the next sidecar finds the jobs in it", async (t) => {
  const dir = `${folder(t)}/state`;
  const first = pool(t, { dir });
  const { id } = await first.submit("hello", "later", { delayMs: 50 });
  await first.shutdown();
  assert.ok(fs.existsSync(`${dir}/ledger.db`));
  const second = pool(t, { dir });
  assert.equal(await second.wait(id), "received: later");
});

test("several clients have supervisors of their own", async (t) => {
  const pools = [1, 2, 3].map(() => pool(t));
  await Promise.all(pools.map((client) => client.invoke("hello")));
  assert.equal(new Set(pools.map(({ dir }) => dir)).size, 3);
  assert.equal(new Set(pools.map(({ pid }) => pid)).size, 3);
  await Promise.all(pools.map((client) => client.close()));
  for (const { dir } of pools) assert.equal(fs.existsSync(/** @type {string} */ (dir)), false);
});

test("a supervisor that cannot start tells why, to all who wait and ask later", async (t) => {
  const client = pool(t, { workerModulePath: "/nowhere/tasks.mjs" });
  const told = new Promise((resolve) => client.once("error", resolve));
  for (const call of [client.invoke("a"), client.submit("b")]) {
    await assert.rejects(call, (error) => {
      assert.ok(error instanceof Whipper.StartError);
      assert.match(
        error.message,
        /^the supervisor ended before it was ready; it printed:\n(.*\n)*.*\/nowhere\/tasks\.mjs/,
      );
      return true;
    });
  }
  assert.ok((await told) instanceof Whipper.StartError);
  await assert.rejects(client.invoke("c"), Whipper.StartError);
  await client.shutdown();
});

test("a client that is shut down while it starts leaves nothing, and that is no error", async (t) => {
  for (const force of [false, true]) {
    const client = pool(t);
    client.on("error", (error) => assert.fail(error));
    await client.shutdown(force);
    await assert.rejects(client.invoke("hello"), Whipper.ClosedError);
    assert.deepEqual([client.pid, fs.existsSync(/** @type {string} */ (client.dir))], [undefined, false]);
  }
});

test("a worker that cannot get ready is told of with what it printed", async (t) => {
  const client = pool(t, { workerModulePath: fixture("throws.mjs"), logger: () => {} });
  await assert.rejects(client.invoke("a"), (error) => {
    assert.ok(error instanceof Whipper.WorkerCrashedError);
    assert.match(error.message, /is degraded.*exit code 1[\s\S]*throws\.mjs/);
    return true;
  });
  await assert.rejects(client.workerProxy(), Whipper.WorkerCrashedError);
  assert.ok(Number.isSafeInteger((await client.submit("later")).id));
});

test("the program is found by option, by WHIPPER_BIN or on PATH, or else the error says how to get it", async (t) => {
  const dir = folder(t);
  fs.symlinkSync(BIN, `${dir}/whipper`);
  const source = `
    const tasks = { workerModulePath: process.env.TASKS };
    const outcome = async (options) => {
      const client = new Whipper({ ...tasks, ...options });
      console.log(await client.invoke("hello").catch((e) => e.name + ": " + e.message));
      await client.shutdown();
    };
    delete process.env.WHIPPER_BIN;
    process.env.PATH = ${JSON.stringify(dir)} + ":" + process.env.PATH;
    await outcome({});
    process.env.PATH = "/nowhere";
    await outcome({});
    process.env.WHIPPER_BIN = ${JSON.stringify(BIN)};
    await outcome({});
    process.env.WHIPPER_BIN = "/nowhere/whipper";
    await outcome({});
    await outcome({ bin: ${JSON.stringify(BIN)} });
    await outcome({ bin: process.env.TASKS });`;
  const { closed, out } = run(t, source);
  await closed;
  const lines = out.text.trimEnd().split("\n");
  assert.match(
    `${lines[1]}`,
    /^BinaryNotFoundError: the program whipper is not on PATH; install it with: go install .*WHIPPER_BIN$/,
  );
  assert.match(
    `${lines[3]}`,
    /^BinaryNotFoundError: WHIPPER_BIN names "\/nowhere\/whipper", which is no program/,
  );
  assert.match(`${lines[5]}`, /^BinaryNotFoundError: the option bin names .*tasks\.mjs/);
  for (const i of [0, 2, 4]) assert.equal(lines[i], "received: undefined", out.text + out.errors);
});

test("a logger gets what workers and the supervisor say, and nothing goes to stderr then", async (t) => {
  /** @type {[string, string, any][]} */
  const lines = [];
  const client = pool(t, { logger: (/** @type {[string, string, any]} */ ...line) => lines.push(line) });
  await client.invoke("logs");
  await client.shutdown();
  const record = lines.find(([, message]) => message === "low on paper");
  assert.ok(record, JSON.stringify(lines));
  assert.deepEqual([record[0], record[2].sheets, record[2].worker], ["warn", 3, "w1"]);
  const line = lines.find(([, message]) => message === "a line");
  assert.deepEqual([line?.[0], line?.[2].worker], ["info", "w1"]);
});

test("without a logger what workers print goes to stderr as it is", async (t) => {
  const { closed, out } = run(
    t,
    `const c = new Whipper({ workerModulePath: process.env.TASKS }); await c.invoke("logs"); await c.shutdown();`,
  );
  await closed;
  assert.match(out.errors, /^a line$/m);
  assert.match(out.errors, /low on paper/);
  assert.equal(out.text, "");
});

test("Ctrl-C is the application's: its sidecar goes on until it is told to end", async (t) => {
  const client = pool(t);
  await client.invoke("hello");
  const pid = /** @type {number} */ (client.pid);
  assert.notEqual(
    fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[4],
    fs.readFileSync("/proc/self/stat", "utf8").split(" ")[4],
  );
  assert.ok(alive(pid));
});

test("a worker may use a pool of its own", async (t) => {
  const script = `${folder(t)}/nested.mjs`;
  fs.writeFileSync(
    script,
    `import Whipper from ${JSON.stringify(new URL("../src/index.mjs", import.meta.url).href)};
     export async function nested() {
       const inner = new Whipper({ workerModulePath: ${JSON.stringify(fixture("tasks.mjs"))}, bin: ${JSON.stringify(BIN)} });
       const job = await inner.submit("hello", "inside");
       const outer = await Whipper.connect();
       const other = await outer.submit("echo", "outside");
       const results = [await inner.wait(job), await outer.wait(other)];
       await Promise.all([inner.shutdown(), outer.close()]);
       return results;
     }
     export const echo = (x) => x;`,
  );
  const client = pool(t, { workerModulePath: script });
  assert.deepEqual(await client.invoke("nested"), ["received: inside", "outside"]);
});
