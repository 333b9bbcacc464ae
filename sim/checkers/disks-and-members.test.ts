/** The checkers of disks, promises, members, ends and refusals, likewise. */
import { describe, expect, it } from 'vitest';
import { ClusterError, type ErrorCode } from '../../src/errors.ts';
import {
  ConfChangeTransition,
  ConfChangeType,
  EntryType,
  encodeConfChangeV2,
  makeEntry,
} from '../../src/raft/index.ts';
import type { SimProcess } from '../cluster/sim-process.ts';
import { BATCHES_PENDING_MAX, BoundedQueues } from './bounded-queues.ts';
import { conf, entries, entry, Scene, snapshotAt, violationOf } from './checkers.fixture.ts';
import { ExplainedEnds } from './explained-ends.ts';
import { MembershipChecker } from './membership.ts';
import { NothingLeft } from './nothing-left.ts';
import { Persistence } from './persistence.ts';
import { Promises } from './promises.ts';
import { checkRefusal } from './refusals.ts';

const base = { base: 1, baseTerm: 1 };

describe('what was durable is there', () => {
  it('is content with any whole part of what was under way', () => {
    for (const terms of [[2], [2, 2, 2], [2, 3]]) {
      const { n1 } = new Scene(new Persistence()).found();
      n1.store([entry(2, 2)], { term: 2, vote: 1, commit: 1 });
      n1.append(entries(3, 4, 2));
      n1.append([entry(3, 3)]);
      n1.reopen({ ...base, terms, hardState: { term: 2, vote: 1, commit: 1 } });
    }
  });

  it('takes a commit index alone for no write', () => {
    const { n1 } = new Scene(new Persistence()).found();
    n1.store([entry(2, 2)], { term: 2, vote: 1, commit: 1 });
    n1.store([], { term: 2, vote: 1, commit: 2 });
    n1.reopen({ ...base, terms: [2], hardState: { term: 2, vote: 1, commit: 1 } });
  });

  it('is content with a snapshot whose installing was under way', () => {
    const { n1 } = new Scene(new Persistence()).found();
    n1.store(entries(2, 4, 2), { term: 2, vote: 1, commit: 2 });
    const found = { base: 9, baseTerm: 3, hardState: { term: 3, vote: 0, commit: 9 } };
    n1.installing(snapshotAt(9, 3, conf(1, 2, 3)));
    n1.reopen({ ...base, terms: [2, 2, 2], hardState: { term: 2, vote: 1, commit: 2 } });
    n1.installing(snapshotAt(9, 3, conf(1, 2, 3)), found.hardState);
    n1.reopen(found);
    expect(violationOf(() => n1.reopen({ ...found, base: 10 }))).toContain('opened a log that is');
  });

  it('N-36 finds an installed snapshot that is lost, and one that was never given', () => {
    const old = { ...base, terms: [2, 2, 2], hardState: { term: 2, vote: 1, commit: 2 } };
    const installed = (): Scene['n1'] => {
      const { n1 } = new Scene(new Persistence()).found();
      n1.store(entries(2, 4, 2), old.hardState);
      return n1.install(snapshotAt(9, 3, conf(1, 2, 3)), { term: 3, vote: 2, commit: 9 });
    };
    const message = violationOf(() => installed().reopen(old));
    expect(message).toContain('at 9 it has no entry, and should have an entry of term 3');
    const found = { base: 9, baseTerm: 3, hardState: { term: 3, vote: 0, commit: 9 } };
    expect(violationOf(() => installed().reopen(found))).toContain('opened with no vote in term 3');
    const { n1 } = new Scene(new Persistence()).found();
    expect(violationOf(() => n1.reopen(found))).toContain('0 writes were under way');
  });

  it('is content with a compaction that was under way, unless its base is another entry', () => {
    const { n1 } = new Scene(new Persistence()).found();
    const hardState = { term: 2, vote: 1, commit: 4 };
    n1.store(entries(2, 4, 2), hardState).saveSnapshot(3, 2);
    const found = { base: 3, baseTerm: 2, terms: [2], hardState };
    n1.reopen(found);
    expect(violationOf(() => n1.reopen({ ...found, baseTerm: 1 }))).toContain('at 3 it has');
  });

  it('finds a snapshot in force that is gone, but not where bits were flipped', () => {
    for (const isRotten of [false, true]) {
      const { n1 } = new Scene(new Persistence()).found();
      const hardState = { term: 2, vote: 1, commit: 4 };
      n1.store(entries(2, 4, 2), hardState).saveSnapshot(3, 2);
      if (isRotten) n1.suffer('disk-rot');
      const reopen = (): unknown => n1.reopen({ ...base, terms: [2, 2, 2], hardState });
      if (isRotten) reopen();
      else expect(violationOf(reopen)).toContain('a snapshot at 1 as the newest; one at 3 was');
    }
  });

  it('N-32 finds the folder of somebody else, but knows of one that was put back', () => {
    const { n1 } = new Scene(new Persistence()).found();
    const hardState = { term: 1, vote: 0, commit: 1 };
    const identity = { ...n1.identity, incarnation: 'z9' };
    const message = violationOf(() => n1.reopen({ ...base, identity, hardState }));
    expect(message).toContain(
      'opened as raft id 1 with incarnation z9; raft id 1 with incarnation',
    );
    n1.suffer('roll-back').reopen({ ...base, identity, hardState });
  });

  it('finds a vote and a term that were never given', () => {
    for (const [term, vote] of [
      [3, 2],
      [2, 3],
      [3, 0],
    ] as const) {
      const { n1 } = new Scene(new Persistence()).found();
      n1.store([entry(2, 2)], { term: 2, vote: 0, commit: 1 });
      n1.append([], { term: 2, vote: 1, commit: 1 });
      n1.append([], { term: 4, vote: 0, commit: 1 });
      const hardState = { term, vote, commit: 1 };
      const message = violationOf(() => n1.reopen({ ...base, terms: [2], hardState }));
      expect(message).toContain('of the 2 writes under way none makes');
    }
  });

  it('is content with a vote that was under way', () => {
    const { n1 } = new Scene(new Persistence()).found();
    n1.store([entry(2, 2)], { term: 2, vote: 0, commit: 1 });
    n1.append([], { term: 2, vote: 1, commit: 1 });
    n1.append([], { term: 4, vote: 0, commit: 1 });
    n1.reopen({ ...base, terms: [2], hardState: { term: 2, vote: 1, commit: 1 } });
  });

  it.each<[string, readonly number[], string]>([
    ['lost', [2], 'at 3 it has no entry, and should have an entry of term 2'],
    ['changed', [2, 1], 'at 3 it has an entry of term 1'],
    ['made up', [2, 2, 2, 2], 'at 4 it has an entry of term 2, and should have no entry'],
    ['half of a batch', [2, 2, 2], 'and 1 writes were under way'],
  ])('finds entries that were %s', (what, terms, words) => {
    const { n1 } = new Scene(new Persistence()).found();
    n1.store(entries(2, 3, 2));
    if (what === 'half of a batch') n1.append(entries(4, 5, 2));
    expect(violationOf(() => n1.reopen({ ...base, terms }))).toContain(words);
  });

  it.each([
    [{ term: 4, vote: 2, commit: 2 }, 'opened with term 4; term 5 was made durable'],
    [{ term: 5, vote: 0, commit: 2 }, 'opened with no vote in term 5'],
    [{ term: 5, vote: 3, commit: 2 }, 'opened with a vote for raft id 3 in term 5'],
    [{ term: 5, vote: 2, commit: 1 }, 'opened with commit index 1; 2 was made durable'],
  ])('finds a hard state that went back: %j', (hardState, words) => {
    const { n1 } = new Scene(new Persistence()).found();
    n1.store([entry(2, 5)], { term: 5, vote: 2, commit: 2 });
    expect(violationOf(() => n1.reopen({ ...base, terms: [5], hardState }))).toContain(words);
  });

  it('finds a term that falls, and forgets with the disk', () => {
    const { n1 } = new Scene(new Persistence()).found();
    n1.store([entry(2, 5)], { term: 5, vote: 2, commit: 2 });
    const message = violationOf(() => n1.store([], { term: 4, vote: 0, commit: 2 }));
    expect(message).toContain('stores term 4 after term 5');
    n1.wipe('b1').found();
  });
});

describe('promises are durable', () => {
  it('is content with answers after the write', () => {
    const { n1, n2 } = new Scene(new Promises()).found();
    n2.store([], { term: 2, vote: 1, commit: 1 }).send('VoteResp', { term: 2, to: 1 });
    n1.store([], { term: 2, vote: 1, commit: 1 }).send('App', { term: 2, to: 2 });
    n2.store(entries(2, 4, 2)).send('AppResp', { term: 2, to: 1, index: 4 });
    n2.append([entry(5, 2)]);
    n2.send('AppResp', { term: 2, to: 1, index: 4 }).send('PreVoteResp', { term: 9, to: 3 });
  });

  it('N-2 finds a request for votes before the own vote and log are durable', () => {
    const ask = { term: 3, to: 2, index: 2, logTerm: 2 };
    const { n1, n2 } = new Scene(new Promises()).found();
    n1.store([entry(2, 2)], { term: 3, vote: 1, commit: 1 }).send('Vote', ask);
    n1.store([], { term: 4, vote: 2, commit: 1 });
    expect(violationOf(() => n1.send('Vote', ask))).toContain('asks for votes in term 3; on its');
    n1.append([entry(3, 4)], { term: 5, vote: 1, commit: 1 });
    expect(violationOf(() => n1.send('Vote', { ...ask, term: 5 }))).toContain(
      'asks for votes in term 5; on its disk are term 4 and a vote for raft id 2',
    );
    n2.store([], { term: 5, vote: 2, commit: 1 }).append([entry(2, 2)]);
    expect(violationOf(() => n2.send('Vote', { ...ask, term: 5 }))).toContain(
      'with a log up to 2 of term 2; its disk has it up to 1',
    );
    n2.store([], { term: 6, vote: 1, commit: 1 });
    expect(violationOf(() => n2.send('Vote', { ...ask, term: 6 }))).toContain('vote for raft id 1');
  });

  it('N-18 knows of an acknowledgement of what was replaced before it was written', () => {
    const act = (term: number): void => {
      const { n1 } = new Scene(new Promises()).found();
      n1.store([entry(2, 2), entry(3, 2)], { term: 2, vote: 0, commit: 1 });
      n1.store([entry(2, 3)], { term: 3, vote: 0, commit: 1 });
      n1.send('AppResp', { to: 2, term, index: 3 });
    };
    act(2);
    expect(violationOf(() => act(3))).toContain('its disk has them up to 2');
  });

  it('N-19 finds an acknowledgement before the sync', () => {
    const { n2 } = new Scene(new Promises()).found();
    n2.store([], { term: 2, vote: 0, commit: 1 });
    n2.append(entries(2, 4, 2));
    const message = violationOf(() => n2.send('AppResp', { term: 2, to: 1, index: 4 }));
    expect(message).toContain('acknowledged entries up to 4 to raft id 1 in term 2; its disk has');
  });

  it('N-19 finds an acknowledgement of an entry in whose place the disk has an old one', () => {
    const { n2 } = new Scene(new Promises()).found();
    n2.store(entries(2, 4, 2), { term: 3, vote: 0, commit: 1 });
    const isDurable = n2.append(entries(3, 4, 3));
    const early = violationOf(() => n2.send('AppResp', { term: 3, to: 1, index: 4 }));
    expect(early).toContain('an entry of term 2 there, and it was given one of term 3');
    n2.send('AppResp', { term: 3, to: 1, index: 2 });
    isDurable();
    n2.send('AppResp', { term: 3, to: 1, index: 4 });
    n2.append([entry(4, 4)], { term: 4, vote: 0, commit: 1 });
    n2.send('AppResp', { term: 3, to: 1, index: 4 });
  });

  it('N-2 finds a vote before the sync', () => {
    const { n2 } = new Scene(new Promises()).found();
    n2.append([], { term: 2, vote: 1, commit: 1 });
    const early = violationOf(() => n2.send('VoteResp', { term: 2, to: 1 }));
    expect(early).toContain('in term 2; only term 1 is on its disk');
    n2.store([], { term: 3, vote: 0, commit: 1 });
    const unwritten = violationOf(() => n2.send('VoteResp', { term: 3, to: 1 }));
    expect(unwritten).toContain('on its disk is no vote');
  });

  it('N-1 finds two votes of a data folder in one term, over its lives', () => {
    const { n2 } = new Scene(new Promises()).found();
    n2.store([], { term: 2, vote: 1, commit: 1 }).send('VoteResp', { term: 2, to: 1 });
    n2.reopen({ ...base, hardState: { term: 2, vote: 0, commit: 1 } });
    const message = violationOf(() => n2.store([], { term: 2, vote: 3, commit: 1 }));
    expect(message).toContain('voted twice in term 2: for raft id 1 before, and now for 3');
  });

  it('N-2 finds a leader whose own vote is not written', () => {
    const { n1 } = new Scene(new Promises()).found();
    n1.append([], { term: 2, vote: 1, commit: 1 });
    const message = violationOf(() => n1.send('Heartbeat', { term: 2, to: 2 }));
    expect(message).toContain('it could be elected in that term again');
  });
});

describe('members are as the log says', () => {
  const change = (index: number, type: ConfChangeType, nodeId: number) => {
    const { Auto } = ConfChangeTransition;
    const changes = [{ type, nodeId }];
    const data = encodeConfChangeV2({ transition: Auto, changes, context: new Uint8Array(0) });
    return makeEntry(2, index, EntryType.ConfChangeV2, data);
  };

  it('reckons the members of a snapshot from the log', () => {
    const { n1, n2, n3 } = new Scene(new MembershipChecker()).found();
    n1.store([
      change(2, ConfChangeType.AddLearnerNode, 4),
      change(3, ConfChangeType.RemoveNode, 3),
    ]);
    n1.store([], { term: 2, vote: 1, commit: 3 });
    n3.install(snapshotAt(2, 2, { ...conf(1, 2, 3), learners: [4] }));
    const message = violationOf(() => n2.install(snapshotAt(3, 2, conf(1, 2))));
    expect(message).toContain(
      'snapshot at 3 with voters 1 2; by the log there are voters 1 2, learners 4',
    );
  });

  it('N-32 finds promises of two data folders under one raft id', () => {
    const { n1, n2, n3 } = new Scene(new MembershipChecker()).found();
    n3.send('VoteResp', { term: 2, to: 1 });
    n1.hear(3, 'VoteResp', { term: 2 });
    n3.wipe('b3').found().send('VoteResp', { term: 2, to: 2 });
    const message = violationOf(() => n2.hear(3, 'VoteResp', { term: 2 }));
    expect(message).toContain('with incarnation b3; one of incarnation a3 was heard before');
  });

  it('is content when nobody listens to the second one, and with late words of the first', () => {
    const { n1, n2, n3 } = new Scene(new MembershipChecker()).found();
    n3.send('VoteResp', { term: 2, to: 1 });
    n1.hear(3, 'VoteResp', { term: 2 });
    n3.send('AppResp', { term: 2, to: 2, index: 1 }).wipe('b3').found();
    n3.send('AppResp', { term: 2, to: 2, index: 7 });
    n2.hear(3, 'AppResp', { term: 2, index: 1 });
  });
});

describe('ends', () => {
  const failure = (code: ErrorCode): Error => new ClusterError(code, 'it says why');

  it.each<[ErrorCode, (scene: Scene) => void]>([
    ['DISK_FAILED', ({ n1 }) => n1.suffer('disk-failing')],
    ['DISK_FULL', ({ n1 }) => n1.suffer('disk-full')],
    ['DATA_CORRUPT', ({ n1 }) => n1.suffer('disk-rot')],
    ['DATA_CORRUPT', ({ n1 }) => n1.suffer('misplaced-sectors')],
    ['MEMBER_WIPED', ({ n1 }) => n1.wipe('b1')],
    ['MEMBER_REMOVED', ({ n1 }) => n1.suffer('removal')],
  ])('%s needs a reason', (code, befall) => {
    const excused = new Scene(new ExplainedEnds()).found();
    befall(excused);
    excused.n1.end('failed', failure(code));
    const scene = new Scene(new ExplainedEnds()).found();
    befall({ ...scene, n1: scene.n2 } as Scene);
    const message = violationOf(() => scene.n1.end('failed', failure(code)));
    expect(message).toContain(`ended by itself with ${code} (it says why); what was done`);
  });

  it('nothing excuses a broken rule, a divergence or an error without a code', () => {
    for (const error of [failure('INVARIANT'), failure('STATE_DIVERGED'), new TypeError('x')]) {
      const { n1 } = new Scene(new ExplainedEnds()).found();
      n1.suffer('disk-failing').suffer('disk-rot');
      expect(violationOf(() => n1.end('failed', error))).toContain('disk-failing, disk-rot');
    }
  });

  it('N-32 a disk that was put back excuses that the node says so, and no broken rule', () => {
    const { n1 } = new Scene(new ExplainedEnds()).found();
    n1.end('killed').suffer('roll-back').reopen(base).end('failed', failure('DATA_ROLLED_BACK'));
    const message = violationOf(() => n1.reopen(base).end('failed', failure('INVARIANT')));
    expect(message).toContain('ended by itself with INVARIANT');
  });

  it('one that fails while it stops is judged as one that fails by itself', () => {
    const { n1 } = new Scene(new ExplainedEnds()).found();
    const message = violationOf(() => n1.end('stopped', failure('INVARIANT')));
    expect(message).toContain('failed in its stop with INVARIANT');
    n1.suffer('disk-failing').end('stopped', failure('DISK_FAILED'));
  });

  it('a stop in good order leaves nothing', () => {
    const { n1 } = new Scene(new NothingLeft()).found();
    const disk = { answers: 0, forMs: 0 };
    const nothing = { waiting: 0, openFiles: 0, sockets: 0, disk, stopTimeoutMs: 3_000 };
    n1.end('stopped', undefined, nothing).end('killed');
    for (const part of ['waiting', 'openFiles', 'sockets'] as const) {
      const message = violationOf(() => n1.end('stopped', undefined, { ...nothing, [part]: 2 }));
      expect(message).toMatch(/left .*2/);
    }
  });

  it('a stop that a hanging disk outlasts leaves what the disk owes, and no more', () => {
    const hanging = {
      waiting: 1,
      openFiles: 2,
      sockets: 0,
      disk: { answers: 1, forMs: 3_000 },
      stopTimeoutMs: 3_000,
    };
    new Scene(new NothingLeft()).found().n1.end('stopped', undefined, hanging);
    for (const change of [
      { waiting: 2 },
      { sockets: 1 },
      { disk: { answers: 1, forMs: 2_999 } },
      { disk: { answers: 0, forMs: 0 } },
    ]) {
      const { n1 } = new Scene(new NothingLeft()).found();
      const left = { ...hanging, ...change };
      expect(violationOf(() => n1.end('stopped', undefined, left))).toContain('in good order');
    }
  });

  it('batches that are never durable are bounded', () => {
    const { n1 } = new Scene(new BoundedQueues()).found();
    for (let i = 0; i < BATCHES_PENDING_MAX; i++) n1.append([]);
    expect(violationOf(() => n1.append([]))).toContain('batches that are not durable');
  });
});

describe('refusals name true facts', () => {
  const address = 'n:1';
  const member = (nodeId: string, connected: boolean, role = 'voter'): object => {
    return { nodeId, address, connected, role };
  };
  const members = [member('n1', true), member('n2', false), member('n3', false)];
  const status = { nodeId: 'n1', members, quorum: { needed: 2, reached: 1 }, leader: undefined };
  const process = {
    node: 'n1',
    life: 1,
    engine: { status: () => status },
  } as unknown as SimProcess;
  const facts = {
    node: 'n1',
    leader: null,
    quorum: status.quorum,
    missing: [members[1], members[2]],
  };
  const refuse = (code: ErrorCode, details: object): void => {
    checkRefusal(new ClusterError(code, 'refused', { details: { ...facts, ...details } }), process);
  };

  it('is content with what is so', () => {
    refuse('NO_QUORUM', {});
    refuse('NOT_LEADER', { leader: 'n3' });
    refuse('OVERLOADED', { leader: 'nobody' });
    checkRefusal(new TypeError('x'), process);
  });

  it.each<[ErrorCode, object, string]>([
    ['NO_QUORUM', { quorum: { needed: 2, reached: 2 } }, 'a majority is reached by its own words'],
    ['NO_QUORUM', { quorum: { needed: 3, reached: 1 } }, 'of 3 voters 2 are needed'],
    ['NO_QUORUM', { quorum: { needed: 2, reached: 0 } }, 'at this moment it reaches 1'],
    ['NO_QUORUM', { missing: [members[1]] }, 'does not name n3'],
    ['NO_QUORUM', { missing: [...facts.missing, members[0]] }, 'n1 is connected'],
    ['NO_QUORUM', { missing: [...facts.missing, member('n9', false)] }, 'n9 is no voter'],
    ['NO_LEADER', { leader: 'n3' }, 'n3 leads by its own words'],
    ['NOT_LEADER', { leader: 'n9' }, 'names n9 as leader, which is no member'],
  ])('finds %s with %j', (code, details, words) => {
    expect(violationOf(() => refuse(code, details))).toContain(words);
  });
});
