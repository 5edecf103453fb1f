import type { Whipper as Client, WhipperClass } from "./types/client.js";

export type { AnyRemote, Invocation, Remote } from "./types/client.js";
export * from "./types/errors.js";
export * from "./types/events.js";
export * from "./types/jobs.js";
export * from "./types/options.js";
export * from "./types/worker.js";

export type Whipper = Client;
export const Whipper: WhipperClass;
export { Whipper as default, Whipper as "module.exports" };
