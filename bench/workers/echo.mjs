export const echo = (value) => value;

// About 2 ms of arithmetic, the same as the peers' spin: a xorshift generator's state after so many rounds.
export const spin = (seed) => {
  let state = seed | 1;
  for (let round = 0; round < 1_000_000; round++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  return state;
};
