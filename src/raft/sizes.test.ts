/**
 * The two measures of an entry, and which bound uses which: encoded bytes for what is sent and what
 * is handed out to be applied, data bytes alone for what is uncommitted and what is on its way. Each
 * test sits exactly on a bound, and one byte below it.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodedEntrySize, encodeEntry } from './codec/index.ts';
import { entrySize, makeEntry } from './entries.ts';
import { makeMessage } from './messages.ts';
import { bytes, TestGroup, type TestNode } from './raft.fixture.ts';
import { type EntryType, type Message, MessageType } from './types.ts';

const DATA = '0123456789';
/** Term and index below 128: two bytes each; data: tag, length, ten bytes. The type is 0 and absent. */
const ENCODED = 2 + 2 + 2 + DATA.length;

function drain(node: TestNode): Message[] {
  const out: Message[] = [];
  while (node.raw.hasReady()) out.push(...node.takeReady().outgoing);
  return out;
}

function appendSizes(node: TestNode): number[] {
  const appends = drain(node).filter(({ type }) => type === MessageType.App);
  return appends.map(({ entries }) => entries.length).filter((count) => count > 0);
}

function proposeMany(node: TestNode, count: number): void {
  for (let i = 0; i < count; i++) node.raw.propose(bytes(DATA));
}

function acknowledge(leader: TestNode, from: number, index: number): void {
  leader.raw.step(makeMessage({ type: MessageType.AppResp, from, to: leader.id, term: 1, index }));
}

it('an entry is as large as the codec writes it: absent fields take nothing', () => {
  const numbers = fc.oneof(fc.nat(300), fc.nat(), fc.maxSafeNat());
  const property = fc.property(
    numbers,
    numbers,
    fc.constantFrom<EntryType>(0, 1, 2),
    fc.uint8Array({ maxLength: 300 }),
    (term, index, type, data) => {
      const entry = makeEntry(term, index, type, data);
      expect(entrySize(entry)).toBe(encodeEntry(entry).length);
      expect(encodedEntrySize(entry)).toBe(entrySize(entry));
    },
  );
  fc.assert(property, { numRuns: 300 });
  expect(entrySize(makeEntry(0, 0, 0, bytes('')))).toBe(0);
});

describe('maxSizePerMsg counts encoded bytes', () => {
  it.each([
    [0, [1, 1, 1, 1]],
    [1, [1, 1, 1, 1]],
    [2 * ENCODED - 1, [1, 1, 1, 1]],
    [2 * ENCODED, [2, 2]],
    [3 * ENCODED, [3, 1]],
    [4 * ENCODED - 1, [3, 1]],
    [4 * ENCODED, [4]],
  ])('at %i bytes four entries travel as %j', (maxSizePerMsg, expected) => {
    const group = new TestGroup([1, 2], { maxSizePerMsg });
    const leader = group.elect(1);
    group.isLost = ({ to }) => to === 2;
    proposeMany(leader, 4);
    drain(leader);
    // Everything on its way is lost, so it is sent again, together.
    leader.raw.reportUnreachable(2);
    group.isLost = () => false;
    const counts: number[] = [];
    const isLost = group.isLost;
    group.isLost = (message) => {
      if (message.type === MessageType.App && message.entries.length > 0) {
        counts.push(message.entries.length);
      }
      return isLost(message);
    };
    leader.raw.tick();
    group.settle();
    expect(counts).toEqual(expected);
    expect(group.node(2).texts.length).toBe(4);
  });

  it('an entry larger than the bound travels alone', () => {
    const group = new TestGroup([1, 2], { maxSizePerMsg: 20 });
    const leader = group.elect(1);
    leader.raw.proposeEntries([bytes('x'.repeat(500)), bytes('a'), bytes('b')]);
    expect(appendSizes(leader)).toEqual([1]);
    acknowledge(leader, 2, 3);
    expect(appendSizes(leader)).toEqual([2]);
  });
});

describe('maxCommittedSizePerReady counts encoded bytes', () => {
  function handedOut(max: number): number[] {
    const options = { maxCommittedSizePerReady: max, maxSizePerMsg: 10_000 };
    const group = new TestGroup([1, 2], options);
    const leader = group.elect(1);
    proposeMany(leader, 4);
    drain(leader);
    acknowledge(leader, 2, 6);
    const counts: number[] = [];
    while (leader.raw.hasReady()) {
      const { ready } = leader.takeReady();
      if (ready.committedEntries.length > 0) counts.push(ready.committedEntries.length);
    }
    return counts;
  }

  it.each([
    [1, [1, 1, 1, 1]],
    [2 * ENCODED - 1, [1, 1, 1, 1]],
    [2 * ENCODED, [2, 2]],
    [4 * ENCODED - 1, [3, 1]],
    [4 * ENCODED, [4]],
  ])('at %i bytes four entries are handed out as %j', (max, expected) => {
    expect(handedOut(max)).toEqual(expected);
  });

  it('with asynchronous writes it bounds what is not reported back, over several Readys', () => {
    const group = new TestGroup([1], {
      asyncStorageWrites: true,
      maxCommittedSizePerReady: 3 * ENCODED,
    });
    const node = group.elect(1);
    const commitAll = (): void => {
      while (node.raw.hasReady()) {
        node.takeReady();
        while (node.appendQueue.length > 0) node.writeOne();
      }
    };
    const waiting = (): number[] => node.applyQueue.map(({ entries }) => entries.length);
    proposeMany(node, 1);
    commitAll();
    proposeMany(node, 1);
    commitAll();
    expect(waiting()).toEqual([1, 1]);
    proposeMany(node, 3);
    commitAll();
    // One more fits under the bound; then it waits for a report.
    expect(waiting()).toEqual([1, 1, 1]);
    commitAll();
    expect(waiting()).toEqual([1, 1, 1]);
    node.applyOne();
    commitAll();
    expect(waiting()).toEqual([1, 1, 1]);
    for (let i = 0; i < 5; i++) {
      node.applyOne();
      commitAll();
    }
    expect(node.texts.length).toBe(5);
  });
});

describe('maxUncommittedEntriesSize counts data bytes', () => {
  it('takes what fits exactly, though its encoding is larger, and drops the next byte', () => {
    const group = new TestGroup([1, 2], { maxUncommittedEntriesSize: 3 * DATA.length });
    const leader = group.elect(1);
    proposeMany(leader, 3);
    expect(() => leader.raw.propose(bytes('x'))).toThrow('raft proposal dropped');
    // Entries without data weigh nothing.
    leader.raw.propose(bytes(''));
    leader.raw.proposeEntries([bytes(''), bytes('')]);
  });

  it('weighs a proposal as a whole: all of it is taken, or nothing', () => {
    const group = new TestGroup([1, 2], { maxUncommittedEntriesSize: 25 });
    const leader = group.elect(1);
    proposeMany(leader, 1);
    const last = leader.raw.lastIndex;
    expect(() => leader.raw.proposeEntries([bytes(DATA), bytes(DATA)])).toThrow();
    expect(leader.raw.lastIndex).toBe(last);
    leader.raw.proposeEntries([bytes(DATA), bytes('12345')]);
  });

  it('lets one proposal of any size pass when nothing is outstanding', () => {
    const group = new TestGroup([1, 2], { maxUncommittedEntriesSize: 5 });
    const leader = group.elect(1);
    leader.raw.propose(bytes('x'.repeat(100)));
    expect(() => leader.raw.propose(bytes('y'))).toThrow();
  });

  it('gives room back when entries are applied, not when they are committed', () => {
    const options = { maxUncommittedEntriesSize: 10, asyncStorageWrites: true };
    const group = new TestGroup([1], options);
    const node = group.elect(1);
    proposeMany(node, 1);
    while (node.raw.hasReady()) {
      node.takeReady();
      while (node.appendQueue.length > 0) node.writeOne();
    }
    expect(node.raw.basicStatus().hardState.commit).toBe(3);
    expect(() => node.raw.propose(bytes('x'))).toThrow();
    node.applyOne();
    node.raw.propose(bytes('x'));
  });

  it('begins at nothing with each leadership, and bounds no follower', () => {
    const group = new TestGroup([1, 2, 3], { maxUncommittedEntriesSize: 10 });
    const first = group.elect(1);
    group.isLost = ({ type }) => type === MessageType.AppResp;
    proposeMany(first, 1);
    group.settle();
    expect(() => first.raw.propose(bytes('x'))).toThrow();
    // A follower passes on whatever it is given; the leader decides.
    group.node(2).raw.propose(bytes('x'.repeat(50)));
    const second = group.elect(2);
    expect(second.isLeader).toBe(true);
    second.raw.propose(bytes(DATA));
    expect(() => second.raw.propose(bytes('x'))).toThrow();
  });
});

describe('maxInflightBytes counts data bytes', () => {
  it.each([
    [ENCODED, 2],
    [20, 2],
    [21, 3],
    [30, 3],
    [31, 4],
  ])('at %i bytes, %i messages of ten data bytes are on their way', (maxInflightBytes, count) => {
    const group = new TestGroup([1, 2], { maxInflightBytes, maxSizePerMsg: ENCODED });
    const leader = group.elect(1);
    proposeMany(leader, 8);
    // The last one may overshoot, or a bound below a message's size would stop everything.
    expect(appendSizes(leader).length).toBe(count);
    acknowledge(leader, 2, 3);
    const isRoom = 10 * (count - 1) < maxInflightBytes;
    expect(appendSizes(leader).length).toBe(isRoom ? 1 : 0);
  });

  it('entries without data are bounded by number alone', () => {
    const limits = { maxInflightBytes: 10, maxSizePerMsg: 1, maxInflightMsgs: 3 };
    const group = new TestGroup([1, 2], limits);
    const leader = group.elect(1);
    for (let i = 0; i < 8; i++) leader.raw.propose(bytes(''));
    expect(appendSizes(leader).length).toBe(3);
  });
});
