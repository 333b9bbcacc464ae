/** The contract of `LogStorage`, errors included, on the implementation that tests rely on. */
import { describe, expect, it } from 'vitest';
import { EMPTY_BYTES, makeEntry } from './entries.ts';
import { EMPTY_CONF_STATE, MemoryLog } from './memory-log.ts';
import { type Entry, NO_LIMIT, type Snapshot } from './types.ts';

const entry = (index: number, term = 1): Entry => makeEntry(term, index, 0, EMPTY_BYTES);
const range = (from: number, to: number, term = 1): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, at) => entry(from + at, term));
const confState = { ...EMPTY_CONF_STATE, voters: [1, 2, 3] };
const snapshotAt = (index: number, term = 3): Snapshot => ({
  metadata: { confState, index, term },
  data: EMPTY_BYTES,
});

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'no error';
}

function logOf(entries: readonly Entry[]): MemoryLog {
  const log = new MemoryLog();
  log.append(entries);
  return log;
}

describe('MemoryLog', () => {
  it('S-21 begins empty', () => {
    const log = new MemoryLog();
    expect(log.initialState()).toEqual({
      hardState: { term: 0, vote: 0, commit: 0 },
      confState: EMPTY_CONF_STATE,
    });
    expect([log.firstIndex(), log.lastIndex()]).toEqual([1, 0]);
    expect(log.snapshot()?.metadata.index).toBe(0);
  });

  it('S-22 gives half-open ranges', () => {
    const log = logOf(range(1, 3));
    log.setHardState({ term: 5, vote: 1, commit: 2 });
    expect(log.initialState().hardState).toEqual({ term: 5, vote: 1, commit: 2 });
    expect(log.entries(1, 3, NO_LIMIT)).toEqual(range(1, 2));
  });

  it('S-23 a snapshot becomes the beginning', () => {
    const log = logOf(range(1, 3));
    log.applySnapshot(snapshotAt(50));
    expect([log.firstIndex(), log.lastIndex(), log.term(50)]).toEqual([51, 50, 3]);
    expect(log.initialState().confState).toEqual(confState);
  });

  it('S-30 an older snapshot is refused', () => {
    const log = new MemoryLog();
    log.applySnapshot(snapshotAt(100));
    expect(codeOf(() => log.applySnapshot(snapshotAt(50)))).toBe('SNAPSHOT_OUT_OF_DATE');
    expect(codeOf(() => log.applySnapshot(snapshotAt(100)))).toBe('SNAPSHOT_OUT_OF_DATE');
  });

  it('S-31 a snapshot made here leaves the log, compaction cuts it', () => {
    const log = logOf(range(1, 5));
    expect(log.createSnapshot(3, confState, EMPTY_BYTES).metadata).toEqual({
      confState,
      index: 3,
      term: 1,
    });
    expect(log.firstIndex()).toBe(1);
    log.compact(3);
    expect([log.firstIndex(), log.lastIndex(), log.term(3)]).toEqual([4, 5, 1]);
    expect(codeOf(() => log.createSnapshot(2, confState, EMPTY_BYTES))).toBe('LOG_COMPACTED');
  });

  it('S-33 compaction outside the log is refused', () => {
    const log = logOf(range(1, 3));
    expect(codeOf(() => log.compact(0))).toBe('LOG_COMPACTED');
    expect(codeOf(() => log.compact(10))).toBe('LOG_UNAVAILABLE');
    log.compact(2);
    expect(log.entries(3, 4, NO_LIMIT)).toEqual([entry(3)]);
  });

  it('S-34 and S-35 reading outside the log is refused, by name', () => {
    const log = logOf(range(1, 5));
    log.compact(2);
    expect(codeOf(() => log.entries(2, 4, NO_LIMIT))).toBe('LOG_COMPACTED');
    expect(codeOf(() => log.entries(4, 7, NO_LIMIT))).toBe('LOG_UNAVAILABLE');
    expect(log.entries(4, 4, NO_LIMIT)).toEqual([]);
    expect(log.term(2)).toBe(1);
    expect(codeOf(() => log.term(1))).toBe('LOG_COMPACTED');
    expect(codeOf(() => log.term(6))).toBe('LOG_UNAVAILABLE');
  });

  it('S-36 an empty log has a term for 0 only', () => {
    expect(new MemoryLog().term(0)).toBe(0);
    expect(codeOf(() => new MemoryLog().term(1))).toBe('LOG_UNAVAILABLE');
  });

  it('S-37 a gap is refused as out of order', () => {
    expect(codeOf(() => logOf(range(1, 2)).append([entry(5)]))).toBe('LOG_OUT_OF_ORDER');
  });

  it('S-38 an overlap replaces the tail', () => {
    const log = logOf(range(1, 3));
    log.append([entry(2, 2)]);
    expect(log.entries(1, 3, NO_LIMIT)).toEqual([entry(1), entry(2, 2)]);
    expect(log.lastIndex()).toBe(2);
  });

  it('S-39 a tiny limit still gives one entry', () => {
    const log = logOf(range(1, 2));
    expect(log.entries(1, 3, NO_LIMIT)?.length).toBe(2);
    expect(log.entries(1, 3, 1)?.length).toBe(1);
  });

  it('skips what was compacted already when it is appended again', () => {
    const log = logOf(range(1, 4));
    log.compact(3);
    log.append(range(2, 3));
    expect(log.lastIndex()).toBe(4);
    log.append(range(2, 5));
    expect(log.entries(4, 6, NO_LIMIT)).toEqual(range(4, 5));
  });
});
