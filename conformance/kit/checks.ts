/**
 * What a case has in its hands to check a clause. Every check names its clause first; the first one that
 * does not hold ends the case. Nothing in here waits for ever: what should settle gets a bound, and when
 * the whole case hangs, the clause that was looked at last is named.
 */
import { ConformanceFailure, codeOf, shown, textOf } from './failure.ts';

/** A promise that should settle soon and did not within this is taken for one that never does. */
export const SETTLE_MS_MAX = 5_000;

export class Checks {
  readonly #caseId: string;
  readonly #title: string;
  /** What is being looked at, for the message of a case that hangs, or breaks in between. */
  current: string;

  constructor(caseId: string, title: string) {
    this.#caseId = caseId;
    this.#title = title;
    this.current = title;
  }

  /** The clause that was looked at holds. */
  moveOn(): void {
    this.current = this.#title;
  }

  fail(clause: string, expected: string, found: string, cause?: unknown): never {
    const facts = { caseId: this.#caseId, clause, expected, found };
    throw new ConformanceFailure(facts, cause === undefined ? undefined : { cause });
  }

  equal(clause: string, found: unknown, expected: unknown): void {
    this.current = clause;
    if (textOf(found) !== textOf(expected)) this.fail(clause, shown(expected), shown(found));
    this.moveOn();
  }

  holds(clause: string, isTrue: boolean, expected: string, found: unknown): void {
    this.current = clause;
    if (!isTrue) this.fail(clause, expected, typeof found === 'string' ? found : shown(found));
    this.moveOn();
  }

  /** The value of a promise that must resolve, within a bound. */
  async resolves<T>(
    clause: string,
    action: () => Promise<T> | T,
    withinMs: number = SETTLE_MS_MAX,
  ): Promise<T> {
    this.current = clause;
    const outcome = await this.#settled(clause, action, withinMs);
    if ('error' in outcome) this.fail(clause, 'no error', shown(outcome.error), outcome.error);
    this.moveOn();
    return outcome.value;
  }

  /** The error of a promise (or of the call itself) that must reject, with one of `codes` if given. */
  async rejects(
    clause: string,
    action: () => Promise<unknown> | unknown,
    codes?: readonly string[],
    withinMs: number = SETTLE_MS_MAX,
  ): Promise<unknown> {
    this.current = clause;
    const outcome = await this.#settled(clause, action, withinMs);
    const expected = codes === undefined ? 'an error' : `an error with code ${codes.join(' or ')}`;
    if (!('error' in outcome)) this.fail(clause, expected, `success: ${shown(outcome.value)}`);
    this.#hasCode(clause, outcome.error, codes, expected);
    this.moveOn();
    return outcome.error;
  }

  /** The error of a synchronous call that must throw. */
  throws(clause: string, action: () => unknown, codes?: readonly string[]): unknown {
    this.current = clause;
    const expected =
      codes === undefined ? 'the call throws' : `it throws with code ${codes.join(' or ')}`;
    let value: unknown;
    try {
      value = action();
    } catch (error) {
      this.#hasCode(clause, error, codes, expected);
      this.moveOn();
      return error;
    }
    this.fail(clause, expected, `it returned ${shown(value)}`);
  }

  /** The value of a synchronous call that must not throw. */
  returns<T>(clause: string, action: () => T): T {
    this.current = clause;
    try {
      const value = action();
      this.moveOn();
      return value;
    } catch (error) {
      this.fail(clause, 'the call does not throw', shown(error), error);
    }
  }

  #hasCode(
    clause: string,
    error: unknown,
    codes: readonly string[] | undefined,
    expected: string,
  ): void {
    if (codes === undefined || codes.includes(codeOf(error) ?? '')) return;
    this.fail(clause, expected, shown(error), error);
  }

  async #settled<T>(
    clause: string,
    action: () => Promise<T> | T,
    withinMs: number,
  ): Promise<{ readonly value: T } | { readonly error: unknown }> {
    const work = (async () => await action())().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    const outcome = await withDeadline(work, withinMs);
    if (outcome !== undefined) return outcome;
    this.fail(clause, `it settles within ${withinMs} ms`, 'still pending');
  }
}

/** `undefined` when the deadline came first. The work itself can not be ended, only left behind. */
export async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Starts at once what is looked at later, and holds it: whatever the action does (it throws, rejects, or
 * returns no promise), nothing comes of it before somebody awaits it. A part's promise that is not awaited
 * in the same step goes through here; else its rejection, coming while the case looks elsewhere, would end
 * the process that runs the tests, in place of a failed clause.
 */
export function begun<T>(action: () => Promise<T> | T): Promise<T> {
  const work = (async () => await action())();
  work.catch(() => undefined);
  return work;
}

/**
 * Gives back everything, whatever happens on the way: a part that can not be stopped keeps nobody else
 * from being stopped. Rejects at the end with the first error; what hangs is left behind.
 */
export async function giveBack(
  steps: readonly (() => Promise<unknown> | unknown)[],
  withinMs: number = SETTLE_MS_MAX,
): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      const done = await withDeadline(
        begun(step).then(() => true),
        withinMs,
      );
      if (done !== true) throw new Error(`still pending after ${withinMs} ms`);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** One turn of the event loop: what can settle without waiting for anybody has settled. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Looks again and again until it is so, in real time. False: it did not come true. */
export async function pollUntil(isReached: () => boolean, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!isReached()) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return true;
}
