import assert from "node:assert/strict";
import test from "node:test";
import { fixture, ready } from "./worker.mjs";

const CALLS = fixture("calls.mjs");

/** One worker for a table of calls: method, params, result. @param {string} name @param {any[][]} table */
function results(name, table) {
  test(name, async (t) => {
    const worker = await ready(t, CALLS);
    for (const [method, params, result] of table) {
      assert.deepEqual((await worker.call(method, params)).result, result, method);
    }
  });
}

results("params are arguments by position, or one object, or nothing", [
  ["args", [1, "b", null], [1, "b", null]],
  ["args", { a: 1 }, [{ a: 1 }]],
  ["args", undefined, []],
  ["args", null, []],
  ["concat", [1, 2], "1,2"],
]);

results("plain values, promises and thenables are results", [
  ["concat", ["a", "b"], "a,b"],
  ["later", [{ x: [1] }], { x: [1] }],
  ["thenable", [5], 5],
  ["undefinedResult", [], null],
]);

results("a plain function whose last parameter is named as a callback gets one if only that is missing", [
  ["addBack", [1, 2], 3],
  ["typeOfCallback", [1], "function"],
  ["typeOfCb", [1], "function"],
  ["typeOfDone", [1], "function"],
  ["typeOfNext", [1], "function"],
  ["typeOfDone", [1, 2], "number"],
  ["typeOfDone", [], "undefined"],
  ["typesOfTwo", [1], ["undefined", "undefined"]],
  ["typesOfTwo", [1, 2], ["number", "function"]],
  ["typesAfterDefault", [], ["undefined", "number", "undefined"]],
  ["typesAfterDefault", [1, 2], ["number", "number", "function"]],
  ["typeOfOptional", [1], "string"],
  ["typeOfAsync", [1], "undefined"],
]);

results("a forgotten argument is undefined, as anywhere in JavaScript, and never a callback", [
  ["add", [1], null], // NaN
  ["add", { a: 1, b: 2 }, "[object Object]undefined"],
  ["concat", [1], "1,undefined"],
  ["typeOfSecond", [1], "undefined"],
  ["typeOfGiven", [], []],
]);

results("params by name are one object, whatever else the function declares", [
  ["typeOfDone", { by: "name" }, "undefined"],
  ["markedSecond", { by: "name" }, "undefined"],
  ["typeOfGiven", { by: "name" }, ["object"]],
]);

results("a function can say itself whether its last argument is a callback", [
  ["markedSecond", [1], "function"],
  ["markedSecond", [], "undefined"],
  ["markedSecond", [1, 2], "number"],
  ["markedBound", [1], "function"],
  ["markedAfterDefault", [1, 2], "function"],
  ["markedAfterDefault", [], "undefined"],
  ["markedAsync", [1], "undefined"],
  ["unmarked", [1], "undefined"],
  ["oddlyMarked", [1], "undefined"],
]);

results("of callback, returned value and promise the first one counts", [
  ["twiceBack", [], "first"],
  ["returnBeforeBack", [], "return"],
  ["promiseAndBack", [], "callback"],
  ["promiseBeforeBack", [], "promise"],
  ["later", ["the worker lives"], "the worker lives"],
]);

test("rejections, callback errors, missing callbacks and broken thenables are errors", async (t) => {
  const worker = await ready(t, CALLS);
  assert.equal((await worker.call("rejects")).error.data.type, "RangeError");
  assert.equal((await worker.call("failBack", ["no"])).error.message, "no");
  assert.match(
    (await worker.call("failBack", { message: "no" })).error.message,
    /callback is not a function/,
  );
  assert.equal((await worker.call("brokenThenable")).error.message, "no then for you");
});

test("a result that JSON cannot hold is an error that is not to be retried", async (t) => {
  const worker = await ready(t, CALLS);
  for (const [method, params, why] of [
    ["bigint", [], /result of bigint .*BigInt/],
    ["circular", [], /result of circular .*circular/],
    ["aFunction", [], /result of aFunction .*function/],
    ["throwsInToJSON", [], /result of throwsInToJSON .*not me/],
    ["nested", [100_000], /result of nested .*call stack/],
    ["big", [16 * 1024 * 1024], /result of big has 16777218 bytes/],
  ]) {
    const { error } = await worker.call(/** @type {string} */ (method), params);
    assert.match(error.message, /** @type {RegExp} */ (why));
    assert.equal(error.data.retryable, false);
  }
  assert.deepEqual((await worker.call("args", [1])).result, [1]);
});

test("params nested beyond reason do no harm", async (t) => {
  const worker = await ready(t, CALLS);
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  worker.send(`{"jsonrpc":"2.0","id":99,"method":"concat","params":[${deep},1]}`);
  assert.equal((await worker.next()).id, 99);
  assert.deepEqual((await worker.call("args", [1])).result, [1]);
});

test("many calls are under way at once and each gets its own answer, once", async (t) => {
  const worker = await ready(t, CALLS);
  const wanted = new Map();
  for (let i = 0; i < 2000; i++) wanted.set(worker.request(i % 2 ? "later" : "thenable", [i]), i);
  while (wanted.size > 0) {
    const { id, result } = await worker.next();
    assert.equal(wanted.get(id), result);
    wanted.delete(id);
  }
  await worker.call("$/ping");
  assert.deepEqual(worker.unread, []);
});

test("an id that is under way is refused without touching the call that has it", async (t) => {
  const worker = await ready(t, CALLS);
  worker.send({ jsonrpc: "2.0", id: 50, method: "later", params: ["mine"] });
  worker.send({ jsonrpc: "2.0", id: 50, method: "args", params: ["other"] });
  const [refusal, answer] = [await worker.next(), await worker.next()];
  assert.deepEqual([refusal.id, refusal.error.code], [null, -32600]);
  assert.deepEqual([answer.id, answer.result], [50, "mine"]);
});

test("an id that JavaScript would round is refused rather than answered wrongly", async (t) => {
  const worker = await ready(t, CALLS);
  for (const id of ["9007199254740993", "1.5", "1e400", "true", "null"]) {
    worker.send(`{"jsonrpc":"2.0","id":${id},"method":"args"}`);
    const answer = await worker.next();
    assert.deepEqual([answer.id, answer.error.code], [null, -32600], id);
  }
});

test("answers larger than a pipe arrive whole while the reader is slow", async (t) => {
  const worker = await ready(t, CALLS);
  worker.stdout.pause();
  for (let i = 0; i < 8; i++) worker.request("big", [3_000_000]);
  worker.stdout.resume();
  for (let i = 0; i < 8; i++) assert.equal((await worker.next()).result.length, 3_000_000);
});

test("a frame that is too large is answered to nobody, and the next one is served", async (t) => {
  const worker = await ready(t, CALLS);
  worker.request("args", ["x".repeat(16 * 1024 * 1024)]);
  const { id, error } = await worker.next();
  assert.deepEqual([id, error.code, error.data.type], [null, 1009, "MessageTooLargeError"]);
  assert.deepEqual((await worker.call("args", [1])).result, [1]);
});

test("a function can see which call it serves", async (t) => {
  const worker = await ready(t, CALLS);
  const answer = await worker.call("meta", [], { meta: { job: 42, attempt: 1 } });
  assert.deepEqual(answer.result, { id: answer.id, meta: { job: 42, attempt: 1 } });
  assert.deepEqual((await worker.call("meta", [], { meta: "odd" })).result.meta, {});
});

test("after a cancellation whatever the call throws is -32800, and what it returns is its result", async (t) => {
  const worker = await ready(t, CALLS);
  for (const outcome of ["throw", "return"]) {
    const id = worker.request("untilAborted", [outcome]);
    worker.notify("$/cancelRequest", { id });
    const answer = await worker.next();
    assert.equal(answer.id, id);
    if (outcome === "return") assert.equal(answer.result, "return");
    else assert.deepEqual([answer.error.code, answer.error.message], [-32800, "stopped half-way"]);
  }
});
