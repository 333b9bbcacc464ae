/**
 * Calls a function of the user's, and takes the control back when it does not come to an end: an endless loop
 * in `apply` would hang the whole process, for there is one thread, and not even a Ctrl-C is heard on it.
 *
 * The rule it protects: every run ends with a verdict. Node can end JavaScript that runs on this very thread,
 * where it was begun by a script with a time limit (`node:vm`); so the call goes through such a script.
 *
 * What may go wrong: real time decides here, and only here. A run is the same on every machine as long as no
 * call takes so long as that. What goes on behind an await is not bounded. Who looks on with a debugger may stop
 * as long as he likes.
 */
import { url as debuggerUrl } from 'node:inspector';
import { Script } from 'node:vm';

/** Of real time, for one call; a call that is right takes milliseconds. */
export const CALL_MS_MAX = 10_000;

const SLOT = Symbol.for('quorate.sim.bounded-call');
const slots = globalThis as unknown as Record<symbol, (() => unknown) | undefined>;
const script: Script = new Script("globalThis[Symbol.for('quorate.sim.bounded-call')]()", {
  filename: import.meta.url,
});

/** A call did not come back. */
export class EndlessCall extends Error {
  constructor(ms: number) {
    super(
      `it did not come back for ${ms / 1000} s of real time: a loop without an end, most likely`,
    );
    this.name = 'EndlessCall';
    // Where it was caught says nothing about where it hung.
    this.stack = this.message;
  }
}

/** @throws EndlessCall, and what `action` throws. */
export function bounded<T>(action: () => T, msMax: number = CALL_MS_MAX): T {
  if (debuggerUrl() !== undefined) return action();
  const outer = slots[SLOT];
  slots[SLOT] = action;
  try {
    return script.runInThisContext({ timeout: msMax, displayErrors: false }) as T;
  } catch (error) {
    const { code } = (error ?? {}) as { code?: unknown };
    if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw new EndlessCall(msMax);
    throw error;
  } finally {
    slots[SLOT] = outer;
  }
}
