// A worker of the soak, with the methods of runWorker in workers.go.
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

export async function effect(path, name, ms) {
  appendFileSync(path, `${name}\n`);
  await setTimeout(ms);
  return name;
}

export { effect as large };

export async function crash(path, name, ms, how) {
  await effect(path, name, ms);
  if (how === 0) process.exit(3);
  process.kill(process.pid, 'SIGKILL');
  await setTimeout(1e6);
}

export async function hang(path, name, ms) {
  await effect(path, name, ms);
  for (;;); // also a cancellation is not seen
}

export async function fail(path, name, ms) {
  await effect(path, name, ms);
  throw new RangeError(`${name} fails`);
}

export async function chatter(path, name, ms, n) {
  await effect(path, name, ms);
  for (let i = 0; i < n; i++) console.log(`line ${i} of a program that prints what it does`, 'x'.repeat(i));
  return name;
}

export async function child(path, name, ms) {
  await effect(path, name, ms);
  const script = 'sleep 1000 >/dev/null 2>&1 </dev/null & setsid sleep 1000 >/dev/null 2>&1 </dev/null &';
  execFileSync('sh', ['-c', script]);
  return name;
}
