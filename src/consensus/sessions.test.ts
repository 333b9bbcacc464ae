/** The session table: a request is applied at most once, whatever comes again and in which order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  SESSION_RESULT_BYTES_MAX,
  SESSION_RESULTS_MAX,
  SESSIONS_MAX,
  SESSIONS_RESULT_BYTES_MAX,
} from '../limits.ts';
import { NodeResultCode, PENDING, SessionTable } from './sessions.ts';
import type { CommandResult } from './types.ts';

const result = (code: number): CommandResult => ({ code, bytes: new Uint8Array(0) });

describe('sessions', () => {
  it('S-104 applies each request at most once under repeats, reordering and acknowledgements', () => {
    const step = fc.record({
      sequence: fc.integer({ min: 1, max: 20 }),
      acknowledgedBelow: fc.integer({ min: 0, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const table = new SessionTable();
        const session = table.open(1);
        const applied = new Set<number>();
        for (const [i, { sequence, acknowledgedBelow }] of steps.entries()) {
          const request = { session, sequence, acknowledgedBelow };
          const known = table.admit(request, i + 2);
          if (known === undefined) {
            expect(applied.has(sequence)).toBe(false);
            applied.add(sequence);
            table.record(request, result(sequence));
          } else if (known.code !== NodeResultCode.SequenceStale) {
            expect(known.code).toBe(sequence);
          }
        }
      }),
    );
  });

  it('says "wait" for a request that stands twice in one entry', () => {
    const table = new SessionTable();
    const request = { session: table.open(1), sequence: 1 };
    expect(table.admit(request, 2)).toBeUndefined();
    expect(table.admit(request, 2)).toBe(PENDING);
  });

  it('refuses requests of a session that is gone, and never brings it back', () => {
    const table = new SessionTable();
    const session = table.open(1);
    table.close(session);
    expect(table.admit({ session, sequence: 1 }, 2)?.code).toBe(NodeResultCode.SessionExpired);
    expect(table.open(3)).not.toBe(session);
  });

  it('keeps a session that was used after the leader had judged it idle', () => {
    const table = new SessionTable();
    const session = table.open(5);
    table.admit({ session, sequence: 1 }, 9);
    expect(table.expire(session, 5)).toBe(false);
    expect(table.expire(session, 9)).toBe(true);
  });

  it('bounds the results of a session; what fell out is refused, not applied again', () => {
    const table = new SessionTable();
    const session = table.open(1);
    for (let sequence = 1; sequence <= SESSION_RESULTS_MAX + 1; sequence++) {
      table.admit({ session, sequence }, sequence);
      table.record({ session, sequence }, result(0));
    }
    const again = table.admit({ session, sequence: 1 }, 9_999);
    expect(again?.code).toBe(NodeResultCode.SequenceStale);
  });

  it('bounds the sessions: the least recently used goes', () => {
    const table = new SessionTable();
    const first = table.open(1);
    const second = table.open(2);
    table.admit({ session: first, sequence: 1 }, 3);
    for (let i = 2; i < SESSIONS_MAX; i++) table.open(10 + i);
    table.open(1_000_000);
    expect(table.admit({ session: second, sequence: 1 }, 4)?.code).toBe(
      NodeResultCode.SessionExpired,
    );
    expect(table.admit({ session: first, sequence: 2 }, 4)).toBeUndefined();
  });

  it('bounds the bytes of a session: the oldest results go, and are not applied again', () => {
    const table = new SessionTable();
    const session = table.open(1);
    const large = (code: number): CommandResult => ({
      code,
      bytes: new Uint8Array(SESSION_RESULT_BYTES_MAX / 4),
    });
    // Requests may overtake each other: what counts is their numbers.
    const order = [3, 1, 4, 2, 6, 5];
    for (const sequence of order) {
      expect(table.admit({ session, sequence }, 10)).toBeUndefined();
      table.record({ session, sequence }, large(sequence));
    }
    const codes = order.map((sequence) => table.admit({ session, sequence }, 11)?.code);
    const stale = NodeResultCode.SequenceStale;
    expect(codes).toEqual([3, stale, 4, stale, 6, 5]);
    // One that was not applied yet is not refused, though later ones were dropped.
    expect(table.admit({ session, sequence: 7 }, 12)).toBeUndefined();
    table.record({ session, sequence: 7 }, large(7));

    const copy = new SessionTable();
    copy.restore(table.nextId, table.records());
    for (const it of [table, copy]) {
      it.admit({ session, sequence: 8 }, 13);
      it.record({ session, sequence: 8 }, large(8));
    }
    const kept = (it: SessionTable) =>
      it.records()[0]?.results.map(([sequence, { code, bytes }]) => [sequence, code, bytes.length]);
    expect(kept(copy)).toEqual(kept(table));
  });

  it('bounds the bytes of all sessions: the least recently used goes', () => {
    const table = new SessionTable();
    const bytes = new Uint8Array(SESSION_RESULT_BYTES_MAX);
    const count = SESSIONS_RESULT_BYTES_MAX / SESSION_RESULT_BYTES_MAX;
    const sessions = Array.from({ length: count + 1 }, (_, i) => table.open(i + 1));
    for (const [i, session] of sessions.entries()) {
      table.admit({ session, sequence: 1 }, 1_000 + i);
      table.record({ session, sequence: 1 }, { code: 0, bytes });
    }
    expect(table.size).toBe(count);
    const [first, second] = sessions;
    expect(table.admit({ session: first ?? 0, sequence: 1 }, 5_000)?.code).toBe(
      NodeResultCode.SessionExpired,
    );
    expect(table.admit({ session: second ?? 0, sequence: 1 }, 5_001)?.code).toBe(0);
    table.close(second ?? 0);
    const another = table.open(5_002);
    table.admit({ session: another, sequence: 1 }, 5_003);
    table.record({ session: another, sequence: 1 }, { code: 0, bytes });
    expect(table.size).toBe(count);
  });

  it('comes back from its records', () => {
    const table = new SessionTable();
    const session = table.open(1);
    table.admit({ session, sequence: 3 }, 2);
    table.record({ session, sequence: 3 }, result(42));
    const copy = new SessionTable();
    copy.restore(table.nextId, table.records());
    expect(copy.admit({ session, sequence: 3 }, 3)?.code).toBe(42);
    expect(copy.open(4)).toBe(session + 1);
  });
});
