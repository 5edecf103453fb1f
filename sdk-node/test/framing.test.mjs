import assert from "node:assert/strict";
import { Writable } from "node:stream";
import test from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { FrameReader, FrameWriter } from "../src/worker/framing.mjs";

/** What a reader makes of chunks. @param {(string | Buffer)[]} chunks @param {number} [limit] */
function read(chunks, limit) {
  /** @type {string[]} */
  const seen = [];
  const reader = new FrameReader(
    (frame) => seen.push(frame),
    () => seen.push("TOO LARGE"),
    limit,
  );
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  return seen;
}

test("frames come out whole however their bytes were cut", () => {
  const text = "one\nzwölf 🐴\n\nlast\n";
  const bytes = Buffer.from(text);
  for (let size = 1; size <= bytes.length; size++) {
    const chunks = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    assert.deepEqual(read(chunks), ["one", "zwölf 🐴", "", "last"], `chunks of ${size}`);
  }
});

test("a frame without its newline is not a frame yet", () => {
  assert.deepEqual(read(["one\ntw"]), ["one"]);
});

test("a frame of exactly the limit passes; a larger one is dropped once, however it comes", () => {
  assert.deepEqual(read(["12345678\n123456789\nok\n"], 8), ["12345678", "TOO LARGE", "ok"]);
  assert.deepEqual(read([..."12345678\n123456789abcdefghijklmno\nok\n"], 8), ["12345678", "TOO LARGE", "ok"]);
  assert.deepEqual(read(["1234", "56789abc", "def", "\nok\n"], 8), ["TOO LARGE", "ok"]);
  assert.deepEqual(read(["ääää\näääää\n"], 8), ["ääää", "TOO LARGE"], "the limit counts bytes");
});

/** A writer on a stream whose writes end when the test says so. */
function slow() {
  /** @type {string[]} */
  const written = [];
  /** @type {(() => void)[]} */
  const pending = [];
  const stream = new Writable({
    highWaterMark: 16,
    decodeStrings: false,
    write(chunk, _encoding, done) {
      written.push(chunk);
      pending.push(done);
    },
  });
  const drained = { count: 0 };
  const writer = new FrameWriter(stream, -1, () => drained.count++);
  return { writer, written, drained, release: () => pending.shift()?.() };
}

test("answers of one turn of the event loop are one write", async () => {
  const { writer, written } = slow();
  writer.send("a");
  await Promise.resolve();
  writer.send("b");
  await turn();
  assert.deepEqual(written, ["a\nb\n"]);
});

test("while the other side does not read nothing more is written, and its taking up again is told", async () => {
  const { writer, written, drained, release } = slow();
  writer.send("x".repeat(20));
  await turn();
  writer.send("b");
  writer.send("c");
  await turn();
  assert.equal(written.length, 1);
  assert.equal(writer.backlog, 25);
  assert.equal(drained.count, 0);
  release();
  await turn();
  assert.deepEqual(written.slice(1), ["b\nc\n"]);
  assert.equal(drained.count, 1);
});

test("a large backlog is written in pieces", async () => {
  const { writer, written, release } = slow();
  const frame = "x".repeat(700_000);
  for (let i = 0; i < 3; i++) writer.send(frame);
  for (let i = 0; i < 3; i++) {
    await turn();
    release();
  }
  assert.deepEqual(written, [`${frame}\n`, `${frame}\n`, `${frame}\n`]);
});

test("idle means that everything has been taken", async () => {
  const { writer, release } = slow();
  let idle = false;
  writer.send("a");
  writer.whenIdle(() => {
    idle = true;
  });
  await turn();
  assert.equal(idle, false);
  release();
  await turn();
  assert.equal(idle, true);
});

test("a writer whose other side is gone is idle and silent", async () => {
  const { writer, written } = slow();
  let idle = false;
  writer.send("a");
  writer.whenIdle(() => {
    idle = true;
  });
  writer.break();
  writer.send("b");
  await turn();
  assert.equal(idle, true);
  assert.deepEqual(written, []);
});
