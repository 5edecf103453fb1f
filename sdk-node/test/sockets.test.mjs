import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { fixture, ready, start } from "./worker.mjs";

const SOCKETS = fixture("sockets.mjs");

/** A worker that has a listening socket, which nobody else has. @param {import("node:test").TestContext} t */
async function listening(t) {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  const worker = await ready(t, SOCKETS, { listen: [/** @type {any} */ (server)._handle.fd] });
  server.close();
  return { worker, port };
}

/** @param {number} port @param {string} path */
async function get(port, path) {
  const [response] = await once(http.get({ port, path, agent: false }), "response");
  return (await response.setEncoding("utf8").toArray()).join("");
}

test("a script gets the sockets by descriptor and name, and children get none", async (t) => {
  const { worker } = await listening(t);
  assert.deepEqual((await worker.call("given", [])).result, [{ fd: 3, name: "web" }]);
  if (process.platform === "linux") assert.equal((await worker.call("inherited", [])).result, false);
});

test("without shared sockets there are none", async (t) => {
  const worker = await ready(t, SOCKETS);
  assert.deepEqual((await worker.call("given", [])).result, []);
});

for (const way of ["$/shutdown", "SIGTERM"]) {
  test(`at ${way} a server finishes its requests before the worker exits`, async (t) => {
    const { worker, port } = await listening(t);
    assert.equal(await get(port, "/"), `process ${worker.child.pid}`);
    const slow = get(port, "/slow");
    await worker.says("request has come");
    if (way === "SIGTERM") worker.child.kill("SIGTERM");
    else worker.notify("$/shutdown");
    assert.equal(await slow, `process ${worker.child.pid}`);
    assert.deepEqual(await worker.exited, { code: 0, signal: null });
    await worker.closed;
    assert.match(worker.stderr, /Error: no matter.*closing.*closed/s);
  });
}

test("a script that requires the package gets it too", async (t) => {
  const worker = await ready(t, fixture("required.cjs"));
  assert.equal((await worker.call("count", [])).result, 0);
});

test("what is installed by the package's name goes first, and reaches the runner", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "whipper-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const copy = path.join(folder, "node_modules", "whipper");
  fs.cpSync(new URL("../src", import.meta.url), path.join(copy, "src"), { recursive: true });
  fs.copyFileSync(new URL("../package.json", import.meta.url), path.join(copy, "package.json"));
  for (const [name, source] of [
    [
      "tasks.mjs",
      `import { onShutdown } from "whipper"; export const where = () => import.meta.resolve("whipper");`,
    ],
    [
      "tasks.cjs",
      `const { onShutdown } = require("whipper"); exports.where = () => require.resolve("whipper");`,
    ],
  ]) {
    const script = path.join(folder, /** @type {string} */ (name));
    fs.writeFileSync(script, `${source}\nonShutdown(() => console.log("heard"));\n`);
    const worker = await ready(t, script);
    assert.match((await worker.call("where", [])).result, /node_modules/);
    worker.notify("$/shutdown");
    await worker.closed;
    assert.match(worker.stderr, /heard/);
  }
});

test("a package of another name that is not there is still missed", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "whipper-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const script = path.join(folder, "tasks.mjs");
  fs.writeFileSync(script, `import "whipper"; import "no-such-package";`);
  const worker = start(t, script);
  await worker.closed;
  assert.match(worker.stderr, /Cannot find package 'no-such-package'/);
});
