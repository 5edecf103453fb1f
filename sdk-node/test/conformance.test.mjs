import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { start } from "./worker.mjs";

const ROOT = fileURLToPath(new URL("../../conformance", import.meta.url));

for (const file of fs.readdirSync(`${ROOT}/worker`).filter((name) => name.endsWith(".jsonl"))) {
  const lines = fs.readFileSync(`${ROOT}/worker/${file}`, "utf8").trimEnd().split("\n");
  const [head, ...steps] = lines.map((line) => JSON.parse(line));
  for (const extension of file === "cancel.jsonl" ? ["mjs"] : ["mjs", "cjs"]) {
    for (const sockets of file === "call.jsonl" ? [false, true] : [false]) {
      const name = `${head.fixture}.${extension}`;
      test(`${file} is played by ${name} over ${sockets ? "sockets" : "pipes"}`, { timeout: 60_000 }, (t) =>
        play(start(t, `${ROOT}/fixtures/${name}`, { sockets }), steps),
      );
    }
  }
}

/** @param {ReturnType<typeof start>} worker @param {any[]} steps */
async function play(worker, steps) {
  for (const step of steps) {
    if ("to" in step) {
      worker.send(step.to);
      continue;
    }
    const frame = await worker.next();
    assert.ok(matches(frame, step.from), `wanted ${JSON.stringify(step.from)}, got ${JSON.stringify(frame)}`);
  }
  worker.stdin.end();
  const [exit] = await worker.closed;
  assert.deepEqual(exit, { code: 0, signal: null }, worker.stderr);
  assert.deepEqual(worker.unread, []);
}

/** @param {any} got @param {any} want @returns {boolean} */
function matches(got, want) {
  if (want === "*") return got !== undefined;
  if (typeof want !== "object" || want === null) return got === want;
  if (typeof got !== "object" || got === null || Array.isArray(got) !== Array.isArray(want)) return false;
  if (Array.isArray(want) && got.length !== want.length) return false;
  return Object.keys(want).every((key) => matches(got[key], want[key]));
}
