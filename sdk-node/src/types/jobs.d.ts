/** W3C trace context; the current span's where OpenTelemetry is in use. */
export interface TraceOptions {
  traceparent?: string;
  tracestate?: string;
  baggage?: string;
}

export interface CallOptions extends TraceOptions {
  /** Calls it off. */
  signal?: AbortSignal;
  /** The argument is an object of by-name params. */
  named?: boolean;
  pool?: string;
  /** How long it may run. */
  timeoutMs?: number;
  /** −100 to 100, the higher the sooner. */
  priority?: number;
}

export type InvokeOptions = CallOptions;

export interface Backoff {
  baseMs?: number;
  factor?: number;
  capMs?: number;
  jitter?: number;
}

export interface SubmitOptions extends CallOptions {
  delayMs?: number;
  runAt?: Date | string;
  /** 3 unless said otherwise. */
  maxAttempts?: number;
  backoff?: Backoff;
  /** Submitting again with it gives the first job's id. Such a submission is repeated if the connection is lost. */
  idempotencyKey?: string;
  /** Jobs of one key run one after the other. */
  concurrencyKey?: string;
  delivery?: "at-least-once" | "at-most-once";
  expiresAt?: Date | string;
  labels?: Record<string, string>;
}

export interface Submission extends Omit<SubmitOptions, "signal"> {
  method: string;
  args?: unknown;
}

export interface Submitted {
  id: number;
  duplicate: boolean;
}

export type JobState = "queued" | "running" | "succeeded" | "failed" | "cancelled" | "dropped";

export interface JobError {
  code: number;
  message: string;
  data?: { type?: string; stack?: string; fields?: Record<string, unknown>; [member: string]: unknown };
}

export interface Attempt {
  attempt: number;
  outcome?: "succeeded" | "error" | "timeout" | "crashed" | "interrupted" | "snoozed" | "cancelled";
  worker: string;
  pid: number;
  startedAt: string;
  finishedAt?: string;
  error?: JobError;
  exitCode?: number;
  signal?: string;
  stderrTail?: string;
}

/** A job as the ledger has it. */
export interface Job<Result = any> {
  id: number;
  pool: string;
  method: string;
  state: JobState;
  priority: number;
  attempt: number;
  maxAttempts: number;
  params?: unknown;
  result?: Result;
  error?: JobError;
  errorSource?: "worker" | "whipper";
  progress?: unknown;
  labels: Record<string, string>;
  createdAt: string;
  runAt: string;
  startedAt?: string;
  finishedAt?: string;
  expiresAt?: string;
  waitMs?: number;
  runMs?: number;
  timeoutMs?: number;
  worker?: string;
  idempotencyKey?: string;
  concurrencyKey?: string;
  delivery: "at-least-once" | "at-most-once";
  origin: "submit" | "invoke";
  traceparent?: string;
  tracestate?: string;
  baggage?: string;
  attempts?: Attempt[];
}

export interface JobFilter {
  pool?: string;
  method?: string;
  state?: JobState;
  since?: Date | string;
  until?: Date | string;
  label?: { name: string; value: string };
}

export interface ListFilter extends JobFilter {
  /** Jobs of one page; all pages are read. */
  limit?: number;
  /** With params, result, error and progress. */
  payloads?: boolean;
}

/** A job, by its id or by what submit gave. */
export type JobRef = number | { id: number };
