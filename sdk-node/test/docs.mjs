import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/**
 * Writes the programs of a page into a folder, runs those that it shows being run, and gives what they printed beside what the page says.
 * A program is a block of code whose first line is a comment with the name of its file.
 *
 * @param {string} page
 * @param {string} folder where "whipper" can be imported
 * @param {NodeJS.ProcessEnv} env
 */
export async function follow(page, folder, env) {
  const text = fs.readFileSync(page, "utf8");
  for (const [, program = "", name = ""] of text.matchAll(
    /^```js\n(\/\/ (\S+\.[cm]?js)\b.*\n[\s\S]*?)^```$/gm,
  )) {
    fs.writeFileSync(path.join(folder, name), program);
  }
  const runs = [];
  for (const [, name = "", wanted] of text.matchAll(/^```console\n\$ node (\S+)\n([\s\S]*?)^```$/gm)) {
    const { stdout, stderr } = await execute(process.execPath, [name], { cwd: folder, env });
    runs.push({ name, wanted, printed: stdout, errors: stderr });
  }
  return runs;
}
