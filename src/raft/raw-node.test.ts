/**
 * What the scripts can't say: limits, forwarding, reads, misses in the log, reports, restarts. Small
 * groups of cores, driven by hand; each test names the rule it protects.
 */
import { describe, expect, it } from 'vitest';
import { makeEntry } from './entries.ts';
import { EMPTY_CONF_STATE } from './memory-log.ts';
import { makeMessage } from './messages.ts';
import { bytes, TestGroup, type TestNode, text } from './raft.fixture.ts';
import {
  ConfChangeTransition,
  ConfChangeType,
  type Message,
  MessageType,
  ProgressState,
  StateType,
} from './types.ts';

function drain(node: TestNode): Message[] {
  const out: Message[] = [];
  while (node.raw.hasReady()) out.push(...node.takeReady().outgoing);
  return out;
}

function progressOf(node: TestNode, id: number) {
  return node.raw.status().progress.get(id)!;
}

for (const asyncStorageWrites of [false, true]) {
  describe(asyncStorageWrites ? 'asynchronous storage' : 'synchronous storage', () => {
    it('commits and applies on everybody what the leader is given', () => {
      const group = new TestGroup([1, 2, 3], { asyncStorageWrites });
      const leader = group.elect(1);
      leader.raw.propose(bytes('a'));
      leader.raw.proposeEntries([bytes('b'), bytes('c')]);
      group.settle();
      for (const node of group.nodes) expect(node.texts).toEqual(['a', 'b', 'c']);
      expect(leader.raw.hasReady()).toBe(false);
    });

    it('S-102 has the same term and vote after a restart, and the same log', () => {
      const group = new TestGroup([1, 2, 3], { asyncStorageWrites });
      const leader = group.elect(1);
      leader.raw.propose(bytes('a'));
      group.settle();
      for (const node of group.nodes) node.restart();
      for (const node of group.nodes) {
        const { hardState, softState } = node.raw.basicStatus();
        expect(hardState).toMatchObject({ term: 1, vote: 1 });
        expect(softState).toEqual({ lead: 0, state: StateType.Follower });
      }
      group.elect(2).raw.propose(bytes('b'));
      group.settle();
      for (const node of group.nodes) expect(node.texts).toEqual(['a', 'b']);
    });

    it('NASTY 36 a follower that lost touch is fed by snapshot, then by log', () => {
      const group = new TestGroup([1, 2, 3], { asyncStorageWrites });
      const leader = group.elect(1);
      group.isLost = ({ to, from }) => to === 3 || from === 3;
      for (const value of ['a', 'b', 'c']) leader.raw.propose(bytes(value));
      group.settle();
      leader.compact();
      leader.raw.propose(bytes('d'));
      group.settle();
      group.isLost = () => false;
      group.tick(2);
      expect(progressOf(leader, 3).state).toBe(ProgressState.Replicate);
      expect(group.node(3).texts).toEqual(['a', 'b', 'c', 'd']);
      expect(group.node(3).log.firstIndex()).toBeGreaterThan(2);
    });
  });
}

describe('proposals', () => {
  it('are dropped without a leader, with the exact text', () => {
    const group = new TestGroup([1, 2, 3]);
    expect(() => group.node(1).raw.propose(bytes('x'))).toThrow(/^raft proposal dropped$/);
  });

  it('pass from follower to leader, unless forwarding is off', () => {
    const group = new TestGroup([1, 2, 3]);
    group.elect(1);
    group.node(2).raw.propose(bytes('x'));
    group.settle();
    expect(group.node(3).texts).toEqual(['x']);

    const strict = new TestGroup([1, 2, 3], { disableProposalForwarding: true });
    strict.elect(1);
    expect(() => strict.node(2).raw.propose(bytes('x'))).toThrow('raft proposal dropped');
    expect(strict.node(2).raw.hasReady()).toBe(false);
  });

  it('NASTY 27 a forwarded one that meets a leader change is passed on once more', () => {
    const group = new TestGroup([1, 2, 3]);
    group.elect(1);
    group.node(2).raw.propose(bytes('x'));
    const forwarded = drain(group.node(2));
    group.elect(3);
    group.wire.push(...forwarded);
    group.settle();
    expect(group.node(1).texts).toEqual(['x']);
  });

  it('are bounded by uncommitted bytes; empty ones and a first large one pass', () => {
    const group = new TestGroup([1, 2, 3], { maxUncommittedEntriesSize: 8 });
    const leader = group.elect(1);
    group.isLost = ({ type }) => type === MessageType.AppResp;
    leader.raw.propose(bytes('0123456789abcdef'));
    expect(() => leader.raw.propose(bytes('x'))).toThrow('raft proposal dropped');
    leader.raw.propose(new Uint8Array(0));
    group.settle();
    group.isLost = () => false;
    group.tick(1);
    leader.raw.propose(bytes('x'));
    group.settle();
    expect(group.node(2).texts).toEqual(['0123456789abcdef', 'x']);
  });

  it('are cut into messages by size, at least one entry each', () => {
    // Each entry encodes to 3 (term, index with one byte each: 4) + 2 + data bytes.
    const group = new TestGroup([1, 2], { maxSizePerMsg: 30 });
    const leader = group.elect(1);
    const datas = ['aaaaaaaaaa', 'bbbbbbbbbb', 'cccccccccc', 'd'.repeat(100), 'e'];
    leader.raw.proposeEntries(datas.map(bytes));
    const sent = drain(leader).filter(({ type }) => type === MessageType.App);
    expect(sent.map(({ entries }) => entries.length)).toEqual([1]);
    group.wire.push(...sent);
    group.settle();
    expect(group.node(2).texts).toEqual(datas);
  });

  it('in flight are bounded by number', () => {
    const group = new TestGroup([1, 2], { maxInflightMsgs: 2 });
    const leader = group.elect(1);
    for (let i = 0; i < 5; i++) leader.raw.propose(bytes(`v${i}`));
    const sent = drain(leader).filter(({ entries }) => entries.length > 0);
    expect(sent.length).toBe(2);
    expect(progressOf(leader, 2)).toMatchObject({ inflightCount: 2, inflightFull: true });
    group.wire.push(...sent);
    group.settle();
    expect(group.node(2).texts.length).toBe(5);
  });

  it('in flight are bounded by bytes', () => {
    const limits = { maxInflightBytes: 20, maxSizePerMsg: 15 };
    const group = new TestGroup([1, 2], limits);
    const leader = group.elect(1);
    for (let i = 0; i < 5; i++) leader.raw.propose(bytes('0123456789'));
    const sent = drain(leader).filter(({ entries }) => entries.length > 0);
    expect(sent.length).toBe(2);
    group.wire.push(...sent);
    group.settle();
    expect(group.node(2).texts.length).toBe(5);
  });
});

describe('applying', () => {
  it('hands out no more than the bound before it hears back', () => {
    const options = { asyncStorageWrites: true, maxCommittedSizePerReady: 20 };
    const group = new TestGroup([1], options);
    const leader = group.elect(1);
    for (let i = 0; i < 4; i++) leader.raw.propose(bytes('0123456789'));
    const handedOut: number[] = [];
    while (leader.raw.hasReady()) {
      handedOut.push(leader.takeReady().ready.committedEntries.length);
      while (leader.appendQueue.length > 0) leader.writeOne();
    }
    expect(handedOut.filter((count) => count > 0)).toEqual([1]);
    expect(leader.applyQueue.length).toBe(1);
    group.settle();
    while (leader.applyQueue.length > 0 || leader.raw.hasReady()) {
      leader.applyOne();
      group.settle();
    }
    expect(leader.texts.length).toBe(4);
  });

  it('starts again above what the state machine had', () => {
    const group = new TestGroup([1]);
    const node = group.elect(1);
    node.raw.propose(bytes('a'));
    group.settle();
    const { applied } = node.raw.basicStatus();
    const again = new (Object.getPrototypeOf(node).constructor)(1, node.log, {
      applied,
    }) as TestNode;
    expect(again.raw.hasReady()).toBe(false);
    expect(again.raw.basicStatus().applied).toBe(applied);
  });

  it('refuses a stored commit that the log does not reach: a lost log', () => {
    const group = new TestGroup([1]);
    group.elect(1);
    const { log } = group.node(1);
    log.setHardState({ term: 1, vote: 1, commit: 99 });
    expect(() => group.node(1).restart()).toThrow(/commit/);
  });
});

describe('elections', () => {
  it('NASTY 20 a single node is leader only once its vote is durable', () => {
    const group = new TestGroup([1], { asyncStorageWrites: true });
    const node = group.node(1);
    node.raw.campaign();
    node.takeReady();
    expect(node.isLeader).toBe(false);
    node.writeOne();
    expect(node.isLeader).toBe(true);
    node.raw.propose(bytes('a'));
    node.takeReady();
    expect(node.raw.basicStatus().hardState.commit).toBe(1);
    node.writeOne();
    expect(node.raw.basicStatus().hardState.commit).toBe(3);
  });

  it('NASTY 1 a vote survives a step-down in the same term', () => {
    const group = new TestGroup([1, 2, 3]);
    group.node(1).raw.campaign();
    drain(group.node(1));
    const append = {
      type: MessageType.App,
      to: 1,
      from: 2,
      term: 1,
      index: 1,
      logTerm: 1,
    } as const;
    group.node(1).raw.step(makeMessage(append));
    expect(group.node(1).raw.basicStatus().lead).toBe(2);
    const ask = { type: MessageType.Vote, to: 1, from: 3, term: 1, index: 9, logTerm: 9 } as const;
    group.node(1).raw.step(makeMessage(ask));
    const answer = drain(group.node(1)).find(({ type }) => type === MessageType.VoteResp);
    expect(answer).toMatchObject({ to: 3, reject: true });
  });

  it('NASTY 4 a repeated request of the same candidate is granted again, a repeated grant counts once', () => {
    const group = new TestGroup([1, 2, 3, 4, 5]);
    const ask = { type: MessageType.Vote, to: 2, from: 1, term: 1, index: 1, logTerm: 1 } as const;
    for (let i = 0; i < 2; i++) {
      group.node(2).raw.step(makeMessage(ask));
      expect(drain(group.node(2))[0]).toMatchObject({ type: MessageType.VoteResp, reject: false });
    }
    group.node(1).raw.campaign();
    drain(group.node(1));
    const grant = { type: MessageType.VoteResp, to: 1, from: 2, term: 1 } as const;
    for (let i = 0; i < 3; i++) group.node(1).raw.step(makeMessage(grant));
    expect(group.node(1).isLeader).toBe(false);
  });

  it('NASTY 5 a member inside the lease ignores who asks for votes', () => {
    const group = new TestGroup([1, 2, 3], { checkQuorum: true });
    group.elect(1);
    const ask = { type: MessageType.Vote, to: 2, from: 3, term: 9, index: 9, logTerm: 9 } as const;
    group.node(2).raw.step(makeMessage(ask));
    expect(drain(group.node(2))).toEqual([]);
    expect(group.node(2).raw.basicStatus().hardState.term).toBe(1);
    // A known death of the leader opens the way at once.
    group.node(2).raw.forgetLeader();
    group.node(2).raw.step(makeMessage(ask));
    expect(drain(group.node(2))[0]).toMatchObject({ type: MessageType.VoteResp, reject: false });
  });

  it('NASTY 9 a leader that hears nobody steps down', () => {
    const group = new TestGroup([1, 2, 3], { checkQuorum: true });
    const leader = group.elect(1);
    group.isLost = ({ to }) => to === 1;
    group.tick(21);
    expect(leader.isLeader).toBe(false);
  });

  it('NASTY 31 no campaign while a committed membership change waits to be applied', () => {
    const group = new TestGroup([1, 2, 3], { asyncStorageWrites: true });
    group.elect(1);
    const node = group.node(2);
    const change = { transition: ConfChangeTransition.Auto, context: bytes('') };
    const changes = [{ type: ConfChangeType.AddLearnerNode, nodeId: 4 }];
    group.node(1).raw.proposeConfChange({ ...change, changes });
    // The follower writes, but does not apply.
    const rest = node.applyQueue;
    for (let round = 0; round < 6; round++) {
      for (const other of group.nodes) {
        while (other.raw.hasReady()) group.wire.push(...other.takeReady().outgoing);
        while (other.appendQueue.length > 0) group.wire.push(...other.writeOne());
      }
      for (const m of group.wire.splice(0)) if (m.to <= 3) group.node(m.to).raw.step(m);
    }
    expect(rest.length).toBe(1);
    node.raw.campaign();
    expect(node.raw.basicStatus().softState.state).toBe(StateType.Follower);
    node.applyOne();
    node.raw.campaign();
    expect(node.raw.basicStatus().softState.state).toBe(StateType.Candidate);
  });

  it('draws its timeout in [n, 2n - 1], and checks what random returns', () => {
    const group = new TestGroup([1], { electionTick: 4, random: (bound) => bound - 1 });
    for (let i = 0; i < 6; i++) group.node(1).raw.tick();
    expect(group.node(1).raw.basicStatus().hardState.term).toBe(0);
    group.node(1).raw.tick();
    expect(group.node(1).raw.basicStatus().hardState.term).toBe(1);
    expect(() => new TestGroup([1], { random: (bound) => bound })).toThrow(/random/);
  });
});

describe('transfer of leadership', () => {
  it('NASTY 26 refuses proposals meanwhile, and ends', () => {
    const group = new TestGroup([1, 2, 3], { preVote: true, checkQuorum: true });
    const leader = group.elect(1);
    group.isLost = ({ to, from }) => to === 3 || from === 3;
    leader.raw.transferLeadership(3);
    expect(() => leader.raw.propose(bytes('x'))).toThrow('raft proposal dropped');
    expect(leader.raw.basicStatus().leadTransferee).toBe(3);
    group.tick(10);
    expect(leader.raw.basicStatus().leadTransferee).toBe(0);
    leader.raw.propose(bytes('y'));
    group.settle();
    expect(group.node(2).texts).toEqual(['y']);
    group.isLost = () => false;
    group.tick(2);
    group.node(2).raw.transferLeadership(3);
    group.settle();
    expect(group.leaders.map(({ id }) => id)).toEqual([3]);
  });
});

describe('messages from outside', () => {
  it('are refused when only the node itself may make them', () => {
    const group = new TestGroup([1, 2]);
    const { raw } = group.node(1);
    for (const type of [MessageType.Hup, MessageType.Beat, MessageType.StorageAppendResp]) {
      expect(() => raw.step(makeMessage({ type, from: 2, to: 1 }))).toThrow(
        /^raft: cannot step raft local message$/,
      );
    }
  });

  it('are refused when they answer from a stranger', () => {
    const group = new TestGroup([1, 2]);
    const answer = makeMessage({ type: MessageType.AppResp, from: 9, to: 1, term: 1 });
    expect(() => group.node(1).raw.step(answer)).toThrow(/^raft: cannot step as peer not found$/);
  });

  it('NASTY 32 a commit beyond the own log is a loud stop', () => {
    const group = new TestGroup([1, 2]);
    const beat = { type: MessageType.Heartbeat, from: 2, to: 1, term: 1, commit: 50 } as const;
    expect(() => group.node(1).raw.step(makeMessage(beat))).toThrow(/commit beyond the log/);
  });

  it('NASTY 12 and 13 an old append is acknowledged as far as it goes, and cuts nothing', () => {
    const group = new TestGroup([1, 2]);
    const { raw, log } = group.node(2);
    const entry = (index: number) => makeEntry(1, index, 0, bytes(`e${index}`));
    const append = {
      type: MessageType.App,
      from: 1,
      to: 2,
      term: 1,
      index: 1,
      logTerm: 1,
    } as const;
    raw.step(makeMessage({ ...append, entries: [2, 3, 4].map(entry) }));
    drain(group.node(2));
    raw.step(makeMessage({ ...append, entries: [entry(2)] }));
    expect(drain(group.node(2))[0]).toMatchObject({ type: MessageType.AppResp, index: 2 });
    expect(log.lastIndex()).toBe(4);
  });
});

describe('asynchronous writes', () => {
  it('NASTY 18 the end of a first write says nothing about an entry that looks like its own', () => {
    const group = new TestGroup([1, 2, 3], { asyncStorageWrites: true });
    const node = group.node(2);
    const append = (term: number, from: number, entryTerm: number): void => {
      const entries = [makeEntry(entryTerm, 2, 0, bytes(`of term ${entryTerm}`))];
      const message = { type: MessageType.App, to: 2, from, term, index: 1, logTerm: 1, entries };
      node.raw.step(makeMessage(message));
      node.takeReady();
    };
    append(1, 1, 1);
    append(2, 3, 2);
    append(3, 1, 1);
    node.raw.step(
      makeMessage({
        type: MessageType.App,
        to: 2,
        from: 1,
        term: 3,
        index: 2,
        logTerm: 1,
        commit: 2,
      }),
    );
    expect(node.appendQueue.length).toBe(3);
    node.writeOne();
    expect(node.takeReady().ready.committedEntries).toEqual([]);
    node.writeOne();
    expect(node.takeReady().ready.committedEntries).toEqual([]);
    node.writeOne();
    expect(node.takeReady().ready.committedEntries.map(({ data }) => text(data))).toEqual([
      'of term 1',
    ]);
  });

  it('NASTY 19 an answer waits for the write that it speaks of, a repeated one too', () => {
    const group = new TestGroup([1, 2, 3], { asyncStorageWrites: true });
    const node = group.node(2);
    const entries = [makeEntry(1, 2, 0, bytes('x'))];
    const append = {
      type: MessageType.App,
      to: 2,
      from: 1,
      term: 1,
      index: 1,
      logTerm: 1,
      entries,
    };
    for (let i = 0; i < 2; i++) {
      node.raw.step(makeMessage(append));
      expect(node.takeReady().outgoing).toEqual([]);
    }
    expect(node.writeOne()).toMatchObject([{ type: MessageType.AppResp, index: 2 }]);
    expect(node.writeOne()).toMatchObject([{ type: MessageType.AppResp, index: 2 }]);
  });
});

describe('snapshots', () => {
  function paused(): { group: TestGroup; leader: TestNode } {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    group.isLost = ({ to, from }) => to === 3 || from === 3;
    for (const value of ['a', 'b']) leader.raw.propose(bytes(value));
    group.settle();
    leader.compact();
    group.isLost = ({ type }) => type === MessageType.Snap;
    group.tick(1);
    expect(progressOf(leader, 3).state).toBe(ProgressState.Snapshot);
    group.isLost = () => false;
    return { group, leader };
  }

  it('NASTY 37 a failed one is tried again after a heartbeat', () => {
    const { group, leader } = paused();
    leader.raw.reportSnapshot(3, false);
    expect(progressOf(leader, 3)).toMatchObject({ state: ProgressState.Probe, paused: true });
    group.tick(1);
    expect(group.node(3).texts).toEqual(['a', 'b']);
  });

  it('one that arrived is probed from its index on', () => {
    const { leader } = paused();
    const { pendingSnapshot } = progressOf(leader, 3);
    leader.raw.reportSnapshot(3, true);
    expect(progressOf(leader, 3)).toMatchObject({
      state: ProgressState.Probe,
      next: pendingSnapshot + 1,
    });
  });

  it('are not sent while there is none to offer, nor to one that is not heard of', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    group.isLost = ({ to, from }) => to === 3 || from === 3;
    leader.raw.propose(bytes('a'));
    group.settle();
    leader.compact();
    const offer = leader.log.snapshot.bind(leader.log);
    leader.log.snapshot = () => undefined;
    group.isLost = () => false;
    group.tick(1);
    expect(progressOf(leader, 3).state).not.toBe(ProgressState.Snapshot);
    leader.log.snapshot = offer;
    group.tick(1);
    expect(group.node(3).texts).toEqual(['a']);
  });

  it('without this node in their membership are not taken', () => {
    const group = new TestGroup([1, 2]);
    const confState = { ...EMPTY_CONF_STATE, voters: [1, 5] };
    const snapshot = { metadata: { confState, index: 9, term: 1 }, data: bytes('') };
    group
      .node(2)
      .raw.step(makeMessage({ type: MessageType.Snap, from: 1, to: 2, term: 1, snapshot }));
    expect(drain(group.node(2))[0]).toMatchObject({ type: MessageType.AppResp, index: 1 });
    expect(group.node(2).log.lastIndex()).toBe(1);
  });

  it('an unreachable follower is probed again', () => {
    const group = new TestGroup([1, 2]);
    const leader = group.elect(1);
    expect(progressOf(leader, 2).state).toBe(ProgressState.Replicate);
    leader.raw.reportUnreachable(2);
    expect(progressOf(leader, 2).state).toBe(ProgressState.Probe);
  });
});

describe('entries that are not in memory', () => {
  function behind(): { group: TestGroup; leader: TestNode } {
    const group = new TestGroup([1, 2, 3], { maxSizePerMsg: 1 });
    const leader = group.elect(1);
    group.isLost = ({ to, from }) => to === 3 || from === 3;
    for (const value of ['a', 'b', 'c', 'd']) leader.raw.propose(bytes(value));
    group.settle();
    leader.log.cachedFrom = 6;
    group.isLost = () => false;
    return { group, leader };
  }

  it('are asked for once, and the follower waits without a busy loop', () => {
    const { group, leader } = behind();
    group.tick(2);
    expect(leader.logReads.length).toBe(1);
    expect(leader.logReads[0]).toEqual({ lo: 3, hi: 7 });
    expect(leader.raw.hasReady()).toBe(false);
    group.tick(3);
    expect(leader.logReads.length).toBe(1);
    expect(group.node(3).texts).toEqual([]);
    // The others are served meanwhile.
    leader.raw.propose(bytes('e'));
    group.settle();
    expect(group.node(2).texts.at(-1)).toBe('e');
    leader.load();
    group.settle();
    expect(group.node(3).texts).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('that are still missing when loading is reported are asked for again', () => {
    const { group, leader } = behind();
    group.tick(1);
    leader.logReads = [];
    leader.raw.logReadDone();
    expect(leader.raw.hasReady()).toBe(true);
    group.settle();
    expect(leader.logReads.length).toBe(1);
  });

  it('that were compacted meanwhile make it a snapshot', () => {
    const { group, leader } = behind();
    group.tick(1);
    leader.compact();
    leader.load();
    group.settle();
    expect(group.node(3).texts).toEqual(['a', 'b', 'c', 'd']);
  });

  it('hold up applying after a restart, and nothing else', () => {
    const { group, leader } = behind();
    group.settle();
    leader.log.cachedFrom = 5;
    leader.restart();
    const { ready } = leader.takeReady();
    expect(ready.committedEntries).toEqual([]);
    expect(ready.logReads).toEqual([{ lo: 2, hi: 7 }]);
    expect(leader.raw.hasReady()).toBe(false);
    // Whether a membership change is among them is not known: no campaign.
    leader.raw.campaign();
    expect(leader.raw.basicStatus().softState.state).toBe(StateType.Follower);
    leader.load();
    expect(leader.raw.hasReady()).toBe(true);
    group.settle();
    expect(leader.texts).toEqual(['a', 'b', 'c', 'd']);
    leader.raw.campaign();
    expect(leader.raw.basicStatus().softState.state).toBe(StateType.Candidate);
  });
});

describe('membership', () => {
  it('S-106 a node joins as learner without a bootstrap and is promoted', () => {
    const group = new TestGroup([1], {}, { strangers: [2] });
    const leader = group.elect(1);
    const change = { context: bytes('why'), id: 7, nodeId: 2 };
    leader.raw.proposeConfChange({ ...change, type: ConfChangeType.AddLearnerNode });
    group.settle();
    group.tick(2);
    expect(group.node(2).confState).toMatchObject({ voters: [1], learners: [2] });
    leader.raw.proposeConfChange({ ...change, type: ConfChangeType.AddNode });
    group.settle();
    group.tick(2);
    expect(group.node(2).confState).toMatchObject({ voters: [1, 2], learners: [] });
    expect(progressOf(leader, 2).isLearner).toBe(false);
  });

  it('NASTY 33 a joint configuration is left by the next leader', () => {
    const group = new TestGroup([1, 2, 3], {}, { strangers: [4] });
    const leader = group.elect(1);
    leader.raw.proposeConfChange({
      transition: ConfChangeTransition.JointImplicit,
      changes: [{ type: ConfChangeType.AddNode, nodeId: 4 }],
      context: bytes(''),
    });
    // The leader falls when everybody has entered, and before anybody has left.
    group.isLost = ({ entries }) => entries.some(({ index }) => index > 3);
    group.settle();
    group.isLost = ({ to, from }) => to === 1 || from === 1;
    group.tick(1);
    expect(group.node(2).confState.votersOutgoing).toEqual([1, 2, 3]);
    group.elect(2);
    group.tick(3);
    expect(group.node(2).isLeader).toBe(true);
    expect(group.node(3).confState).toMatchObject({ voters: [1, 2, 3, 4], votersOutgoing: [] });
  });
});

it('shows status only of what it knows', () => {
  const group = new TestGroup([1, 2], {}, { learners: [3] });
  const leader = group.elect(1);
  const status = leader.raw.status();
  expect([...status.progress.keys()]).toEqual([1, 2, 3]);
  expect(status.progress.get(3)!.isLearner).toBe(true);
  expect(status.config).toEqual({ ...EMPTY_CONF_STATE, voters: [1, 2], learners: [3] });
  expect(group.node(2).raw.status().progress.size).toBe(0);
  expect(text(bytes('ü'))).toBe('ü');
});
