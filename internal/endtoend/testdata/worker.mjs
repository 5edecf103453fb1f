import { appendFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

export const add = (a, b) => a + b;

export function fail(message) {
  throw new RangeError(message);
}

export async function sleep(seconds) {
  await setTimeout(seconds * 1000);
  return 'slept';
}

export const pid = () => process.pid;

/** Leaves a line behind, in one write, and then takes its time. */
export async function effect(path, name, seconds = 0) {
  appendFileSync(path, `${name}\n`);
  await setTimeout(seconds * 1000);
  return name;
}
