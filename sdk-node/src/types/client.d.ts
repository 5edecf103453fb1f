import type { EventEmitter } from "node:events";
import type * as errors from "./errors.js";
import type * as events from "./events.js";
import type { EventJob, JobEventName, Stats, WhipperEvent, Worker, WorkerEventName } from "./events.js";
import type {
  InvokeOptions,
  Job,
  JobFilter,
  JobRef,
  ListFilter,
  Submission,
  SubmitOptions,
  Submitted,
} from "./jobs.js";
import type { ConnectOptions, WhipperOptions } from "./options.js";
import type * as worker from "./worker.js";

/** The promise of a result, and what the worker tells meanwhile. */
export interface Invocation<Result> extends Promise<Result> {
  progress<Value = any>(): AsyncGenerator<Value, void, void>;
}

/** Functions of a worker, as the application calls them. */
export type Remote<Methods> = {
  [Name in keyof Methods as Methods[Name] extends (...args: any[]) => unknown
    ? Name
    : never]: Methods[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Invocation<Awaited<Result>>
    : never;
};

/** The worker's functions where nothing is known of them. */
export type AnyRemote = Record<string, any>;

/** A pool of workers: of a supervisor that it starts and that ends with it, or of one that runs already. */
export interface Whipper extends EventEmitter {
  /** Runs a method and waits for its result. One argument that is no array stands for itself. */
  invoke<Result = any>(method: string, args?: unknown, options?: InvokeOptions): Invocation<Result>;
  /** Puts a job on disk, and gives its id then. */
  submit(method: string, args?: unknown, options?: SubmitOptions): Promise<Submitted>;
  /** Puts several jobs on disk, all or none, and gives their ids. */
  submitBatch(jobs: Submission[], options?: { signal?: AbortSignal }): Promise<number[]>;
  /** Gives the jobs when all are final, whatever became of them. */
  wait<Result = any>(
    jobs: JobRef[],
    options?: { timeoutMs?: number; signal?: AbortSignal },
  ): Invocation<Job<Result>[]>;
  /** Gives a job's result, or throws what it failed with. */
  wait<Result = any>(job: JobRef, options?: { timeoutMs?: number; signal?: AbortSignal }): Invocation<Result>;
  /** A job with its attempts. */
  job<Result = any>(job: JobRef): Promise<Job<Result>>;
  /** Jobs that a filter selects, the newest first. */
  jobs(filter?: ListFilter): AsyncGenerator<Job, void, void>;
  /** Cancels jobs and gives how many. */
  cancel(which: JobRef | JobRef[] | JobFilter): Promise<number>;
  /** Has jobs run again that failed, or were cancelled or dropped, and gives how many. */
  retry(which: JobRef | JobRef[] | JobFilter): Promise<number>;
  /** Any method of the supervisor's interface, as the protocol describes it. */
  request<Result = any>(
    method: string,
    params?: Record<string, unknown>,
    options?: { signal?: AbortSignal },
  ): Promise<Result>;

  /** An object whose every member calls the worker's function of that name. */
  proxy(): AnyRemote;
  proxy<Methods>(): Remote<Methods>;
  /** An object with the functions that the workers have. A trailing callback gets the result. */
  workerProxy(): Promise<AnyRemote>;
  workerProxy<Methods>(): Promise<Remote<Methods>>;

  workerCount(): number;
  /** The pool's counters. What counts a call is here when its answer is. */
  stats(): Stats;
  /** The folder of the supervisor that this client has started. */
  readonly dir: string | undefined;
  /** The process of the supervisor that this client has started. */
  readonly pid: number | undefined;

  /** Resolves when all that was asked has been sent. */
  drained(): Promise<void>;
  /** Ends the supervisor that this client has started, once what was asked for is answered; with force that is given up. */
  shutdown(force?: boolean): Promise<void>;
  /** Ends the connection, and the supervisor that this client has started. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;

  on(event: WorkerEventName, listener: (worker: Worker, event: WhipperEvent) => void): this;
  on(event: "worker:pool:unavailable", listener: (event: WhipperEvent) => void): this;
  on(
    event: "at-capacity:dropped" | "at-capacity:error",
    listener: (event: WhipperEvent & { method: string }) => void,
  ): this;
  on(event: JobEventName, listener: (job: EventJob, event: WhipperEvent) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
  once(event: WorkerEventName, listener: (worker: Worker, event: WhipperEvent) => void): this;
  once(event: "worker:pool:unavailable", listener: (event: WhipperEvent) => void): this;
  once(
    event: "at-capacity:dropped" | "at-capacity:error",
    listener: (event: WhipperEvent & { method: string }) => void,
  ): this;
  once(event: JobEventName, listener: (job: EventJob, event: WhipperEvent) => void): this;
  once(event: string | symbol, listener: (...args: any[]) => void): this;
}

/** The class, which has all else that the package exports as its members. */
export type WhipperClass = {
  new (options: WhipperOptions): Whipper;
  /** Connects to a supervisor that runs already. */
  connect(options?: ConnectOptions): Promise<Whipper>;
  readonly prototype: Whipper;
  readonly Whipper: WhipperClass;
  readonly Worker: typeof events.Worker;
} & typeof errors &
  typeof worker;
