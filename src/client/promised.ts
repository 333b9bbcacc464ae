/**
 * Calls that are not `async` functions and yet never throw: what is wrong with the arguments rejects. An
 * async function would make another promise around that of the call, and three turns of the queue of
 * microtasks until it follows; that is a good part of what a whole call costs.
 */
export function promised<T>(make: () => Promise<T>): Promise<T> {
  try {
    return make();
  } catch (error) {
    return Promise.reject(error);
  }
}
