/**
 * Raft paper, section 5.3: log replication, the consistency check, and how a leader brings logs of
 * every kind (figure 7) to its own.
 */
import { describe, expect, it } from 'vitest';
import {
  answer,
  bytes,
  commitOf,
  cutOff,
  entriesOf,
  groupWith,
  heal,
  MessageType,
  memberWith,
  progressOf,
  receive,
  sent,
  sentOf,
  storedTerms,
  TestGroup,
} from './paper.fixture.ts';

describe('Raft §5.3 log replication', () => {
  it('Raft §5.3 the leader appends a command to its log and sends it to all in parallel', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    leader.raw.propose(bytes('x'));
    const appends = sentOf(leader, MessageType.App);
    expect(appends.map(({ to }) => to)).toEqual([2, 3]);
    for (const { index, logTerm, entries } of appends) {
      expect([index, logTerm]).toEqual([2, 1]);
      expect(entries).toMatchObject([{ index: 3, term: 1, data: bytes('x') }]);
    }
    expect(leader.log.lastIndex()).toBe(3);
  });

  it('Raft §5.3 a command is applied once a majority has it, not before', () => {
    const group = new TestGroup([1, 2, 3, 4, 5]);
    const leader = group.elect(1);
    leader.raw.propose(bytes('x'));
    sent(leader);
    const stored = { type: MessageType.AppResp, term: 1, index: 3 } as const;
    receive(leader, { ...stored, from: 2 });
    sent(leader);
    expect(leader.texts).toEqual([]);
    receive(leader, { ...stored, from: 4 });
    sent(leader);
    expect(leader.texts).toEqual(['x']);
  });

  it('Raft §5.3 the answer of one member counts once, however often it comes', () => {
    const group = new TestGroup([1, 2, 3, 4, 5]);
    const leader = group.elect(1);
    leader.raw.propose(bytes('x'));
    sent(leader);
    for (let i = 0; i < 4; i++) {
      receive(leader, { type: MessageType.AppResp, from: 2, term: 1, index: 3 });
    }
    expect(commitOf(leader)).toBe(2);
  });

  it('Raft §5.3 followers learn what is committed, and apply it in the order of the log', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    for (const value of ['a', 'b', 'c']) leader.raw.propose(bytes(value));
    group.settle();
    for (const node of group.nodes) expect(node.texts).toEqual(['a', 'b', 'c']);
  });

  it('Raft §5.3 a follower commits no further than the entries that came with the message', () => {
    const node = memberWith(2, [1, 2, 3], { log: [1, 1, 1, 1], term: 2 });
    receive(node, { type: MessageType.App, from: 1, term: 2, index: 2, logTerm: 1, commit: 9 });
    expect(commitOf(node)).toBe(2);
    const entries = entriesOf([2], 3);
    const append = { type: MessageType.App, from: 1, term: 2, index: 2, logTerm: 1 } as const;
    receive(node, { ...append, entries, commit: 9 });
    expect(commitOf(node)).toBe(3);
  });

  it('Raft §5.3 the leader sends to a silent follower again and again, without end', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    cutOff(group, 3);
    leader.raw.propose(bytes('x'));
    const beat = (): void => {
      leader.raw.tick();
      group.settle();
    };
    for (let i = 0; i < 50; i++) beat();
    heal(group);
    beat();
    expect(group.node(3).texts).toEqual(['x']);
  });

  it('Raft §5.3 the consistency check: an append is refused where the logs do not meet', () => {
    const cases: [index: number, logTerm: number, isRefused: boolean][] = [
      [1, 1, false],
      [3, 2, false],
      [3, 3, true],
      [4, 2, true],
    ];
    for (const [index, logTerm, isRefused] of cases) {
      const node = memberWith(2, [1, 2, 3], { log: [1, 2], term: 3 });
      receive(node, { type: MessageType.App, from: 1, term: 3, index, logTerm });
      expect(answer(node, MessageType.AppResp)).toMatchObject({ index, reject: isRefused });
    }
  });

  it('Raft §5.3 only a real conflict removes entries, and everything after it goes with it', () => {
    const cases: [terms: number[], from: number, after: number[]][] = [
      [[1], 2, [1, 1, 2, 2]],
      [[1, 1, 2], 2, [1, 1, 2, 2]],
      [[3], 4, [1, 1, 3]],
      [[2, 2, 3], 4, [1, 1, 2, 2, 3]],
      [[3, 3], 2, [3, 3]],
    ];
    for (const [terms, from, after] of cases) {
      const node = memberWith(2, [1, 2, 3], { log: [1, 1, 2, 2], term: 3 });
      const entries = entriesOf(terms, from);
      const append = { type: MessageType.App, from: 1, term: 3, index: from - 1 } as const;
      receive(node, { ...append, logTerm: 1, entries });
      sent(node);
      expect(storedTerms(node)).toEqual(after);
    }
  });

  it('Raft §5.3 a leader never rewrites its own log', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    leader.raw.propose(bytes('x'));
    sent(leader);
    const entries = entriesOf([1], 2);
    receive(leader, { type: MessageType.App, from: 2, term: 1, index: 1, logTerm: 1, entries });
    expect(sent(leader)).toEqual([]);
    expect(storedTerms(leader)).toEqual([1, 1]);
    expect(leader.log.lastIndex()).toBe(3);
  });

  // Figure 7: the leader of term 8, and the six kinds of follower it may find. One entry is left out
  // at the front, since all logs here share their first one.
  const leaderLog = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const followers: Readonly<Record<string, number[]>> = {
    'a: misses one entry': [1, 1, 1, 4, 4, 5, 5, 6, 6],
    'b: misses many': [1, 1, 1, 4],
    'c: has one too many': [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    'd: has entries of a later term': [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    'e: misses some and has others': [1, 1, 1, 4, 4, 4, 4],
    'f: went its own way for two terms': [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  };
  for (const [name, log] of Object.entries(followers)) {
    it(`Raft §5.3 figure 7 (${name}): the leader makes the follower's log equal its own`, () => {
      const group = groupWith([
        { log: leaderLog, term: 7 },
        { log, term: 7 },
        { log: leaderLog, term: 7 },
      ]);
      // The third member's vote is enough, whatever the follower has.
      const leader = group.elect(1);
      group.tick(1);
      expect(leader.isLeader).toBe(true);
      expect(storedTerms(group.node(2))).toEqual([...leaderLog, 8]);
      expect(progressOf(leader, 2).match).toBe(leader.log.lastIndex());
    });
  }

  it('Raft §5.3 a refusal says where the logs may meet: one round trip for each term that differs', () => {
    const tail = (term: number): number[] => new Array<number>(200).fill(term);
    const group = groupWith([
      { log: [1, ...tail(5), ...tail(7)], term: 7 },
      { log: [1, ...tail(2), ...tail(3), ...tail(4), ...tail(6)], term: 7 },
      { log: [1], term: 7 },
    ]);
    let refusals = 0;
    group.isLost = ({ type, from, reject }) => {
      if (type === MessageType.AppResp && from === 2 && reject) refusals += 1;
      return false;
    };
    group.elect(1);
    expect(storedTerms(group.node(2))).toEqual([1, ...tail(5), ...tail(7), 8]);
    expect(refusals).toBeGreaterThan(0);
    expect(refusals).toBeLessThanOrEqual(4);
  });
});
