/** That the ring means what a map means, over growth, slow calls and the end of the numbers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallTable } from './call-table.ts';
import { someCall } from './pending-call.fixture.ts';
import type { PendingCall } from './pending-call.ts';

describe('CallTable', () => {
  it('holds what a map would hold', () => {
    const steps = fc.array(fc.record({ add: fc.boolean(), pick: fc.nat() }), { maxLength: 1_500 });
    fc.assert(
      fc.property(steps, fc.constantFrom(0, 0xffff_ff00), (all, begin) => {
        const table = new CallTable();
        const model: Map<number, PendingCall> = new Map();
        let last = begin;
        for (const { add, pick } of all) {
          if (add || model.size === 0) {
            do last = (last + 1) >>> 0;
            while (!table.isFree(last));
            const call = someCall(last);
            expect(model.has(last)).toBe(false);
            model.set(last, call);
            table.add(call);
          } else {
            const call = [...model.values()][pick % model.size]!;
            expect(table.get(call.correlation)).toBe(call);
            expect(table.has(call)).toBe(true);
            model.delete(call.correlation);
            table.delete(call);
            expect(table.has(call)).toBe(false);
          }
          expect(table.size).toBe(model.size);
        }
        expect(table.get((last + 1) >>> 0)).toBeUndefined();
        expect(table.clear(last)).toEqual([...model.values()]);
        expect(table.size).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it('passes over the place of a call that is slow, and knows it apart from its neighbours', () => {
    const table = new CallTable();
    const slow = someCall(5);
    table.add(slow);
    const places = [261, 517, 1_029].map((correlation) => table.isFree(correlation));
    expect(places).toContain(false);
    expect(table.get(261)).toBeUndefined();
    expect(table.get(5)).toBe(slow);
  });
});
