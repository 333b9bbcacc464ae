/** The results of a session, beside a plain `Map`: whatever numbers come, go and come again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SESSION_RESULTS_MAX } from '../limits.ts';
import { ResultWindow } from './result-window.ts';
import type { CommandResult } from './types.ts';

const result = (code: number, length: number): CommandResult => ({
  code,
  bytes: new Uint8Array(length),
});

function agree(window: ResultWindow, model: ReadonlyMap<number, CommandResult>): void {
  const inOrder = [...model].sort(([one], [other]) => one - other);
  expect([...window.inOrder()]).toEqual(inOrder);
  expect(window.size).toBe(model.size);
  expect(window.lowest()).toBe(inOrder[0]?.[0]);
  expect(window.bytes).toBe(inOrder.reduce((sum, [, { bytes }]) => sum + bytes.length, 0));
}

describe('ResultWindow', () => {
  const near = fc.integer({ min: 0, max: 40 });
  /** Beyond any ring, and beyond what a bit operation takes whole. */
  const far = fc.constantFrom(3 * SESSION_RESULTS_MAX, 2 ** 31 - 1, 2 ** 32 + 7, 2 ** 53 - 2);
  const sequence = (starts: fc.Arbitrary<number>) =>
    fc.tuple(starts, near).map(([start, by]) => Math.min(start + by, 2 ** 53 - 1));
  const steps = (number: fc.Arbitrary<number>) =>
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.record({ set: number, length: fc.nat({ max: 3 }) }) },
        { weight: 2, arbitrary: fc.record({ forgetBelow: number }) },
        { weight: 1, arbitrary: fc.record({ shrink: fc.constant(true) }) },
      ),
      { maxLength: 60 },
    );

  it.each([
    ['close together', sequence(fc.constant(1))],
    ['close together, and large', sequence(fc.constant(2 ** 53 - 60))],
    ['far apart', sequence(fc.oneof(fc.constant(1), far))],
  ])('is a map by number, with numbers %s', (_, number) => {
    fc.assert(
      fc.property(steps(number), (taken) => {
        const window = new ResultWindow();
        const model = new Map<number, CommandResult>();
        for (const [at, step] of taken.entries()) {
          if ('set' in step) {
            const value = result(at, step.length);
            window.set(step.set, value);
            model.set(step.set, value);
            expect(window.get(step.set)).toBe(value);
          } else if ('forgetBelow' in step) {
            window.forgetBelow(step.forgetBelow);
            for (const key of model.keys()) if (key < step.forgetBelow) model.delete(key);
          } else window.shrink();
          agree(window, model);
        }
        for (let key = 0; key < 50; key++) expect(window.get(key)).toBe(model.get(key));
      }),
    );
  });

  it('moves on for ever with thousands kept', () => {
    const window = new ResultWindow();
    for (let at = 1; at <= 20 * SESSION_RESULTS_MAX; at++) {
      window.set(at, result(at, 1));
      window.forgetBelow(at - SESSION_RESULTS_MAX + 1);
      if (at % 10_000 === 0) window.shrink();
    }
    expect(window.size).toBe(SESSION_RESULTS_MAX);
    expect(window.lowest()).toBe(19 * SESSION_RESULTS_MAX + 1);
    expect([...window.inOrder()].every(([at, { code }]) => at === code)).toBe(true);
  });

  it('takes no more places than its results are worth, and comes back from far', () => {
    const window = new ResultWindow();
    const model = new Map<number, CommandResult>();
    const set = (at: number): void => {
      const value = result(at, 1);
      window.set(at, value);
      model.set(at, value);
    };
    for (const at of [1, 2 * SESSION_RESULTS_MAX, 2 ** 40]) set(at);
    agree(window, model);
    for (const key of [1, 2 * SESSION_RESULTS_MAX]) model.delete(key);
    window.forgetBelow(2 ** 40);
    window.shrink();
    for (let at = 1; at < 100; at++) set(2 ** 40 + at);
    agree(window, model);
    window.forgetBelow(2 ** 40 + 100);
    expect([window.size, window.bytes, window.lowest()]).toEqual([0, 0, undefined]);
    model.clear();
    set(5);
    agree(window, model);
  });

  it('lets results be replaced while it is gone through', () => {
    const window = new ResultWindow();
    for (let at = 1; at <= 20; at++) window.set(at, result(at, 2));
    for (const [at] of window.inOrder()) window.set(at, result(-at, 0));
    expect(window.bytes).toBe(0);
    expect([...window.inOrder()].map(([, { code }]) => code)).toEqual(
      Array.from({ length: 20 }, (_, at) => -1 - at),
    );
  });
});
