import { ClosedError } from "./errors.mjs";

const SILENCE = 30_000; // milliseconds in which a supervisor answers a ping, whatever else it does

/**
 * Waits until all that was asked is answered, and has nothing more be asked. With a supervisor that falls silent meanwhile that is given up.
 *
 * @param {import("./channel.mjs").Channel} channel
 * @param {boolean} watched whether to look after the supervisor
 * @returns {Promise<boolean>} whether it has fallen silent
 */
export async function finish(channel, watched) {
  const finished = channel.finish(new ClosedError("the client is shut down"));
  const silent = watched && (await silentBefore(channel, finished));
  if (silent) channel.close(new ClosedError("the client was shut down: its supervisor does not answer"));
  await finished;
  return silent;
}

/**
 * Watches a supervisor until something is done. While there is no connection it is not watched: whoever waits then has a patience.
 *
 * @param {Pick<import("./channel.mjs").Channel, "connected" | "request">} channel
 * @param {Promise<unknown>} done
 * @returns {Promise<boolean>} whether it has fallen silent before that
 */
export async function silentBefore(channel, done) {
  let over = false;
  const ended = done.then(() => {
    over = true;
  });
  while (!over) {
    let silent = channel.connected;
    const heard = () => {
      silent = false;
    };
    if (silent) channel.request({ method: "ping", own: true }).then(heard, heard);
    await within(SILENCE, ended);
    if (silent && !over) return true;
  }
  return false;
}

/** Waits for something, or for a time. @param {number} ms @param {Promise<void>} done */
function within(ms, done) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    done.then(() => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}
