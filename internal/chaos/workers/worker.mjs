// A worker of the chaos, with the methods of workers.go. Each leaves a line behind before it does anything else.
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { context, PermanentError, SnoozeError } from "whipper";

let runs = 0;
const leaked = [];

export async function effect(task, ms) {
  const { job, attempt } = context();
  const token = `${process.pid}-${++runs}-${Date.now()}`;
  const line = { task, job, attempt, token, pid: process.pid, at: Date.now() * 1e6 };
  appendFileSync(process.env.CHAOS_EFFECTS, `${JSON.stringify(line)}\n`);
  await setTimeout(ms);
  return { task, job, token };
}

export { effect as double, effect as large, effect as lie };

export async function crash(name, ms, how) {
  await effect(name, ms);
  if (how === 0) process.exit(3);
  process.kill(process.pid, "SIGKILL");
  await setTimeout(1e6);
}

export async function hang(name, ms) {
  await effect(name, ms);
  for (;;); // also a cancellation is not seen
}

export const late = (name, ms) => effect(name, 400 + ms);

export async function fail(name, ms) {
  await effect(name, ms);
  throw new RangeError(`${name} fails`);
}

export async function permanent(name, ms) {
  await effect(name, ms);
  throw new PermanentError(`${name} fails for good`);
}

export async function snooze(name, ms) {
  const done = await effect(name, ms);
  if (Math.random() < 0.5) throw new SnoozeError(100); // by a count, a job that every process runs first would never be done
  return done;
}

export async function flood(name, ms, n) {
  const done = await effect(name, ms);
  for (let i = 0; i < n; i++) console.log(`line ${i} of a program that prints what it does`, "x".repeat(i));
  return done;
}

export async function leak(name, ms) {
  leaked.push(Buffer.alloc(8_000_000, "x"));
  return effect(name, ms);
}

export async function child(name, ms) {
  const done = await effect(name, ms);
  const script = "sleep 1000 >/dev/null 2>&1 </dev/null & setsid sleep 1000 >/dev/null 2>&1 </dev/null &";
  execFileSync("sh", ["-c", script]);
  return done;
}

export async function fork(name, ms) {
  await effect(name, ms);
  spawn("sleep", ["1000"], { stdio: "inherit" });
  process.exit(0);
}
