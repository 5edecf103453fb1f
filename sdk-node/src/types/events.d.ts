import type { JobState } from "./jobs.js";

export interface WorkerStats {
  callsHandled: number;
  errorCount: number;
  forkCount: number;
  maxSeenConcurrentCalls: number;
  resetCount: number;
}

export interface Stats {
  workerCount: number;
  idleWorkerCount: number;
  busyWorkerCount: number;
  atCapacityWorkerCount: number;
  maxSeenWorkerCount: number;
  workers: WorkerStats;
}

export type WorkerState = "created" | "forking" | "processing" | "flushing" | "dying" | "destroying";
export type WorkerWorkingStatus = "idle" | "busy" | "atCapacity";

/** A worker, as the last event about it has it. */
export class Worker {
  private constructor();
  static readonly State: { readonly [State in WorkerState]: State };
  static readonly WorkingStatus: { readonly [Status in WorkerWorkingStatus]: Status };
  id(): string;
  /** Of its process, or of the last one; null before the first. */
  pid(): number | null;
  state(): WorkerState;
  workingStatus(): WorkerWorkingStatus;
  exitCode(): number | null;
  exitSignal(): string | null;
  stats(): WorkerStats;
  toJSON(): { id: string; pid: number | null; state: WorkerState; workingStatus: WorkerWorkingStatus };
}

/** The job of an event: without params and result. */
export interface EventJob {
  id: number;
  method: string;
  state: JobState;
  attempt: number;
  maxAttempts: number;
  origin: "submit" | "invoke";
  createdAt: string;
  runAt: string;
  startedAt?: string;
  finishedAt?: string;
  waitMs?: number;
  runMs?: number;
  worker?: string;
  pid?: number;
  outcome?: string;
  error?: { code: number; type?: string; message: string };
  errorSource?: "worker" | "whipper";
}

/** An event as the supervisor tells it: the second argument of every listener. */
export interface WhipperEvent {
  type: string;
  at: string;
  pool: string;
  [member: string]: unknown;
}

export type WorkerEventName =
  | "worker:pool:available"
  | "worker:process:created"
  | "worker:process:exited"
  | "worker:state:changed"
  | `worker:state:${WorkerState}`
  | "worker:working-status:changed"
  | `worker:working-status:${WorkerWorkingStatus}`
  | "worker:inactivity-timeout";
export type JobEventName =
  | "job:queued"
  | "job:started"
  | "job:progress"
  | "job:succeeded"
  | "job:failed"
  | "job:retrying"
  | "job:cancelled"
  | "job:dropped";
