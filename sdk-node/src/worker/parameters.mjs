/** Blanks, comments, strings, templates without expressions, names and numbers, the arrow, any other character. */
const TOKENS =
  /\s+|\/\*.*?\*\/|\/\/[^\n\r\u2028\u2029]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|\$(?!\{)|[^`\\$])*`|[\p{ID_Continue}$\u200c\u200d]+|=>|./gsu;
const BLANK = /^(\s|\/[*/])/;
const NAME = /^[\p{ID_Start}$_]/u;
const NATIVE = /\{\s*\[native code\]\s*\}$/;

/**
 * Reads the names of a function's parameters from its source text. One that is more than a name (destructured, with a
 * default value, a rest) is "". This is no parser: where only one could tell, at a regular expression, a division or a
 * template's expression among the default values, and for functions without source text, it does not guess.
 *
 * @param {(...args: any[]) => unknown} fn no class
 * @returns {string[] | undefined} undefined if they cannot be read
 */
export function parameterNames(fn) {
  const source = Function.prototype.toString.call(fn);
  if (NATIVE.test(source)) return undefined;

  /** @type {string[]} */
  const names = [];
  /** @type {string[]} tokens of the parameter that is being read; before the list, those of its head */
  let current = [];
  let listed = false; // whether the list's parenthesis has been opened
  let depth = 0; // of brackets, the list's own not counted
  for (const [token] of source.matchAll(TOKENS)) {
    if (BLANK.test(token)) continue;
    if (token === "/" || token === "`") return undefined;
    if (depth === 0 && !listed && token === "=>") return current.slice(-1); // name => …
    if (depth === 0 && !listed && token === "(") {
      listed = true;
      current = [];
    } else if (depth === 0 && listed && (token === "," || token === ")")) {
      if (current.length > 0) names.push(nameOf(current)); // a list may end with a comma
      if (token === ")") return names;
      current = [];
    } else {
      if ("([{".includes(token)) depth++;
      if (")]}".includes(token)) depth--;
      current.push(token);
    }
  }
  return undefined;
}

/** @param {string[]} tokens */
function nameOf([first = "", ...more]) {
  return more.length === 0 && NAME.test(first) ? first : "";
}
