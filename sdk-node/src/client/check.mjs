import { inspect } from "node:util";

/**
 * What an option may be: ok says whether a value will do, wanted what it must be.
 * @typedef {{ok: (value: any) => boolean, wanted: string}} Rule
 */

/** Options that are wrong. Its message names each and what it may be. */
export class OptionsError extends TypeError {
  /** @param {string[]} problems */
  constructor(problems) {
    super(problems.join("; "));
    this.problems = problems;
  }
}
OptionsError.prototype.name = "OptionsError";

/** @param {number} least @param {boolean} [unlimited] whether Infinity will do @returns {Rule} */
export const whole = (least, unlimited = false) => ({
  ok: (value) => (Number.isSafeInteger(value) && value >= least) || (unlimited && value === Infinity),
  wanted: `a whole number from ${least}${unlimited ? ", or Infinity" : ""}`,
});

/** @param {boolean} [unlimited] @returns {Rule} */
export const milliseconds = (unlimited = false) => ({
  ok: (value) => typeof value === "number" && value >= 0 && (value < Infinity || unlimited),
  wanted: `a number of milliseconds from 0${unlimited ? ", or Infinity" : ""}`,
});

/** @param {string[]} values @returns {Rule} */
export const oneOf = (...values) => ({
  ok: (value) => values.includes(value),
  wanted: `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`,
});

/** @type {Rule} */
export const text = {
  ok: (value) => typeof value === "string" && value !== "",
  wanted: "a string that is not empty",
};

/** @type {Rule} */
export const texts = {
  ok: (value) => Array.isArray(value) && value.every((one) => typeof one === "string"),
  wanted: "an array of strings",
};

/** @type {Rule} */
export const record = {
  ok: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  wanted: "an object",
};

/** @type {Rule} */
export const variables = {
  ok: (value) => record.ok(value) && Object.values(value).every((one) => typeof one === "string"),
  wanted: "an object of strings",
};

/** @type {Rule} */
export const callable = { ok: (value) => typeof value === "function", wanted: "a function" };

/**
 * Holds options against rules. An option that is undefined is one that is not there.
 *
 * @param {unknown} options
 * @param {Record<string, Rule>} rules
 * @returns {string[]} what is wrong
 */
export function problemsOf(options, rules) {
  if (!record.ok(options)) return [`options must be an object, not ${show(options)}`];
  return Object.entries(/** @type {object} */ (options)).flatMap(([name, value]) => {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined)
      return [`there is no option ${JSON.stringify(name)}${hint(name, Object.keys(rules))}`];
    if (value === undefined || rule.ok(value)) return [];
    return [`${name} must be ${rule.wanted}, not ${show(value)}`];
  });
}

/** A value as messages show it. @param {unknown} value */
export function show(value) {
  return inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 100 });
}

/** @param {string} name @param {string[]} known */
function hint(name, known) {
  const near = known
    .map((other) => ({ other, far: distance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.far - b.far)[0];
  return near && near.far <= Math.max(2, name.length / 3) ? `: did you mean ${near.other}?` : "";
}

/** Letters that have to be put in, taken out or replaced. @param {string} a @param {string} b */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const [up = 0, left = 0, corner = 0] = [row[j], next[j - 1], row[j - 1]];
      next.push(Math.min(up + 1, left + 1, corner + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
