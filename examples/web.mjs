// A worker that serves HTTP too, on a socket that all workers share:
//
//     whipper exec --listen tcp://127.0.0.1:8080 examples/web.mjs
//
// GET /slow takes a while, to show that a request under way is finished when its worker is replaced.

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { listeners, onShutdown } from "whipper";

const server = createServer(async (request, response) => {
  if (request.url === "/slow") await sleep(500);
  response.end(`process ${process.pid}\n`);
});
server.listen({ fd: listeners()[0].fd });
onShutdown(() => new Promise((closed) => server.close(closed))); // accepts no more; the other workers do

export const ping = () => "pong";
