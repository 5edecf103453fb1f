import api from "./api.cjs";

export const { context, listeners, onShutdown, serve, PermanentError, SnoozeError } = api;
