/** One listener for a signal, however many wait for it; each that waits is told once, and none is left. */
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestCluster, text } from '../sim/rigs/test-cluster.ts';
import { offAbort, onAbort } from './abort-signals.ts';
import { PendingCall } from './client/pending-call.ts';
import { OP } from './protocol/index.ts';

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

describe('waiting for signals', () => {
  it('tells each that waits once, and holds one listener for them and none for nobody', () => {
    const step = fc.record({
      kind: fc.constantFrom('wait', 'wait', 'leave', 'fire'),
      signal: fc.nat(2),
      waiter: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const controllers = [0, 1, 2].map(() => new AbortController());
        const told: string[] = [];
        const waiters = controllers.map((_, s) =>
          [0, 1, 2, 3, 4].map((w) => () => void told.push(`${s}.${w}`)),
        );
        const expected: string[] = [];
        const waiting = controllers.map(() => new Set<number>());
        for (const { kind, signal: s, waiter: w } of steps) {
          const { signal } = controllers[s] as AbortController;
          const callback = waiters[s]?.[w] as () => void;
          const here = waiting[s] as Set<number>;
          if (kind === 'wait') {
            onAbort(signal, callback);
            if (!signal.aborted) here.add(w);
          } else if (kind === 'leave') {
            offAbort(signal, callback);
            here.delete(w);
          } else {
            expected.push(...[...here].map((it) => `${s}.${it}`));
            here.clear();
            controllers[s]?.abort();
          }
          expect(told).toEqual(expected);
          expect(listeners(signal)).toBe(here.size > 0 ? 1 : 0);
        }
      }),
    );
  });

  it('does not tell one that another, who is told before, takes away', () => {
    const controller = new AbortController();
    const told: number[] = [];
    const second = (): void => void told.push(2);
    onAbort(controller.signal, () => {
      told.push(1);
      offAbort(controller.signal, second);
      onAbort(controller.signal, second);
    });
    onAbort(controller.signal, second);
    onAbort(controller.signal, () => void told.push(3));
    controller.abort();
    expect(told).toEqual([1, 3]);
    expect(listeners(controller.signal)).toBe(0);
  });
});

describe('many calls with one signal', () => {
  it('cost a node one listener, and end together', async () => {
    await using cluster = new TestCluster(2);
    const { node } = await cluster.start('n1');
    const controller = new AbortController();
    const { signal } = controller;
    // Alone of two: nothing can be decided, so that all of them wait.
    const calls = Array.from({ length: 200 }, () =>
      Promise.allSettled([node.propose(text('x'), { signal }), node.readBarrier({ signal })]),
    );
    expect(listeners(signal)).toBe(1);
    controller.abort();
    for (const outcome of (await Promise.all(calls)).flat()) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ABORTED' } });
    }
    expect(listeners(signal)).toBe(0);
  });

  it('cost a client one listener, and none once they are answered', async () => {
    const { signal } = new AbortController();
    const calls = Array.from({ length: 50 }, () => {
      const rest = { local: false, isWrite: false, isRepeatable: true, request: undefined };
      const plan = { ...rest, op: OP.get, body: new Uint8Array(0), decode: () => 1 };
      return new PendingCall({ ...plan, deadlineAt: Number.POSITIVE_INFINITY, signal });
    });
    expect(listeners(signal)).toBe(1);
    for (const call of calls) call.succeed(Buffer.alloc(0), 0, 0);
    await Promise.all(calls.map(({ answer }) => answer));
    expect(listeners(signal)).toBe(0);
  });
});
