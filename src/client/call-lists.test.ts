/** Order, size and membership of the lists of calls, whatever is taken out when. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutstandingCalls, WaitingCalls } from './call-lists.ts';
import { someCall } from './pending-call.fixture.ts';
import type { PendingCall } from './pending-call.ts';

describe('OutstandingCalls', () => {
  it('keeps the order in which calls were made, and takes any of them out', () => {
    const steps = fc.array(fc.record({ add: fc.boolean(), pick: fc.nat() }), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (all) => {
        const calls = new OutstandingCalls();
        const model: Set<PendingCall> = new Set();
        for (const { add, pick } of all) {
          if (add || model.size === 0) {
            const call = someCall();
            model.add(call);
            calls.add(call);
          } else {
            const call = [...model][pick % model.size]!;
            model.delete(call);
            calls.delete(call);
            calls.delete(call);
            expect([call.before, call.after]).toEqual([undefined, undefined]);
          }
          expect(calls.size).toBe(model.size);
        }
        expect(calls.all()).toEqual([...model]);
      }),
    );
  });
});

describe('WaitingCalls', () => {
  it('gives back what was put in, in order, also beyond where it makes room', () => {
    const waiting = new WaitingCalls();
    const calls = Array.from({ length: 5_000 }, (_, at) => someCall(at));
    const out: (PendingCall | undefined)[] = [];
    for (const call of calls) {
      waiting.push(call);
      if (call.correlation % 3 !== 0) out.push(waiting.shift());
    }
    expect(waiting.all()).toEqual(calls.slice(out.length));
    while (!waiting.isEmpty) out.push(waiting.shift());
    expect(out).toEqual(calls);
    expect(waiting.shift()).toBeUndefined();
  });
});
