/** Version of this SDK, as in package.json, which the runner inside the binary does not have beside it. */
export const VERSION = "0.1.0";

/** Version of the worker wire that this runner speaks. */
export const PROTOCOL_VERSION = 1;
