import { context, PermanentError, SnoozeError } from "whipper";

class PrinterError extends Error {
  name = "PrinterError";
  paper = "A4";
}

class TimeoutError extends Error {
  name = "TimeoutError";
  code = 1002;
}

const rested = new Set();
const failed = new Set();

export const add = (a, b) => a + b;
export const echo = (...args) => args;
export const nothing = () => null;
export const pid = () => process.pid;
export const crash = () => process.exit(3);
export const big = (n) => "x".repeat(n);

export function join(a, b) {
  const given = typeof a === "object" ? a : { a, b };
  return `${given.a}-${given.b}`;
}

export function fail(message) {
  throw new PrinterError(message);
}

export function pretend() {
  throw new TimeoutError("not really");
}

export function permanent(message) {
  throw new PermanentError(message);
}

export function flaky(key) {
  if (failed.has(key)) return "at last";
  failed.add(key);
  throw new Error("not yet");
}

export function nap(key) {
  if (rested.has(key)) return "rested";
  rested.add(key);
  throw new SnoozeError(100);
}

export function tell(total) {
  for (let progress = 1; progress <= total; progress++) context().progress({ progress, total });
  return total;
}

export function hang() {
  const call = context();
  call.progress("hanging");
  return new Promise((_, reject) => {
    call.signal.addEventListener("abort", () => reject(call.signal.reason));
  });
}

export function print(text) {
  console.log(text);
  return "printed";
}
