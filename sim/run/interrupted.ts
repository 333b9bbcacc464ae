/**
 * Work that goes on until it has ended or somebody does not want to wait for it. What it does after that nobody
 * sees: whoever interrupts it ends the process, or the thread, that it runs in.
 */

/** What `work` comes to, or `undefined` as soon as `signal` is aborted. */
export async function unlessInterrupted<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T | undefined> {
  if (signal === undefined) return await work();
  if (signal.aborted) return undefined;
  let leave: (() => void) | undefined;
  const interrupted = new Promise<undefined>((resolve) => {
    leave = () => resolve(undefined);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([work(), interrupted]);
  } finally {
    if (leave !== undefined) signal.removeEventListener('abort', leave);
  }
}
