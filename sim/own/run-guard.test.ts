/**
 * Goal: an end of the process before the verdict is a failure and is said, and nothing stays behind. Method: the
 * listeners that the guard puts up are called by hand, as Node would.
 */
import { afterEach, expect, it } from 'vitest';
import { guarded } from './run-guard.ts';

afterEach(() => {
  process.exitCode = undefined;
});

/** What is told, and the exit code, of an end in the middle of a run. */
async function endWithin(how: { isIdle?: boolean; isEnding?: boolean }) {
  const told: string[] = [];
  const known = new Set(process.listeners('exit'));
  const knownIdle = new Set(process.listeners('beforeExit'));
  let code: unknown;
  const run = async (): Promise<void> => {
    const end = process.listeners('exit').filter((listener) => !known.has(listener));
    const idle = process.listeners('beforeExit').filter((listener) => !knownIdle.has(listener));
    expect([end.length, idle.length]).toEqual([1, 1]);
    if (how.isIdle === true) for (const listener of idle) listener.call(process, 0);
    for (const listener of end) listener.call(process, 0);
    code = process.exitCode;
  };
  await guarded(run, {
    what: () => 'seed 5',
    isEnding: () => how.isEnding === true,
    tell: (line) => told.push(line),
  });
  expect(process.listeners('exit').length).toBe(known.size);
  return { told, code };
}

it('tells of a machine that ends the process, and makes it a failure', async () => {
  const { told, code } = await endWithin({});
  expect(told).toEqual([
    expect.stringMatching(/no verdict: the machine ended the process.*seed 5$/),
  ]);
  expect(code).toBe(1);
});

it('tells of one that waits in vain', async () => {
  const { told, code } = await endWithin({ isIdle: true });
  expect(told).toEqual([expect.stringMatching(/waits for a promise that nothing fulfils/)]);
  expect(code).toBe(1);
});

it('is quiet where the caller ends it', async () => {
  expect(await endWithin({ isEnding: true })).toEqual({ told: [], code: undefined });
});
