/**
 * Parts with which nothing works: the suites must end with failed cases on them, in bounded time, and never
 * with an unhandled rejection, which would end the process that runs somebody's tests.
 */

/** What every method of a hopeless part does. */
export type Manner = 'rejects' | 'throws' | 'hangs' | 'returns undefined';

export const MANNERS: readonly Manner[] = ['rejects', 'throws', 'hangs', 'returns undefined'];

function act(manner: Manner): unknown {
  if (manner === 'rejects') return Promise.reject(failure());
  if (manner === 'throws') throw failure();
  return manner === 'hangs' ? new Promise(() => {}) : undefined;
}

function failure(): Error {
  return Object.assign(new Error('the storage is closed'), { code: 'STORAGE_CLOSED' });
}

/** Whatever it is asked to be, all of its members are methods of that manner. */
export function hopeless<T extends object>(manner: Manner): T {
  // A promise must be able to resolve with it: it has no `then`.
  const get = (_: object, name: string | symbol): unknown =>
    name === 'then' || typeof name === 'symbol' ? undefined : () => act(manner);
  return new Proxy({}, { get }) as T;
}

/** Works until `after` of its promises were asked for; then every one rejects, whatever was done. */
export function breaking<T extends object>(target: T, after: number): T {
  let asked = 0;
  const get = (_: object, name: string | symbol): unknown => {
    const value: unknown = Reflect.get(target, name, target);
    if (typeof value !== 'function') return value;
    return (...args: unknown[]) => {
      const result: unknown = Reflect.apply(value, target, args);
      if (!(result instanceof Promise) || ++asked <= after) return result;
      result.catch(() => undefined);
      return Promise.reject(failure());
    };
  };
  return new Proxy({}, { get }) as T;
}

/** Errors that nobody handled while `body` ran, and a little after. */
export async function unhandledIn(body: () => Promise<void>): Promise<unknown[]> {
  const found: unknown[] = [];
  const note = (error: unknown): void => {
    found.push(error);
  };
  process.on('unhandledRejection', note);
  try {
    await body();
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('unhandledRejection', note);
  }
  return found;
}
