// What the Node peers call. Each answer tells what was asked, so that it can be checked.

exports.echo = (/** @type {unknown} */ value) => value;

/** About 2 ms of arithmetic: a xorshift generator's state after so many rounds from this seed. */
exports.spin = (/** @type {number} */ seed) => {
  let state = seed | 1;
  for (let round = 0; round < 1_000_000; round++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  return state;
};
