/** Options that are wrong: the message names each. */
export class OptionsError extends TypeError {
  readonly problems: string[];
}

/** An error of whipper's, not of a worker's function. */
export class WhipperError extends Error {
  /** As in the protocol; undefined where nothing was sent. */
  readonly code?: number;
  /** Of a call: its job, attempts, worker and times. */
  readonly call?: { job?: number; attempts?: number; worker?: string; waitMs?: number; runMs?: number };
}
export class AtCapacityError extends WhipperError {}
export class BinaryNotFoundError extends WhipperError {}
export class CancelledError extends WhipperError {}
export class ClosedError extends WhipperError {}
/** The connection ended before the answer came: it is unknown whether the request took effect. */
export class ConnectionLostError extends WhipperError {}
export class ExpiredError extends WhipperError {}
export class InvalidArgumentError extends WhipperError {}
export class LedgerError extends WhipperError {}
export class MessageTooLargeError extends WhipperError {}
export class NoSupervisorError extends WhipperError {}
export class NotFoundError extends WhipperError {}
export class QueueFullError extends WhipperError {}
export class ShuttingDownError extends WhipperError {}
export class StartError extends WhipperError {}
export class TimeoutError extends WhipperError {}
export class WorkerCrashedError extends WhipperError {}
