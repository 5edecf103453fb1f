import assert from "node:assert/strict";
import test from "node:test";
import { fixture, ready } from "./worker.mjs";

const ERRORS = fixture("errors.mjs");

test("an error keeps its code, type, own fields and policy", async (t) => {
  const worker = await ready(t, ERRORS);
  /** @param {string} method */
  const thrown = async (method) => {
    const { error } = await worker.call(method);
    const { stack, ...data } = error.data;
    assert.match(stack, /errors\.mjs:\d+/, method);
    assert.doesNotMatch(stack, /src\/worker|node:internal/, "the runner's own frames are nobody's concern");
    return { ...error, data };
  };
  assert.deepEqual(await thrown("subclass"), { code: 1, message: "over", data: { type: "QuotaError" } });
  assert.deepEqual((await thrown("named")).data, { type: "NamedError" });
  assert.deepEqual(await thrown("coded"), { code: 4711, message: "coded", data: { type: "Error" } });
  assert.deepEqual((await thrown("system")).data.fields, { code: "ENOENT", path: "/nowhere" });
  assert.equal((await thrown("permanent")).data.retryable, false);
  assert.deepEqual((await thrown("snooze")).data, { type: "Error", snoozeMs: 1500 });
});

test("causes and collected errors are part of the stack", async (t) => {
  const worker = await ready(t, ERRORS);
  const { stack } = (await worker.call("caused")).error.data;
  assert.match(
    stack,
    /^Error: outer\n[\s\S]*\nCaused by: TypeError: middle\n[\s\S]*\nCaused by: 'innermost'$/,
  );
  const many = (await worker.call("aggregate")).error.data;
  assert.equal(many.type, "AggregateError");
  assert.match(many.stack, /One of its errors: Error: one[\s\S]*One of its errors: Error: two/);
  assert.equal((await worker.call("selfCaused")).error.message, "snake");
});

test("fields that JSON cannot hold are put into words", async (t) => {
  const worker = await ready(t, ERRORS);
  const { fields } = (await worker.call("oddFields")).error.data;
  assert.equal(fields.big, "10n");
  assert.deepEqual(fields.plain, { a: 1 });
  assert.match(fields.circle, /Error: odd/);
  assert.deepEqual(Object.keys(fields).sort(), ["big", "circle", "plain"]);
});

test("an error too large for a frame is cut, and one that resists description is still answered", async (t) => {
  const worker = await ready(t, ERRORS);
  assert.equal((await worker.call("huge")).error.message.length, 64 * 1024);
  assert.match((await worker.call("hostile")).error.message, /cannot be described/);
});

test("anything can be thrown", async (t) => {
  const worker = await ready(t, ERRORS);
  const error = async (/** @type {string} */ method) => (await worker.call(method)).error;
  assert.deepEqual(await error("text"), { code: 1, message: "just text", data: { type: "string" } });
  assert.deepEqual(await error("nothing"), { code: 1, message: "undefined", data: { type: "undefined" } });
  assert.deepEqual(await error("nullish"), { code: 1, message: "null", data: { type: "null" } });
  assert.deepEqual(await error("object"), {
    code: 7,
    message: "an object",
    data: { type: "Object", fields: { hint: "try later" } },
  });
});
