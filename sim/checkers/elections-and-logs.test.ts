/** The checkers of elections and logs: each is content with what is right, and names what is wrong. */
import { describe, expect, it } from 'vitest';
import {
  ConfChangeTransition,
  ConfChangeType,
  EntryType,
  encodeConfChangeV2,
  makeEntry,
} from '../../src/raft/index.ts';
import { conf, entries, entry, Scene, snapshotAt, violationOf } from './checkers.fixture.ts';
import { CommittedEntries } from './committed-entries.ts';
import { LeaderCompleteness } from './leader-completeness.ts';
import { LogMatching } from './log-matching.ts';
import { OneLeader } from './one-leader.ts';
import { StateMachineSafety } from './state-machine-safety.ts';

/** Raft id 4 becomes a voter by entry 2, which is committed by three of the three. */
function changed(scene: Scene): Scene {
  const { Auto } = ConfChangeTransition;
  const changes = [{ type: ConfChangeType.AddNode, nodeId: 4 }];
  const data = encodeConfChangeV2({ transition: Auto, changes, context: new Uint8Array(0) });
  const change = makeEntry(2, 2, EntryType.ConfChangeV2, data);
  for (const actor of scene.found().all) actor.store([change]);
  scene.n1.store([], { term: 2, vote: 1, commit: 2 });
  for (const actor of [scene.n1, scene.n2]) actor.store(entries(3, 4, 2));
  return scene;
}

describe('one leader a term', () => {
  it('is content with one leader a term, heard by others', () => {
    const { n1, n2, n3 } = new Scene(new OneLeader()).found();
    n1.win(2, 2, 2).send('App', { term: 2, to: 2 }).send('Heartbeat', { term: 2, to: 3 });
    n2.hear(1, 'App', { term: 2 }).win(3, 3, 1).send('App', { term: 3, to: 3 });
    n3.hear(1, 'Heartbeat', { term: 2 }).hear(2, 'App', { term: 3 });
    n1.send('AppResp', { term: 3, to: 2 });
  });

  it('is content with the only voter, and with votes of the configuration before', () => {
    const { n1: alone } = new Scene(new OneLeader());
    alone.found(conf(1)).win(2).send('Heartbeat', { term: 2 });
    const { n1, n2 } = changed(new Scene(new OneLeader()));
    n2.win(3, 1).send('App', { term: 3, to: 1 });
    n1.win(4, 2, 3).send('App', { term: 4, to: 2 });
  });

  it('counts no votes of the configuration before when the newest one is applied', () => {
    const { n1, n2 } = changed(new Scene(new OneLeader()));
    n1.apply(3, 2);
    n2.apply(3, 2).win(3, 1);
    const message = violationOf(() => n2.send('App', { term: 3, to: 1 }));
    expect(message).toContain('without a majority of voters 1 2 3 4: its own vote is on its disk');
  });

  it('N-4 finds a leader that nobody elected', () => {
    const { n1, n2, n3 } = new Scene(new OneLeader()).found();
    n1.win(4).hear(2, 'VoteResp', { term: 4, reject: true });
    n1.hear(2, 'PreVoteResp', { term: 4 }).hear(1, 'VoteResp', { term: 4 });
    expect(violationOf(() => n1.send('App', { term: 4 }))).toContain('the votes of nobody else');
    n2.hear(1, 'VoteResp', { term: 5 });
    expect(violationOf(() => n2.send('App', { term: 5 }))).toContain('own vote is not on its disk');
    n3.win(6, 2).win(7);
    expect(violationOf(() => n3.send('App', { term: 7 }))).toContain('leads term 7');
  });

  it('counts no votes that an earlier process was told, or of another term', () => {
    const { n1, n2 } = new Scene(new OneLeader()).found();
    n1.win(4, 2).reopen({ base: 1, baseTerm: 1, hardState: { term: 4, vote: 1, commit: 1 } });
    expect(violationOf(() => n1.send('App', { term: 4 }))).toContain('the votes of nobody else');
    n2.hear(1, 'VoteResp', { term: 4 }).win(5);
    expect(violationOf(() => n2.send('App', { term: 5 }))).toContain('the votes of nobody else');
  });

  it('counts a vote once, however often its answer comes', () => {
    const { n1 } = new Scene(new OneLeader());
    n1.found(conf(1, 2, 3, 4, 5)).win(4, 2, 2, 2);
    expect(violationOf(() => n1.send('App', { term: 4 }))).toContain('the votes of raft ids 2');
  });

  it('finds two nodes that lead a term', () => {
    const { n1, n2 } = new Scene(new OneLeader()).found();
    n1.win(4, 3).send('Heartbeat', { term: 4 });
    const message = violationOf(() => n2.send('App', { term: 4 }));
    expect(message).toBe(
      'two leaders in term 4: n1 (life 1) of raft id 1 and incarnation a1 sent a heartbeat, then ' +
        'n2 (life 1) of raft id 2 and incarnation a2 sent an append',
    );
  });

  it('finds a node that leads a term again after a restart', () => {
    const { n1 } = new Scene(new OneLeader()).found();
    n1.win(4, 2).send('Snap', { term: 4 }).reopen({});
    expect(violationOf(() => n1.send('App', { term: 4 }))).toContain('n1 (life 2)');
  });

  it('finds a message of a leader that is none', () => {
    const { n1, n2 } = new Scene(new OneLeader()).found();
    n1.win(4, 3).send('App', { term: 4 });
    const message = violationOf(() => n2.hear(3, 'App', { term: 4 }));
    expect(message).toContain('of term 4, from raft id 3; n1 (life 1)');
  });
});

describe('log matching', () => {
  it('is content with equal logs, and with one index in several terms', () => {
    const { n1, n2, n3 } = new Scene(new LogMatching()).found();
    n1.store(entries(2, 5, 2));
    n2.store(entries(2, 3, 2)).store(entries(4, 5, 2));
    n3.store([entry(2, 2), entry(3, 3, 'other')]).store(entries(2, 5, 2));
  });

  it('finds other bytes under one index and term', () => {
    const { n1, n2 } = new Scene(new LogMatching()).found();
    n1.store([entry(2, 2, 'x')]);
    const message = violationOf(() => n2.store([entry(2, 2, 'y')]));
    expect(message).toContain(
      'two different entries at index 2 of term 2: n1 (life 1) wrote 1 bytes',
    );
  });

  it('finds other entries before equal ones', () => {
    const { n1, n2 } = new Scene(new LogMatching()).found();
    n1.store([entry(2, 2), entry(3, 4)]);
    const message = violationOf(() => n2.store([entry(2, 3), entry(3, 4)]));
    expect(message).toContain(
      'before it n1 (life 1) has an entry of term 2, n2 (life 1) one of term 3',
    );
  });

  it('finds a term that falls', () => {
    const { n1 } = new Scene(new LogMatching()).found();
    expect(violationOf(() => n1.store([entry(2, 3), entry(3, 2)]))).toContain('never fall');
  });

  it('knows the log of a new life, and what a snapshot leaves of it', () => {
    const { n1, n2 } = new Scene(new LogMatching()).found();
    n1.store([entry(2, 2), entry(3, 4)]);
    n2.reopen({ base: 1, baseTerm: 1, terms: [3] });
    expect(violationOf(() => n2.store([entry(3, 4)]))).toContain('two histories');
    n2.install(snapshotAt(2, 2, conf(1, 2, 3))).store([entry(3, 4)]);
  });
});

describe('leader completeness', () => {
  const committed = (scene: Scene): Scene => {
    const { n1, n2 } = scene.found();
    n1.store(entries(2, 4, 2), { term: 2, vote: 1, commit: 1 });
    n2.store(entries(2, 4, 2), { term: 2, vote: 1, commit: 1 });
    n1.store([], { term: 2, vote: 1, commit: 4 });
    return scene;
  };

  it('is content with a leader that has everything', () => {
    const { n1, n2 } = committed(new Scene(new LeaderCompleteness()));
    n1.send('App', { term: 2, to: 2, commit: 4 });
    n2.send('App', { term: 3, to: 3 });
  });

  it('finds a leader without a committed entry', () => {
    const { n3 } = committed(new Scene(new LeaderCompleteness()));
    n3.store(entries(2, 3, 2));
    const message = violationOf(() => n3.send('Heartbeat', { term: 3 }));
    expect(message).toBe(
      'n3 (life 1) leads term 3 without entry 4 of term 2, which was known to be committed in ' +
        'term 2: its log ends at 3 there',
    );
  });

  it('asks no leader for what was committed in its own term or later', () => {
    const { n3 } = committed(new Scene(new LeaderCompleteness()));
    n3.send('App', { term: 2, to: 2 });
  });

  it('does not judge one that is being given a snapshot', () => {
    const { n2, n3 } = committed(new Scene(new LeaderCompleteness()));
    n3.hear(1, 'Snap', { term: 2, snapshot: snapshotAt(4, 2, conf(1, 2, 3)) });
    n3.send('App', { term: 3, to: 2 });
    n2.send('App', { term: 4, to: 3 });
  });

  it('judges it later, and one that was offered nothing new, or has it by appends', () => {
    const offer = { term: 2, snapshot: snapshotAt(4, 2, conf(1, 2, 3)) };
    const late = committed(new Scene(new LeaderCompleteness())).n3;
    late.hear(1, 'Snap', offer).send('App', { term: 3, to: 2 }).reopen({ base: 1, baseTerm: 1 });
    expect(violationOf(() => late.send('App', { term: 3, to: 2 }))).toContain('without entry 4');
    const old = { term: 2, snapshot: snapshotAt(1, 1, conf(1, 2, 3)) };
    const idle = committed(new Scene(new LeaderCompleteness())).n3.hear(1, 'Snap', old);
    expect(violationOf(() => idle.send('App', { term: 3, to: 2 }))).toContain('without entry 4');
    const { n1, n2, n3 } = committed(new Scene(new LeaderCompleteness()));
    n3.hear(1, 'Snap', offer).store(entries(2, 4, 2));
    for (const actor of [n1, n2]) actor.store([entry(5, 2)]);
    n1.store([], { term: 2, vote: 1, commit: 5 });
    expect(violationOf(() => n3.send('App', { term: 3, to: 2 }))).toContain('without entry 5');
  });

  it('finds what was committed before and is known only after it began to lead', () => {
    const scene = committed(new Scene(new LeaderCompleteness()));
    const { n1, n2, n3 } = scene;
    for (const actor of [n1, n2]) actor.store([entry(5, 2)]);
    n3.store(entries(2, 4, 2)).send('App', { term: 3, to: 2 });
    n1.store([], { term: 2, vote: 1, commit: 5 });
    expect(violationOf(() => n3.send('App', { term: 3, to: 2 }))).toContain('without entry 5');
  });
});

describe('committed entries stay', () => {
  it('is content with an entry on two of three disks', () => {
    const { n1, n2, n3 } = new Scene(new CommittedEntries()).found();
    n1.store(entries(2, 3, 2), { term: 2, vote: 1, commit: 1 });
    n2.store(entries(2, 3, 2));
    n1.send('App', { term: 2, to: 2, commit: 3 }).apply(3, 2);
    n3.append([entry(2, 1, 'old')]);
    n3.store(entries(2, 3, 2), { term: 2, vote: 0, commit: 3 });
  });

  it('finds a commit that only one disk has', () => {
    const { n1, n2 } = new Scene(new CommittedEntries()).found();
    n1.store(entries(2, 3, 2));
    n2.append(entries(2, 3, 2));
    const message = violationOf(() => n1.store([], { term: 2, vote: 1, commit: 3 }));
    expect(message).toBe(
      'n1 (life 1) calls entry 3 of term 2 committed, and no majority of voters 1 2 3 has it on ' +
        'disk: n1 (raft id 1) has it, n2 (raft id 2) has not: its disk ends at 1, n3 (raft id 3) has ' +
        'not: its disk ends at 1',
    );
  });

  it('counts by the configuration before the newest only until that is applied', () => {
    // Entry 3 is on two disks: of the three old voters a majority, of the four new ones none.
    const waiting = changed(new Scene(new CommittedEntries()));
    waiting.n1.apply(3, 2);
    const message = violationOf(() => waiting.n1.store([], { term: 2, vote: 1, commit: 4 }));
    expect(message).toContain('no majority of voters 1 2 3 4 has it on disk');
    const restored = changed(new Scene(new CommittedEntries()));
    restored.n1.reopen({ base: 2, baseTerm: 2, terms: [2, 2] }).restore();
    expect(violationOf(() => restored.n1.apply(3, 2))).toContain('no majority of voters 1 2 3 4');
  });

  it('counts a disk no more that was wiped, or that held another term', () => {
    const { n1, n2, n3 } = new Scene(new CommittedEntries()).found();
    n1.store([entry(2, 3)]);
    n2.store([entry(2, 3)]).wipe('b2');
    n3.store([entry(2, 2)]);
    expect(violationOf(() => n1.apply(2, 3))).toContain('no majority');
  });

  it('counts what a wiped disk had acknowledged: its word may be on its way', () => {
    for (const [acknowledged, isEnough] of [
      [3, true],
      [2, false],
    ] as const) {
      const { n1, n2 } = new Scene(new CommittedEntries()).found();
      n1.store(entries(2, 3, 2));
      n2.store(entries(2, 3, 2));
      n2.send('AppResp', { term: 2, to: 1, index: acknowledged });
      n2.send('AppResp', { term: 2, to: 1, index: 3, reject: true }).wipe('b2');
      if (isEnough) n1.apply(3, 2);
      else expect(violationOf(() => n1.apply(3, 2))).toContain('no majority');
    }
  });

  it('finds a committed entry that is taken out', () => {
    const { n1, n2 } = new Scene(new CommittedEntries()).found();
    for (const actor of [n1, n2]) actor.store(entries(2, 4, 2));
    n1.store([], { term: 2, vote: 1, commit: 4 });
    const message = violationOf(() => n2.store([entry(3, 3)]));
    expect(message).toBe('n2 (life 1) took entry 3 of term 2 out of its log, which is committed');
  });

  it('finds two nodes that commit different entries', () => {
    const { n1, n2, n3 } = new Scene(new CommittedEntries()).found();
    for (const actor of [n1, n2]) actor.store([entry(2, 2)]);
    n1.apply(2, 2);
    n3.store([entry(2, 3)]);
    const message = violationOf(() => n3.store([], { term: 3, vote: 3, commit: 2 }));
    expect(message).toContain('calls its entry 2 of term 3 committed; the one that was');
  });

  it('finds a commit beyond the log, and a snapshot beyond what is committed', () => {
    const { n1, n2 } = new Scene(new CommittedEntries()).found();
    const beyond = violationOf(() => n1.store([], { term: 2, vote: 1, commit: 9 }));
    expect(beyond).toContain('calls 9 committed, and its own log ends at 1');
    const ahead = violationOf(() => n2.install(snapshotAt(7, 2, conf(1, 2, 3))));
    expect(ahead).toContain('installed a snapshot at 7; only 1 is committed');
  });
});

describe('state machine safety', () => {
  it('is content with one order on all, entries without commands, restarts and snapshots', () => {
    const { n1, n2, n3 } = new Scene(new StateMachineSafety()).found();
    n1.apply(3, 2).apply(4, 2, 'first run').apply(4, 2, 'second run').apply(7, 2);
    n2.apply(3, 2).apply(4, 2, 'first run');
    n2.reopen({}).apply(3, 2).apply(4, 2, 'first run').apply(4, 2, 'second run');
    n3.reopen({ base: 5, baseTerm: 2 }).restore().apply(7, 2).apply(8, 2);
    n1.apply(8, 2);
  });

  it.each<[string, string, (scene: Scene) => void]>([
    ['another command', 'applied other commands at index 3', ({ n2 }) => n2.apply(3, 2, 'other')],
    ['another result', 'got other results', ({ n2 }) => n2.apply(3, 2, '3', 'other')],
    ['another term', 'applied 3 as of term 3', ({ n2 }) => n2.apply(3, 3)],
    ['a gap', 'left out 4', ({ n2 }) => n2.apply(3, 2).apply(7, 2)],
    [
      'one that nobody else has',
      'has none before 7',
      ({ n2 }) => {
        n2.apply(3, 2).apply(4, 2, 'a').apply(4, 2, 'b').apply(5, 2);
      },
    ],
    [
      'a half',
      'applied 1 runs of commands',
      ({ n2 }) => n2.apply(3, 2).apply(4, 2, 'a').apply(7, 2),
    ],
    [
      'a third run',
      'more runs',
      ({ n2 }) => {
        n2.apply(3, 2).apply(4, 2, 'a').apply(4, 2, 'b').apply(4, 2, 'c');
      },
    ],
    ['an entry twice', 'nothing is applied twice', ({ n1 }) => n1.apply(3, 2)],
    [
      'one in a snapshot',
      'nothing is applied twice',
      ({ n2 }) => {
        n2.reopen({ base: 4, baseTerm: 2 }).restore().apply(4, 2, 'a');
      },
    ],
  ])('finds %s', (_, words, act) => {
    const scene = new Scene(new StateMachineSafety()).found();
    scene.n1.apply(3, 2).apply(4, 2, 'a').apply(4, 2, 'b').apply(7, 2);
    expect(violationOf(() => act(scene))).toContain(words);
  });
});
