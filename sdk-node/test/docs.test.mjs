import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { follow } from "./docs.mjs";
import { BIN, folder } from "./pool.mjs";

test("the programs of docs/node.md print what it says", async (t) => {
  const project = folder(t);
  fs.mkdirSync(path.join(project, "node_modules"));
  fs.symlinkSync(fileURLToPath(new URL("..", import.meta.url)), path.join(project, "node_modules/whipper"));
  const page = fileURLToPath(new URL("../../docs/node.md", import.meta.url));
  const runs = await follow(page, project, { ...process.env, WHIPPER_BIN: BIN });
  assert.deepEqual(
    runs.map(({ name }) => name),
    ["app.cjs", "gallery.mjs", "jobs.mjs", "watch.mjs", "shop.mjs"],
  );
  for (const { name, wanted, printed, errors } of runs) {
    assert.equal(printed, wanted, name);
    assert.equal(errors, "", name);
  }
});
