/** A listening socket that all workers of a pool share. */
export interface Listener {
  fd: number;
  /** As `--listen NAME=ADDRESS` has it, else listen1, listen2, … */
  name: string;
}

/** The sockets of `whipper exec --listen`, in its order. A server takes one with `server.listen({ fd })`. */
export function listeners(): Listener[];

/**
 * Has a function called when the worker has been asked to end and its last call has ended, before the process exits. A
 * promise that it returns is waited for.
 */
export function onShutdown(callback: () => unknown): void;

type LogOne = (message: unknown, attributes?: Record<string, unknown>) => void;

/** A call that a worker runs. */
export interface Call {
  readonly id: number | string | undefined;
  /** The job's id: the same on every attempt. */
  readonly job: number | undefined;
  /** Which attempt this is, from 1. */
  readonly attempt: number | undefined;
  /** When its timeout is over. */
  readonly deadline: Date | undefined;
  /** Aborted when the caller no longer wants the call, or when the supervisor has died. */
  readonly signal: AbortSignal;
  readonly cancelled: boolean;
  readonly meta: Record<string, unknown>;
  /** Tells whoever waits how far it is: any JSON of up to 64 KiB; `{progress, total, message}` draws a bar. */
  readonly progress: (value: unknown) => void;
  /** Writes records to the supervisor's log. */
  readonly log: { debug: LogOne; info: LogOne; warn: LogOne; error: LogOne };
}

/** The call that is running. Throws outside of one. */
export function context(): Call;

export interface Service {
  methods: Record<string, (...args: any[]) => unknown>;
  /** Calls at once; 10. */
  concurrency?: number;
  /** What the worker calls itself. */
  name?: string;
}

/**
 * Serves functions as a worker. In a script that whipper runs itself they take the place of its exports. Any other program takes its stdin
 * and stdout for the protocol with it: `whipper exec -- node server.mjs`.
 */
export function serve(service: Service): void;

/** An error after which a job is not tried again. */
export class PermanentError extends Error {
  readonly retryable: false;
}

/** Has a job run again later: no attempt is charged, and nothing counts as failed. */
export class SnoozeError extends Error {
  /** Milliseconds until it runs again, at least 100. */
  constructor(snoozeMs: number, message?: string);
  readonly snoozeMs: number;
}
