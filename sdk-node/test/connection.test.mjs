import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import test from "node:test";
import Whipper from "whipper";
import { BIN, fixture, folder, gone, pool, run, serve, supervisor } from "./pool.mjs";

/** @param {import("node:test").TestContext} t @param {Record<string, unknown>} options */
async function connect(t, options) {
  const client = await Whipper.connect(options);
  const waits = setInterval(() => {}, 60_000);
  t.after(async () => {
    await client.close();
    clearInterval(waits);
  });
  return client;
}

test("connect finds a supervisor by folder, by socket, and as the environment says", async (t) => {
  const dir = folder(t);
  await supervisor(t, `${dir}/.whipper`);
  for (const options of [{ dir: `${dir}/.whipper` }, { socket: `${dir}/.whipper/whipper.sock` }]) {
    const client = await connect(t, options);
    assert.equal(await client.invoke("hello", "you"), "received: you");
    assert.equal(client.stats().workers.forkCount, 1);
  }
  fs.mkdirSync(`${dir}/deep/down`, { recursive: true });
  const { out, closed } = run(
    t,
    `process.chdir(${JSON.stringify(`${dir}/deep/down`)});
     const client = await Whipper.connect();
     console.log(await client.invoke("hello", "below"));
     process.env.WHIPPER_DIR = "/nowhere";
     await Whipper.connect().catch((e) => console.log(e.name, e.message));`,
  );
  assert.deepEqual(await closed, { code: 0, signal: null }, out.errors);
  assert.match(
    out.text,
    /received: below\nNoSupervisorError no supervisor is running in folder "\/nowhere": ENOENT/,
  );
});

test("where no supervisor is, connect says so at once", async (t) => {
  const dir = folder(t);
  await assert.rejects(Whipper.connect({ dir }), (error) => {
    assert.ok(error instanceof Whipper.NoSupervisorError);
    assert.match(error.message, /no supervisor listens on socket ".*whipper\.sock": ENOENT/);
    return true;
  });
  await assert.rejects(Whipper.connect({ socket: `${dir}/none` }), Whipper.NoSupervisorError);
});

test("closing a client cancels its calls, and leaves jobs and the supervisor alone", async (t) => {
  const dir = folder(t);
  await supervisor(t, `${dir}/w`);
  const watcher = await connect(t, { dir: `${dir}/w` });
  const client = await connect(t, { dir: `${dir}/w` });
  const started = once(watcher, "job:started");
  const cancelled = once(watcher, "job:cancelled");
  await watcher.request("ping"); // it waits for the subscription
  const call = assert.rejects(client.invoke("gate", `${dir}/never`), Whipper.ClosedError);
  await started;
  await client[Symbol.asyncDispose]();
  await call;
  await cancelled;
  assert.equal(await watcher.invoke("hello", "you"), "received: you");
});

test("after a restart of the supervisor the client goes on", async (t) => {
  const dir = `${folder(t)}/w`;
  const first = await supervisor(t, dir);
  const client = await connect(t, { dir });
  const available = () => once(client, "worker:pool:available");
  const gate = `${dir}/gate`;
  const started = once(client, "job:started");
  await client.request("ping");
  const call = client.invoke("gate", gate).catch((/** @type {Error} */ error) => error);
  await started;
  const { id } = await client.submit("hello", "before", { delayMs: 100, idempotencyKey: "before" });
  const wait = client.wait(id);
  first.child.kill("SIGKILL");
  await first.exited;

  const lost = await call;
  assert.ok(lost instanceof Whipper.ConnectionLostError);
  assert.equal(
    lost.message,
    "the connection ended before gate was answered: whether it took effect is unknown",
  );
  // Asked while nobody is there: sent to the next supervisor.
  const keyed = client.submit("hello", "between", { idempotencyKey: "between" });
  const unkeyed = client.submit("hello", "between");
  const invoked = client.invoke("hello", "between");
  const told = available();
  await supervisor(t, dir);
  assert.equal(await invoked, "received: between");
  assert.equal(await wait, "received: before"); // a wait is asked again
  for (const job of [await keyed, await unkeyed]) assert.equal(await client.wait(job), "received: between");
  await told; // subscribed again
  assert.equal((await client.submit("hello", "between", { idempotencyKey: "between" })).duplicate, true);
  assert.ok(client.stats().workers.callsHandled >= 4);
});

test("of what was sent when the supervisor dies, only what does no harm twice is sent again", async (t) => {
  // A socket that takes everything and answers nothing, and then is a supervisor's.
  const dir = `${folder(t)}/w`;
  fs.mkdirSync(dir, { mode: 0o700 });
  /** @type {string[]} */
  const got = [];
  /** @type {net.Socket[]} */
  const sockets = [];
  const deaf = net.createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {}).setEncoding("utf8");
    socket.on("data", (/** @type {string} */ text) => {
      for (const line of text.trimEnd().split("\n")) {
        const { id, method, params } = JSON.parse(line);
        if (method === "pool.stats") socket.write(`{"jsonrpc":"2.0","id":${id},"result":{"workers":{}}}\n`);
        else got.push(params.idempotencyKey ?? params.method);
        if (got.length === 3) socket.emit("enough");
      }
    });
  });
  deaf.listen(`${dir}/whipper.sock`);
  await once(deaf, "listening");
  const client = await connect(t, { dir });
  const keyed = client.submit("hello", "you", { idempotencyKey: "key" });
  const unkeyed = assert.rejects(client.submit("hello", "you"), (error) => {
    assert.ok(error instanceof Whipper.ConnectionLostError);
    assert.match(error.message, /the submission of hello was answered.*unknown; with an idempotencyKey/);
    return true;
  });
  const invoked = assert.rejects(client.invoke("hello", "you"), Whipper.ConnectionLostError);
  if (got.length < 3) await once(/** @type {any} */ (sockets[0]), "enough");
  for (const socket of sockets) socket.destroy();
  deaf.close();
  await Promise.all([unkeyed, invoked]);
  fs.rmSync(dir, { recursive: true, force: true });
  await supervisor(t, dir);
  const { id, duplicate } = await keyed;
  assert.deepEqual([duplicate, await client.wait(id)], [false, "received: you"]);
  assert.deepEqual(got.sort(), ["hello", "hello", "key"]);
});

test("what is asked when the connection has ended, and is not closed yet, is sent over the next one", async (t) => {
  const path = `${folder(t)}/s`;
  let connections = 0;
  const server = net.createServer((socket) => {
    const isLast = ++connections === 2;
    socket.on("error", () => {}).setEncoding("utf8");
    socket.on("data", (/** @type {string} */ text) => {
      for (const line of text.trimEnd().split("\n")) {
        const { id, method } = JSON.parse(line);
        const result = method === "job.submit" ? { id: 7 } : { workers: {} };
        socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
        if (!isLast) socket.end();
      }
    });
    if (isLast) server.close();
  });
  await once(server.listen(path), "listening");
  /** @type {Promise<any> | undefined} */
  let submitted;
  const ended = new Promise((resolve) => {
    const watch = (/** @type {any} */ { socket }) => {
      unsubscribe("net.client.socket", watch);
      socket.once("end", () => {
        submitted = client.submit("hello");
        resolve(undefined);
      });
    };
    subscribe("net.client.socket", watch);
  });
  const client = await connect(t, { socket: path });
  await ended;
  assert.equal((await submitted).id, 7);
});

test("a keyed submission that a draining supervisor refuses goes to the next one", async (t) => {
  const dir = `${folder(t)}/w`;
  const first = await supervisor(t, dir);
  const client = await connect(t, { dir });
  const started = once(client, "job:started");
  const draining = once(client, "worker:pool:unavailable");
  await client.request("ping");
  const call = client.invoke("gate", `${dir}/gate`);
  await started;
  first.child.kill("SIGTERM");
  await draining;
  const keyed = client.submit("hello", "you", { idempotencyKey: "key" });
  await assert.rejects(client.submit("hello", "you"), Whipper.ShuttingDownError);
  fs.writeFileSync(`${dir}/gate`, "");
  assert.equal(await call, "open");
  await first.exited;
  await supervisor(t, dir);
  assert.equal(await client.wait(await keyed), "received: you");
});

test("who ends each connection at once is not called in a storm, nor waited for for ever", async (t) => {
  const path = `${folder(t)}/s`;
  let connections = 0;
  const server = net.createServer((socket) => {
    connections++;
    socket.destroy();
  });
  t.after(() => server.close());
  await once(server.listen(path), "listening");
  const client = await connect(t, { socket: path, reconnectTimeout: 300 });
  const broken = {
    name: "NoSupervisorError",
    message: /^the supervisor ends each connection as soon as it is made/,
  };
  await Promise.all([
    assert.rejects(client.invoke("hello"), broken), // never sent
    assert.rejects(client.request("ping"), broken),
  ]);
  assert.ok(connections < 20, `${connections} connections`);
});

test("a listener that came while there was no supervisor hears of the next one, as do those before it", async (t) => {
  const dir = `${folder(t)}/w`;
  const first = await supervisor(t, dir);
  const client = await connect(t, { dir });
  const heard = { started: 0, succeeded: 0 };
  client.on("job:started", () => heard.started++);
  await client.invoke("hello");
  const nap = client.invoke("nap", 60_000);
  while (heard.started < 2) await new Promise((resolve) => setImmediate(resolve));
  first.child.kill("SIGKILL");
  await assert.rejects(nap, Whipper.ConnectionLostError);
  await first.exited;
  client.on("job:succeeded", () => heard.succeeded++);
  await supervisor(t, dir);
  await client.invoke("hello"); // no listener is added any more: that would ask for all of them again
  while (heard.started < 3 || heard.succeeded < 1) await new Promise((resolve) => setImmediate(resolve));
});

test("requests do not wait for a supervisor for ever", async (t) => {
  const dir = `${folder(t)}/w`;
  const { child, exited } = await supervisor(t, dir);
  const client = await connect(t, { dir, reconnectTimeout: 100 });
  child.kill("SIGKILL");
  await exited;
  await assert.rejects(client.submit("hello", "you"), Whipper.NoSupervisorError);
});

test("a sidecar that dies is started again, on the same ledger", async (t) => {
  const client = pool(t, {});
  const { id } = await client.submit("hello", "later", { delayMs: 300 });
  const pid = /** @type {number} */ (client.pid);
  const wait = client.wait(id);
  process.kill(pid, "SIGKILL");
  assert.equal(await wait, "received: later");
  assert.notEqual(client.pid, pid);
  await gone(pid);
  await client.shutdown();
  assert.equal(fs.existsSync(/** @type {string} */ (client.dir)), false);
});

test("a sidecar that does not come up again at once is tried again, and given up after a few times", async (t) => {
  const dir = folder(t);
  const bin = `${dir}/whipper`;
  const real = `exec ${BIN} "$@"`;
  const write = (/** @type {string} */ line) =>
    fs.writeFileSync(bin, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  write(real);
  const client = pool(t, { bin });
  assert.equal(await client.invoke("hello", "first"), "received: first");
  write(`if [ ! -e ${dir}/tried ]; then touch ${dir}/tried; exit 1; fi; ${real}`);
  process.kill(/** @type {number} */ (client.pid), "SIGKILL");
  assert.equal(await eventually(() => client.invoke("hello", "second")), "received: second");
  write("echo 'no such luck' >&2; exit 1");
  process.kill(/** @type {number} */ (client.pid), "SIGKILL");
  await assert.rejects(
    eventually(() => client.invoke("hello", "third")),
    (error) => error instanceof Whipper.StartError && /no such luck/.test(error.message),
  );
});

/** Calls again as long as the connection is lost under a call that was sent. @param {() => Promise<unknown>} call */
async function eventually(call) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Whipper.ConnectionLostError)) throw error;
    }
  }
}

test("a program that is no worker of Node's is served by its command", async (t) => {
  const script = `${folder(t)}/worker.sh`;
  fs.writeFileSync(
    script,
    `#!/bin/sh
while read -r line; do
  id=$(echo "$line" | sed 's/.*"id":\\([0-9]*\\).*/\\1/')
  case "$line" in
    *'"$/initialize"'*) echo '{"jsonrpc":"2.0","id":'$id',"result":{}}' ;;
    *'"$/'*) ;;
    *) echo '{"jsonrpc":"2.0","id":'$id',"result":"from sh"}' ;;
  esac
done
`,
  );
  const client = pool(t, { command: ["/bin/sh", script], bin: BIN });
  assert.equal(await client.invoke("anything"), "from sh");
});

test("a supervisor of several pools: a client is for one of them, or says so with each call", async (t) => {
  const dir = folder(t);
  const tasks = JSON.stringify(fixture("tasks.mjs"));
  fs.writeFileSync(
    `${dir}/whipper.yaml`,
    `pools:\n  one: {script: ${tasks}, max-workers: 1}\n  two: {script: ${tasks}, max-workers: 1}\n`,
  );
  await serve(t, `${dir}/w`, `${dir}/whipper.yaml`);
  const two = await connect(t, { dir: `${dir}/w`, pool: "two" });
  assert.equal(await two.invoke("hello", "two"), "received: two");
  assert.equal(two.stats().workers.callsHandled, 1);
  assert.ok("hello" in (await two.workerProxy()));
  const both = await connect(t, { dir: `${dir}/w` });
  /** @type {Map<unknown, string>} */
  const seen = new Map();
  both.on("worker:working-status:idle", (worker, { pool }) => seen.set(worker, pool));
  await assert.rejects(both.invoke("hello", "nobody"), /pool: not given, and there are several: one, two/);
  assert.throws(() => both.stats(), Whipper.InvalidArgumentError);
  for (const pool of ["one", "two"])
    assert.equal(await both.invoke("hello", pool, { pool }), `received: ${pool}`);
  while (seen.size < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([...seen.values()], ["one", "two"]);
});
