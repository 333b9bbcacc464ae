import { expect, it } from 'vitest';
import type { Entry, HardState } from '../raft/index.ts';
import { encodeSnapshotDescriptor, MemoryStorage } from './index.ts';

const CONF = {
  voters: [1, 2, 3],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function entries(from: number, to: number, term = 1): Entry[] {
  const list: Entry[] = [];
  for (let index = from; index <= to; index++) {
    list.push({ term, index, type: 0, data: Buffer.from(`entry ${index}`) });
  }
  return list;
}

function hardState(term: number, vote: number, commit: number): HardState {
  return { term, vote, commit };
}

it('shows appended entries at once, and counts them durable only when released', async () => {
  const storage = new MemoryStorage();
  storage.hold();
  const done = storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 3) });
  expect(storage.lastIndex()).toBe(3);
  expect(storage.term(3)).toBe(1);
  expect(storage.durableIndex).toBe(0);
  storage.release();
  await done;
  expect(storage.durableIndex).toBe(3);
});

it('a crash keeps what was durable and nothing else', async () => {
  const storage = new MemoryStorage();
  await storage.append({ hardState: hardState(1, 2, 0), entries: entries(1, 2) });
  storage.hold();
  void storage.append({ hardState: hardState(2, 3, 1), entries: entries(3, 5, 2) });
  const after = storage.crash();
  expect(after.lastIndex()).toBe(2);
  expect(after.initialState().hardState).toEqual(hardState(1, 2, 0));
});

it('an entry that was replaced while its write was under way is not durable (NASTY 18)', async () => {
  const storage = new MemoryStorage();
  storage.hold();
  const first = storage.append({ entries: entries(1, 3, 1) });
  const second = storage.append({ entries: entries(2, 2, 2) });
  storage.release(1);
  await first;
  expect(storage.durableIndex).toBe(1);
  storage.release();
  await second;
  expect(storage.durableIndex).toBe(2);
});

it('fails for good, with the waiting appends, and says so', async () => {
  const storage = new MemoryStorage();
  const seen: Error[] = [];
  storage.onFailure((error) => seen.push(error));
  storage.failNext(new Error('EIO'));
  await expect(storage.append({ entries: entries(1, 1) })).rejects.toMatchObject({
    code: 'DISK_FAILED',
  });
  await expect(storage.append({ entries: entries(2, 2) })).rejects.toMatchObject({
    code: 'DISK_FAILED',
  });
  expect(seen).toHaveLength(1);
  expect(storage.failure).toBe(seen[0]);
});

it('founds a group from a snapshot beyond an empty log', async () => {
  const storage = new MemoryStorage();
  const at = { index: 1, term: 1, confState: CONF };
  const stored = await storage.saveSnapshot(at, [{ name: 'members', chunks: [Buffer.from('m')] }]);
  expect(storage.newestSnapshot).toBeUndefined();
  const snapshot = {
    metadata: { index: 1, term: 1, confState: CONF },
    data: encodeSnapshotDescriptor(stored),
  };
  await storage.installSnapshot(snapshot, hardState(1, 0, 1));
  expect(storage.firstIndex()).toBe(2);
  expect(storage.initialState()).toEqual({ hardState: hardState(1, 0, 1), confState: CONF });
  const again = storage.crash();
  expect(again.newestSnapshot).toEqual(stored);
  const reader = await again.openSnapshot(stored);
  const bytes: Uint8Array[] = [];
  for await (const chunk of reader.section('members')!) bytes.push(chunk);
  expect(Buffer.concat(bytes).toString()).toBe('m');
});
