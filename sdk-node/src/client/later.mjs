/**
 * Throws what a callback of the application's threw, where only the process hears of it: an application that goes on after an uncaught
 * exception must not have lost the messages that were being read.
 *
 * @param {unknown} error
 */
export function later(error) {
  process.nextTick(() => {
    throw error;
  });
}
