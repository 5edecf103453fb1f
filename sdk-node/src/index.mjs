import { OptionsError } from "./client/check.mjs";
import * as errors from "./client/errors.mjs";
import { Whipper } from "./client/whipper.mjs";
import { Worker } from "./client/worker.mjs";
import * as worker from "./worker/api.mjs";

const {
  AtCapacityError,
  BinaryNotFoundError,
  CancelledError,
  ClosedError,
  ConnectionLostError,
  ExpiredError,
  InvalidArgumentError,
  LedgerError,
  MessageTooLargeError,
  NoSupervisorError,
  NotFoundError,
  QueueFullError,
  ShuttingDownError,
  StartError,
  TimeoutError,
  WhipperError,
  WorkerCrashedError,
} = errors;

/** What require() gives: the class, which has the rest as its members. */
const everything = {
  AtCapacityError,
  BinaryNotFoundError,
  CancelledError,
  ClosedError,
  ConnectionLostError,
  ExpiredError,
  InvalidArgumentError,
  LedgerError,
  MessageTooLargeError,
  NoSupervisorError,
  NotFoundError,
  OptionsError,
  QueueFullError,
  ShuttingDownError,
  StartError,
  TimeoutError,
  WhipperError,
  Worker,
  WorkerCrashedError,
  ...worker,
  Whipper,
};
for (const [name, value] of Object.entries(everything))
  Object.defineProperty(Whipper, name, { value, enumerable: true });

export { context, listeners, onShutdown, PermanentError, SnoozeError, serve } from "./worker/api.mjs";
export {
  AtCapacityError,
  BinaryNotFoundError,
  CancelledError,
  ClosedError,
  ConnectionLostError,
  ExpiredError,
  InvalidArgumentError,
  LedgerError,
  MessageTooLargeError,
  NoSupervisorError,
  NotFoundError,
  OptionsError,
  QueueFullError,
  ShuttingDownError,
  StartError,
  TimeoutError,
  Whipper,
  Whipper as default,
  Whipper as "module.exports",
  WhipperError,
  Worker,
  WorkerCrashedError,
};
