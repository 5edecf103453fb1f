import assert from "node:assert/strict";
import test from "node:test";
import vm from "node:vm";
import { parameterNames } from "../src/worker/parameters.mjs";

/** Each source is compiled, so that what is read is what Node shows of a real function. @param {any[][]} table */
function names(table, compile = (/** @type {string} */ source) => vm.runInThisContext(`(${source})`)) {
  for (const [source, wanted] of table) assert.deepEqual(parameterNames(compile(source)), wanted, source);
}

test("the parameters of functions and arrow functions are read from their source", () => {
  names([
    ["function () {}", []],
    ["function named(a, cb) { return (x, y) => x; }", ["a", "cb"]],
    ["async function (a, cb) {}", ["a", "cb"]],
    ["function* (a, cb) {}", ["a", "cb"]],
    ["() => (1, 2)", []],
    ["(a, cb) => (a, cb)", ["a", "cb"]],
    ["async (a, cb) => a", ["a", "cb"]],
    ["cb => cb(null, 1)", ["cb"]],
    ["async cb => cb", ["cb"]],
    ["async => (async, 1)", ["async"]],
    ["$ => (1, 2)", ["$"]],
    ["(a, žluť_1$) => a", ["a", "žluť_1$"]],
    ["(\n  a,\n  cb,\n) => a", ["a", "cb"]],
  ]);
});

test("the parameters of methods are read from their source", () => {
  const method = (/** @type {string} */ source) => Object.values(vm.runInThisContext(`({ ${source} })`))[0];
  names(
    [
      ["m(a, cb) {}", ["a", "cb"]],
      ["async(a, cb) {}", ["a", "cb"]],
      ["async m(a, cb) {}", ["a", "cb"]],
      ["*m(a, cb) {}", ["a", "cb"]],
      ['"m(x, y)"(a, cb) {}', ["a", "cb"]],
      ['["m".concat("(", `)`)](a, cb) {}', ["a", "cb"]],
      ["1.5(a, cb) {}", ["a", "cb"]],
    ],
    method,
  );
});

test("a parameter that is more than a name has none, but counts", () => {
  names([
    ["(a, cb = null) => a", ["a", ""]],
    ["(a, ...cb) => a", ["a", ""]],
    ["(a, { cb }) => a", ["a", ""]],
    ["(a, [x, cb]) => a", ["a", ""]],
    ["({ a, b: [c, d] = [1, 2], ...rest }, [e, f], cb) => a", ["", "", "cb"]],
    ["(a, b = f(1, (2, 3)), c = (x, y) => { return x, y }, cb) => a", ["a", "", "", "cb"]],
    ["(a = \"),\\\"(\", b = '),\\'(', c = `),\\`$(`, cb) => a", ["", "", "", "cb"]],
    ["(a, c\\u0062) => a", ["a", ""]],
  ]);
});

test("comments are not read", () => {
  names([
    ["function /* (x, y */ named(a /* , b) */, // ), c\n cb /* = 1 */) {}", ["a", "cb"]],
    ["(a /* it's */, cb // \"\n) => a", ["a", "cb"]],
    ["/* (x) */ cb /* , */ => cb", ["cb"]],
    ["(/* nothing */) => 1", []],
    ["(a, /* cb */) => 1", ["a"]],
  ]);
});

test("a list that needs a parser, or that Node does not show, is not guessed at", () => {
  names([
    ["(a = /[,)]/, cb) => a", undefined],
    ["(a = 4 / 2, cb) => a", undefined],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    ["(a = `${1}`, cb) => a", undefined],
    ["((a, cb) => a).bind(null)", undefined],
    ["Math.max", undefined],
    ["new Proxy((a, cb) => a, {})", undefined],
  ]);
});

test("what follows the list is not read", () => {
  names([
    ["(a, cb) => a / 2", ["a", "cb"]],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    ["function (a, cb) { return `${a / 2}`; }", ["a", "cb"]],
    ["cb => /[`]/", ["cb"]],
  ]);
});

test("however long a function is, only its beginning is looked at", () => {
  const source = `(a, cb) => { ${"a / 2;".repeat(100_000)} }`;
  assert.deepEqual(parameterNames(vm.runInThisContext(source)), ["a", "cb"]);
});
