import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { load } from "../src/worker/load.mjs";
import { VERSION } from "../src/worker/version.mjs";
import { fixture, ready, start } from "./worker.mjs";

/** @param {string} name */
const methods = async (name) => [...(await load(fixture(name))).methods.keys()];

test("named exports and members of a default object are methods; private names, classes and values are not", async () => {
  assert.deepEqual(await methods("exports.mjs"), ["a", "b", "initialize", "member", "same"]);
});

test("a named export goes before a default member of the same name", async (t) => {
  const worker = await ready(t, fixture("exports.mjs"));
  assert.equal((await worker.call("same")).result, "named");
});

test("a member of a default object has that object as its this", async (t) => {
  const worker = await ready(t, fixture("exports.mjs"));
  assert.equal((await worker.call("member")).result, "from default");
  assert.equal((await worker.call("initialize")).result, "mine");
});

test("members of module.exports are methods with module.exports as their this", async (t) => {
  assert.deepEqual(await methods("exports.cjs"), ["member", "spread"]);
  const worker = await ready(t, fixture("exports.cjs"));
  assert.equal((await worker.call("member")).result, "own member");
});

test("a module that is one function offers it under its own name", async () => {
  assert.deepEqual(await methods("single.cjs"), ["resize"]);
});

test("a compiled ES module is taken as what it was written as", async (t) => {
  assert.deepEqual(await methods("compiled.cjs"), ["member", "named"]);
  const worker = await ready(t, fixture("compiled.cjs"));
  assert.equal((await worker.call("named")).result, "object");
});

test("the introduction names script, version, concurrency and methods", async (t) => {
  const introduction = await start(t, fixture("exports.mjs")).initialize();
  assert.deepEqual(introduction, {
    protocolVersion: 1,
    name: "exports.mjs",
    version: VERSION,
    concurrency: 3,
    methods: ["a", "b", "initialize", "member", "same"].map((name) => ({ name })),
  });
});

test("concurrency is 10 unless the module exports a number", async () => {
  assert.equal((await load(fixture("single.cjs"))).concurrency, 10);
  assert.equal((await load(fixture("exports.cjs"))).concurrency, 2);
  await assert.rejects(
    load(fixture("bad-concurrency.mjs")),
    /concurrency is many, but must be a whole number/,
  );
});

test("a module whose loading throws ends the worker with status 1 and its stack on stderr", async (t) => {
  const worker = start(t, fixture("throws.mjs"));
  worker.request("$/initialize");
  const [exit] = await worker.closed;
  assert.deepEqual(exit, { code: 1, signal: null });
  assert.match(worker.stderr, /cannot start today[\s\S]*at .*throws\.mjs:1/);
  assert.deepEqual(worker.unread, []);
});

test("a syntax error is shown with its file, line and source", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "whipper-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const script = path.join(folder, "broken.mjs");
  fs.writeFileSync(script, "export const fine = () => 1;\nexport const broken = () => ];\n");
  const worker = start(t, script);
  const [exit] = await worker.closed;
  assert.equal(exit.code, 1);
  assert.match(worker.stderr, /broken\.mjs:2\nexport const broken = \(\) => \];/);
});

test("a script that is missing or offers nothing is named in one line", async (t) => {
  const missing = start(t, fixture("missing.mjs"));
  assert.equal((await missing.closed)[0].code, 1);
  assert.equal(missing.stderr, `cannot find the script ${fixture("missing.mjs")}\n`);
  const empty = start(t, fixture("empty.mjs"));
  assert.equal((await empty.closed)[0].code, 1);
  assert.match(empty.stderr, /^.*empty\.mjs exports no functions, so there is nothing to call in it\n$/);
});

test("the runner's version is the package's", () => {
  const text = fs.readFileSync(new URL("../package.json", import.meta.url), "utf8");
  assert.equal(JSON.parse(text).version, VERSION);
});
