import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { follow } from "./docs.mjs";
import { BIN, folder } from "./pool.mjs";

const run = promisify(execFile);
const SDK = fileURLToPath(new URL("..", import.meta.url));
const project = folder({ after });
const installed = path.join(project, "node_modules", "whipper");

/** As a user has it: npm gives what it runs variables of its own. */
const env = { PATH: process.env.PATH, HOME: process.env.HOME, WHIPPER_BIN: BIN };

before(() => {
  execFileSync("npm", ["pack", "--silent", "--pack-destination", project], { cwd: SDK, env });
  const [tarball] = fs.readdirSync(project);
  fs.writeFileSync(path.join(project, "package.json"), '{"name":"app","private":true}');
  const install = ["install", "--offline", "--no-audit", "--no-fund", "--silent", `./${tarball}`];
  execFileSync("npm", install, { cwd: project, env });
});

test("the package has all that it needs, and nothing else", () => {
  const files = /** @type {string[]} */ (fs.readdirSync(installed, { recursive: true })).filter((name) =>
    /\.\w+$/.test(name),
  );
  assert.ok(
    files.every((name) =>
      /^(src\/(client|worker|types)\/[\w-]+\.(mjs|cjs|d\.ts)|src\/index\.(mjs|d\.ts)|package\.json|README\.md|LICENSE)$/.test(
        name,
      ),
    ),
    files.join(),
  );
  assert.ok(files.includes("README.md"));
  const { dependencies, peerDependencies } = JSON.parse(
    fs.readFileSync(path.join(installed, "package.json"), "utf8"),
  );
  assert.deepEqual([dependencies, peerDependencies], [undefined, undefined]);
});

test("the README's quickstart runs in an empty project", async () => {
  const runs = await follow(path.join(installed, "README.md"), project, env);
  assert.deepEqual(
    runs.map(({ name, printed, errors }) => [name, printed, errors]),
    runs.map(({ name, wanted }) => [name, wanted, ""]),
  );
  assert.ok(runs.length > 0);
});

test("it can be required", async () => {
  fs.writeFileSync(
    path.join(project, "app.cjs"),
    `const Whipper = require("whipper");
     const whipper = new Whipper({ workerModulePath: require.resolve("./my-worker.cjs") });
     whipper.workerProxy().then((worker) => worker.sayHi("Ted", (reply) => { console.log(reply); whipper.shutdown(); }));`,
  );
  fs.writeFileSync(
    path.join(project, "my-worker.cjs"),
    `const { onShutdown, context } = require("whipper");
     module.exports = { sayHi: (person) => "hi " + person + ", job " + context().job };`,
  );
  const { stdout, stderr } = await run(process.execPath, ["app.cjs"], { cwd: project, env });
  assert.equal(stdout, "hi Ted, job 1\n");
  assert.doesNotMatch(stderr, /Error/);
});

test("its types accept what works, and nothing that does not", async () => {
  fs.symlinkSync(path.join(SDK, "node_modules/@types"), path.join(project, "node_modules/@types"));
  fs.copyFileSync(path.join(SDK, "test/types/usage.mts"), path.join(project, "usage.mts"));
  const options = [
    "--noEmit",
    "--strict",
    "--exactOptionalPropertyTypes",
    "--noUncheckedIndexedAccess",
    "--module",
    "nodenext",
  ];
  const libraries = ["--target", "es2022", "--lib", "es2022,esnext.disposable", "--types", "node"];
  const tsc = path.join(SDK, "node_modules/.bin/tsc");
  const { stdout } = await run(tsc, [...options, ...libraries, "usage.mts"], { cwd: project, env }).catch(
    (error) => error,
  );
  assert.equal(stdout, "");
});
