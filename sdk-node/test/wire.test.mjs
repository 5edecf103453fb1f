import assert from "node:assert/strict";
import process from "node:process";
import test from "node:test";
import { fixture, ready } from "./worker.mjs";

const PRINTS = fixture("prints.mjs");
const onLinux = { skip: process.platform !== "linux" && "needs /proc" };

for (const [method, text] of [
  ["log", "from console"],
  ["stdout", "from process.stdout"],
  ["descriptor", "from descriptor 1"],
  ["child", "from a child"],
]) {
  test(`what is printed ${text} goes to stderr and not to the wire`, onLinux, async (t) => {
    const worker = await ready(t, PRINTS);
    assert.equal((await worker.call(`${method}`)).error, undefined);
    worker.stdin.end();
    await worker.closed;
    assert.equal(worker.stderr, `printed while loading\n${text}\n`);
    assert.deepEqual(worker.unread, []);
  });
}

test("over sockets, which cannot be opened anew, console and process.stdout still go to stderr", async (t) => {
  const worker = await ready(t, PRINTS, { sockets: true });
  await worker.call("log");
  await worker.call("stdout");
  assert.equal((await worker.call("processStdin")).result, "");
  worker.stdin.end();
  await worker.closed;
  assert.equal(worker.stderr, "printed while loading\nfrom console\nfrom process.stdout\n");
  assert.deepEqual(worker.unread, []);
});

test("user code that reads stdin finds it empty and takes nothing from the wire", onLinux, async (t) => {
  const worker = await ready(t, PRINTS);
  worker.request("stdin");
  worker.request("processStdin");
  assert.equal((await worker.next()).result, "");
  assert.equal((await worker.next()).result, "");
});

test("a preloaded module that has opened the standard streams does no harm", onLinux, async (t) => {
  const preload = "data:text/javascript,process.stdin; process.stdout; process.stderr;";
  const worker = await ready(t, PRINTS, { node: ["--import", preload] });
  assert.equal((await worker.call("processStdin")).result, "");
  await worker.call("stdout");
  worker.stdin.end();
  await worker.closed;
  assert.equal(worker.stderr, "printed while loading\nfrom process.stdout\n");
  assert.deepEqual(worker.unread, []);
});

test("a thread that opens a file while a descriptor is replaced does no harm", onLinux, async (t) => {
  const worker = await ready(t, PRINTS, { node: ["--import", fixture("takes-descriptors.mjs")] });
  await worker.call("descriptor");
  assert.equal((await worker.call("processStdin")).result, "");
  worker.stdin.end();
  await worker.closed;
  assert.equal(worker.stderr, "took 0\ntook 1\nprinted while loading\nfrom descriptor 1\n");
  assert.deepEqual(worker.unread, []);
});

test("a child process does not inherit the wire", onLinux, async (t) => {
  const worker = await ready(t, PRINTS);
  const descriptors = (await worker.call("inherited")).result;
  // The shell itself holds one more for its listing, depending on which shell it is.
  assert.ok(descriptors.length <= 4 && [0, 1, 2].every((fd) => descriptors.includes(fd)), `${descriptors}`);
});

test("the script sees its own arguments", async (t) => {
  const worker = await ready(t, PRINTS, { args: ["one", "--two"] });
  assert.deepEqual((await worker.call("argv")).result, [PRINTS, "one", "--two"]);
});
