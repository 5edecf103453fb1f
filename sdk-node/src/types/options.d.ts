/** What logger is given: level is debug, info, warn or error. */
export type Logger = (level: string, message: string, attributes?: Record<string, unknown>) => void;

export interface ClientOptions {
  /** Name of the pool; `default` for a supervisor of its own, else the only one. */
  pool?: string;
  /** Bytes that a call or an answer may have; 16 MiB. */
  maxMessageSize?: number;
  /** Milliseconds that requests wait for a supervisor that is gone; 30,000. */
  reconnectTimeout?: number;
}

/** Durations are in milliseconds. */
export interface WhipperOptions extends ClientOptions {
  /** The worker's module: .js, .mjs, .cjs or .py. Either this or command. */
  workerModulePath?: string | URL;
  /** Any program that speaks the worker's protocol, and its arguments. */
  command?: string[];
  /** Arguments of the module, in its process.argv. */
  args?: string[];
  /** Workers that are always there; 1. */
  minWorkers?: number;
  /** Most workers at once; the number of cores. */
  maxWorkers?: number;
  /** Calls that a worker gets at once; what it declares, which is 10 for a JavaScript module. */
  maxConcurrentCalls?: number;
  /** Calls after which a worker's process is replaced; Infinity. */
  maxTotalCalls?: number;
  /** How long a call may run; 30,000. */
  invocationTimeout?: number;
  /** After how long idle workers above minWorkers end; Infinity. */
  inactivityTimeout?: number;
  /** How long a worker has to give up a call that timed out or was cancelled; 5,000. */
  flushTimeout?: number;
  /** How long a worker that was told to end has before it is killed; 5,000. */
  forceKillTimeout?: number;
  /** What becomes of a call while all workers have as many as they take: it waits, gets null, or an AtCapacityError. */
  atCapacityStrategy?: "queue" | "drop" | "error";
  /** Which worker gets the next call. */
  loadStrategy?: "basic" | "round-robin" | "least-busy";
  /** Gets what supervisor and workers print. Without it that goes to stderr: the supervisor's only from warnings up. */
  logger?: Logger;
  /** The folder of the ledger. Without it there is a private temporary one, which is removed at the end. */
  dir?: string;
  /** The program whipper; else WHIPPER_BIN, else the first on PATH. */
  bin?: string;
  /** The workers' working folder. */
  cwd?: string;
  /** For the workers' environment, besides this process's own. */
  env?: Record<string, string>;
  /** Further flags of `whipper exec`, as `["--max-rss", "500MiB"]`. */
  flags?: string[];
}

/** Without dir and socket, WHIPPER_SOCKET or WHIPPER_DIR decide, or else the folder .whipper here or above. */
export interface ConnectOptions extends ClientOptions {
  /** The supervisor's folder. */
  dir?: string;
  /** Path of its socket; goes before dir. */
  socket?: string;
}
