import shared from "./shared.cjs";

export const { listeners, onShutdown } = shared;
