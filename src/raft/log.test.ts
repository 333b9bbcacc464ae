/** The log and its unstable end, the questions about it, and what waits for entries to be loaded. */
import { describe, expect, it } from 'vitest';
import { RAFT_MESSAGE_ENTRIES_MAX } from '../limits.ts';
import { EMPTY_BYTES, entrySize, limitEntries, makeEntry, payloadBytes } from './entries.ts';
import { RaftLog } from './log.ts';
import { LogReads } from './log-reads.ts';
import { EMPTY_CONF_STATE, MemoryLog } from './memory-log.ts';
import { type Entry, NO_LIMIT, type Snapshot } from './types.ts';
import { UnappliedChanges } from './unapplied-changes.ts';
import { Unstable } from './unstable.ts';

const entry = (term: number, index: number, type: 0 | 1 | 2 = 0): Entry =>
  makeEntry(term, index, type, EMPTY_BYTES);
const entries = (term: number, from: number, to: number): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, at) => entry(term, from + at));
const snapshotAt = (index: number, term: number): Snapshot => ({
  metadata: { confState: EMPTY_CONF_STATE, index, term },
  data: EMPTY_BYTES,
});

function logWith(stored: readonly Entry[], unstable: readonly Entry[]): RaftLog {
  const storage = new MemoryLog();
  storage.append(stored);
  const log = new RaftLog(storage, NO_LIMIT);
  log.append(unstable);
  return log;
}

describe('entries', () => {
  it('are measured as they are encoded, fields that are 0 left out', () => {
    expect(entrySize(makeEntry(1, 1, 0, EMPTY_BYTES))).toBe(4);
    expect(entrySize(makeEntry(1, 300, 2, new Uint8Array(200)))).toBe(2 + 2 + 3 + 3 + 200);
    expect(payloadBytes([makeEntry(1, 1, 0, new Uint8Array(5)), entry(1, 2)])).toBe(5);
  });

  it('are cut by size, never to none', () => {
    const list = entries(1, 1, 5);
    expect(limitEntries(list, 0).length).toBe(1);
    expect(limitEntries(list, 11).length).toBe(2);
    expect(limitEntries(list, 12).length).toBe(3);
    expect(limitEntries(list, NO_LIMIT)).toBe(list);
  });
});

describe('one append', () => {
  it('holds no more entries than a receiver takes, however small they are', () => {
    const log = logWith([], entries(1, 1, RAFT_MESSAGE_ENTRIES_MAX + 5));
    expect(log.entriesFrom(1, NO_LIMIT)!.length).toBe(RAFT_MESSAGE_ENTRIES_MAX);
    expect(log.entriesFrom(3, NO_LIMIT)!.at(-1)!.index).toBe(RAFT_MESSAGE_ENTRIES_MAX + 2);
    expect(log.entriesFrom(10, NO_LIMIT)!.at(-1)!.index).toBe(RAFT_MESSAGE_ENTRIES_MAX + 5);
  });
});

describe('Unstable', () => {
  it('NASTY 18 a completion of a replaced write marks nothing stable', () => {
    const unstable = new Unstable(5);
    unstable.truncateAndAppend(entries(1, 5, 6));
    unstable.acceptInProgress();
    unstable.truncateAndAppend(entries(2, 5, 6));
    unstable.stableTo(6, 1);
    expect(unstable.offset).toBe(5);
    expect(unstable.nextEntries()).toEqual(entries(2, 5, 6));
    unstable.stableTo(6, 2);
    expect(unstable).toMatchObject({ offset: 7, hasEntries: false });
  });

  it('hands out each entry once, and again what replaced it', () => {
    const unstable = new Unstable(1);
    unstable.truncateAndAppend(entries(1, 1, 3));
    expect(unstable.nextEntries().length).toBe(3);
    unstable.acceptInProgress();
    expect(unstable.nextEntries()).toEqual([]);
    unstable.truncateAndAppend(entries(1, 4, 4));
    expect(unstable.nextEntries()).toEqual(entries(1, 4, 4));
    unstable.acceptInProgress();
    unstable.truncateAndAppend(entries(2, 3, 3));
    expect(unstable.nextEntries()).toEqual(entries(2, 3, 3));
    expect(unstable.lastIndex()).toBe(3);
  });

  it('hands out arrays that do not change afterwards', () => {
    const unstable = new Unstable(1);
    unstable.truncateAndAppend(entries(1, 1, 3));
    const handedOut = unstable.nextEntries();
    unstable.truncateAndAppend(entries(2, 2, 2));
    expect(handedOut).toEqual(entries(1, 1, 3));
  });

  it('a snapshot takes the place of everything, until it is installed', () => {
    const unstable = new Unstable(1);
    unstable.truncateAndAppend(entries(1, 1, 3));
    unstable.restore(snapshotAt(9, 4));
    expect(unstable.lastIndex()).toBe(9);
    expect(unstable.term(9)).toBe(4);
    expect(unstable.term(2)).toBeUndefined();
    unstable.acceptInProgress();
    expect(unstable.nextSnapshot()).toBeUndefined();
    unstable.stableSnapTo(8);
    expect(unstable.snapshot).toBeDefined();
    unstable.stableSnapTo(9);
    expect(unstable.snapshot).toBeUndefined();
  });

  it('refuses a gap', () => {
    const unstable = new Unstable(1);
    expect(() => unstable.truncateAndAppend(entries(1, 2, 2))).toThrow(/gap/);
  });
});

describe('RaftLog', () => {
  it('reads across the stored and the unstable part, within a size', () => {
    const log = logWith(entries(1, 1, 3), entries(1, 4, 6));
    expect(log.slice(2, 7, NO_LIMIT)).toEqual(entries(1, 2, 6));
    expect(log.slice(2, 7, 12)).toEqual(entries(1, 2, 4));
    expect(log.slice(2, 7, 8)).toEqual(entries(1, 2, 3));
    expect(log.slice(3, 7, 5)).toEqual(entries(1, 3, 3));
    expect(log.slice(4, 4, NO_LIMIT)).toEqual([]);
    expect(() => log.slice(0, 3, NO_LIMIT)).toThrow(/outside/);
  });

  it('NASTY 13 truncates from the first real conflict only, and never what is committed', () => {
    const log = logWith(entries(1, 1, 5), []);
    expect(log.maybeAppend(1, 1, entries(1, 2, 3), 2)).toBe(3);
    expect(log.lastIndex()).toBe(5);
    expect(log.committed).toBe(2);
    expect(log.maybeAppend(3, 1, entries(2, 4, 4), 2)).toBe(4);
    expect(log.lastIndex()).toBe(4);
    expect(() => log.maybeAppend(1, 1, entries(3, 2, 2), 2)).toThrow(/committed/);
    expect(log.maybeAppend(9, 1, [], 9)).toBeUndefined();
  });

  it('NASTY 17 matches an entry just before the first, by the snapshot', () => {
    const storage = new MemoryLog();
    storage.applySnapshot(snapshotAt(7, 3));
    const log = new RaftLog(storage, NO_LIMIT);
    expect(log.term(7)).toBe(3);
    expect(log.term(6)).toBeUndefined();
    expect(log.term(8)).toBeUndefined();
    expect(log.maybeAppend(7, 3, entries(4, 8, 8), 8)).toBe(8);
  });

  it('NASTY 16 finds where logs may meet a term at a time', () => {
    const log = logWith([...entries(1, 1, 2), ...entries(4, 3, 5), ...entries(6, 6, 9)], []);
    expect(log.findConflictByTerm(9, 5)).toEqual({ index: 5, term: 4 });
    expect(log.findConflictByTerm(9, 3)).toEqual({ index: 2, term: 1 });
    expect(log.findConflictByTerm(9, 0)).toEqual({ index: 0, term: 0 });
  });

  it('NASTY 16 finds it in a long tail with few looks, whatever it is made of', () => {
    const length = 1 << 16;
    for (const termOf of [() => 9, (at: number) => 2 + at, (at: number) => 2 + (at >> 9)]) {
      const tail = Array.from({ length }, (_, at) => entry(termOf(at), at + 2));
      const log = logWith([entry(1, 1), ...tail], []);
      const term = log.storage.term.bind(log.storage);
      let looks = 0;
      log.storage.term = (index) => {
        looks += 1;
        return term(index);
      };
      expect(log.findConflictByTerm(length, 1)).toEqual({ index: 1, term: 1 });
      expect(looks).toBeLessThan(40);
    }
  });

  it('NASTY 16 agrees with a search one index at a time, compacted and unwritten parts included', () => {
    const storage = new MemoryLog();
    storage.append([...entries(2, 1, 6), ...entries(3, 7, 7), ...entries(5, 8, 12)]);
    const log = new RaftLog(storage, NO_LIMIT);
    log.append([...entries(5, 12, 14), ...entries(8, 15, 16)]);
    const slow = (from: number, term: number): { index: number; term: number } => {
      for (let at = from; at > 0; at--) {
        const known = log.term(at);
        if (known === undefined || known <= term) return { index: at, term: known ?? 0 };
      }
      return { index: 0, term: 0 };
    };
    for (const compactedTo of [0, 1, 4]) {
      if (compactedTo > 0) storage.compact(compactedTo);
      for (let index = 0; index <= 20; index++) {
        for (let term = 0; term <= 9; term++) {
          expect(log.findConflictByTerm(index, term)).toEqual(slow(index, term));
        }
      }
    }
  });

  it('NASTY 11 commits by counting in its own term only', () => {
    const log = logWith(entries(1, 1, 2), entries(2, 3, 3));
    expect(log.maybeCommit(2, 2)).toBe(false);
    expect(log.maybeCommit(3, 2)).toBe(true);
    expect(log.committed).toBe(3);
    expect(log.maybeCommit(3, 2)).toBe(false);
  });

  it('applies unstable entries only where the caller writes first', () => {
    const log = logWith([], entries(1, 1, 2));
    log.commitTo(2);
    expect(log.nextCommitted(false)).toEqual([]);
    expect(log.nextCommitted(true)).toEqual(entries(1, 1, 2));
    (log.storage as MemoryLog).append(entries(1, 1, 1));
    log.unstable.stableTo(1, 1);
    expect(log.nextCommitted(false)).toEqual(entries(1, 1, 1));
  });
});

describe('LogReads', () => {
  it('asks for a range once, and again after it was answered', () => {
    const reads = new LogReads();
    reads.wantForPeer(2, 5, 9);
    reads.wantForPeer(3, 5, 9);
    reads.wantForApply(1, 4);
    expect(reads.take()).toEqual([
      { lo: 5, hi: 9 },
      { lo: 1, hi: 4 },
    ]);
    reads.wantForPeer(2, 5, 12);
    expect(reads.hasWanted).toBe(false);
    expect(reads.isPeerWaiting(2, 5)).toBe(true);
    expect(reads.isPeerWaiting(2, 6)).toBe(false);
    expect(reads.done()).toEqual([2, 3]);
    expect(reads.isApplyWaiting(1)).toBe(false);
    reads.wantForPeer(2, 5, 12);
    expect(reads.hasWanted).toBe(true);
  });
});

describe('UnappliedChanges', () => {
  const never = (): undefined => undefined;

  it('knows what came in, was cut off, was applied', () => {
    const changes = new UnappliedChanges(0);
    changes.appended([entry(1, 1), entry(1, 2, 1), entry(1, 3), entry(1, 4, 2)]);
    expect(changes.isAnyIn(0, 1, never)).toBe(false);
    expect(changes.isAnyIn(0, 2, never)).toBe(true);
    changes.applied(2);
    expect(changes.isAnyIn(2, 3, never)).toBe(false);
    expect(changes.isAnyIn(2, 4, never)).toBe(true);
    changes.appended([entry(2, 4)]);
    expect(changes.isAnyIn(2, 4, never)).toBe(false);
  });

  it('looks at what was there before the start, and is cautious when it can not', () => {
    const stored = [entry(1, 1), entry(1, 2), entry(1, 3, 2)];
    const read = (lo: number): readonly Entry[] => [stored[lo - 1]!];
    const changes = new UnappliedChanges(3);
    expect(changes.isAnyIn(0, 2, read)).toBe(false);
    expect(changes.isAnyIn(0, 3, read)).toBe(true);
    expect(changes.isAnyIn(0, 2, never)).toBe(true);
    changes.appended([entry(2, 2)]);
    expect(changes.isAnyIn(1, 2, never)).toBe(false);
    changes.restored();
    expect(changes.isAnyIn(0, 9, never)).toBe(false);
  });
});
