/**
 * What a call or a wait gives: the promise of its result, and what its worker tells meanwhile.
 *
 * @template T
 * @extends {Promise<T>}
 */
export class Invocation extends Promise {
  /** then() and the like give plain promises. @override */
  static get [Symbol.species]() {
    return Promise;
  }

  /** @type {import("./request.mjs").Request | undefined} */
  #request;

  /**
   * @template T
   * @param {import("./channel.mjs").Channel} channel
   * @param {() => import("./request.mjs").Ask} ask what it throws is what the promise is rejected with
   * @param {(answer: any) => T} [read]
   * @returns {Invocation<T>}
   */
  static of(channel, ask, read) {
    /** @type {import("./request.mjs").Request | undefined} */
    let request;
    const invocation = new Invocation((resolve, reject) => {
      request = channel.ask(ask());
      request.resolve =
        read === undefined ? resolve : (answer) => settleWith(() => read(answer), resolve, reject);
      request.reject = reject;
    });
    invocation.#request = request;
    return /** @type {any} */ (invocation);
  }

  /**
   * What the worker tells with progress(), until the call ends. A reader that is slow misses values, the older ones first; before anybody
   * reads only the newest is kept. How the call ends is the promise's to tell.
   *
   * @returns {AsyncGenerator<any, void, void>}
   */
  progress() {
    return this.#request ? this.#request.progress.open()[Symbol.asyncIterator]() : nothing();
  }
}

/** @param {() => unknown} read @param {(value: any) => void} resolve @param {(error: unknown) => void} reject */
function settleWith(read, resolve, reject) {
  try {
    resolve(read());
  } catch (error) {
    reject(error);
  }
}

async function* nothing() {}
