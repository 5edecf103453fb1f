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
