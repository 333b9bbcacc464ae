/**
 * Keeps operations in the order in which they were asked for. Node hands file operations to a pool of
 * threads, where two writes to one file may overtake each other; a log can not live with that.
 *
 * Operations that share a key run one after the other; those that share none run at the same time. A
 * failed operation does not stop the ones behind it: each answers for itself.
 */
export class Ordered {
  readonly #tails = new Map<string, Promise<void>>();

  run<T>(keys: readonly string[], operation: () => Promise<T>): Promise<T> {
    const before = keys.map((key) => this.#tails.get(key)).filter((tail) => tail !== undefined);
    const result = before.length === 0 ? operation() : Promise.all(before).then(operation);
    const tail: Promise<void> = result.then(
      () => this.#forget(keys, tail),
      () => this.#forget(keys, tail),
    );
    for (const key of keys) this.#tails.set(key, tail);
    return result;
  }

  #forget(keys: readonly string[], tail: Promise<void>): void {
    for (const key of keys) {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}
