/**
 * That states which drifted apart are found out: the one that is wrong ends, the others go on, and where
 * nobody can tell who is wrong, everybody says so. A machine with a planted fault is what they find.
 */
import { describe, expect, it } from 'vitest';
import { JournalMachine, TestCluster, text, until } from '../../sim/rigs/test-cluster.ts';
import { ClusterError } from '../errors.ts';
import { STATE_HASH_INTERVAL_ENTRIES } from '../limits.ts';
import type { RaftId } from '../raft/index.ts';
import { MemoryStorage } from '../storage/index.ts';
import { type Logger, nullLogger } from '../world/index.ts';
import {
  decodeStateClaim,
  encodeStateClaim,
  judgeClaims,
  StateHashes,
  type StateVerdict,
} from './state-hashes.ts';
import type { CommandResult } from './types.ts';

const I = STATE_HASH_INTERVAL_ENTRIES;

describe('claims', () => {
  type Row = readonly [
    what: string,
    own: number,
    claims: [RaftId, number][],
    voters: RaftId[],
    StateVerdict,
  ];
  const all = [1, 2, 3];
  const rows: Row[] = [
    ['nobody else has spoken', 7, [[1, 7]], all, 'open'],
    [
      'one is still to speak',
      7,
      [
        [1, 7],
        [2, 7],
      ],
      all,
      'open',
    ],
    [
      'all are the same',
      7,
      [
        [1, 7],
        [2, 7],
        [3, 7],
      ],
      all,
      'agreed',
    ],
    ['a lone voter', 7, [[1, 7]], [1], 'agreed'],
    [
      'two differ, the third may decide',
      7,
      [
        [1, 7],
        [2, 8],
      ],
      all,
      'undecided',
    ],
    [
      'two others are the same',
      7,
      [
        [1, 7],
        [2, 8],
        [3, 8],
      ],
      all,
      'we-differ',
    ],
    [
      'another one is alone',
      8,
      [
        [1, 7],
        [2, 8],
        [3, 8],
      ],
      all,
      'other-differs',
    ],
    [
      'all are different',
      7,
      [
        [1, 7],
        [2, 8],
        [3, 9],
      ],
      all,
      'no-majority',
    ],
    [
      'two of two',
      7,
      [
        [1, 7],
        [2, 8],
      ],
      [1, 2],
      'no-majority',
    ],
    [
      'a learner is judged',
      9,
      [
        [4, 9],
        [1, 7],
        [2, 7],
      ],
      all,
      'we-differ',
    ],
    [
      'a learner is wrong',
      7,
      [
        [1, 7],
        [2, 7],
        [4, 9],
      ],
      all,
      'other-differs',
    ],
    [
      'learners do not count',
      9,
      [
        [4, 9],
        [5, 9],
        [6, 9],
        [1, 7],
      ],
      all,
      'undecided',
    ],
  ];

  it.each(rows)('%s', (_what, own, claims, voters, verdict) => {
    expect(judgeClaims(own, new Map(claims), voters)).toBe(verdict);
  });

  it('travel in a frame; anything else is refused', () => {
    const claim = { index: 3 * I, hash: 0xfedcba98 };
    const bytes = encodeStateClaim(claim);
    expect(Buffer.from(bytes).toString('hex')).toBe('0100000098badcfe0000000000007840');
    expect(decodeStateClaim(bytes)).toEqual(claim);
    const broken = [
      bytes.subarray(0, 15),
      encodeStateClaim({ index: I + 1, hash: 1 }),
      encodeStateClaim({ index: Number.NaN, hash: 1 }),
      encodeStateClaim({ index: 2 ** 60, hash: 1 }),
      Uint8Array.from(bytes, (byte, at) => (at === 0 ? 2 : byte)),
    ];
    for (const payload of broken) {
      expect(() => decodeStateClaim(payload)).toThrow(/frame of a state hash has version/);
    }
  });

  it('about indexes that are not applied here wait for that, a bounded number of them', () => {
    const verdicts: [StateVerdict, number][] = [];
    const hashes = new StateHashes({
      self: 1,
      voters: () => [1, 2, 3],
      broadcast: () => undefined,
      judged: (verdict, index) => verdicts.push([verdict, index]),
    });
    for (const from of [2, 3]) hashes.claimed(from, { index: I, hash: 8 });
    hashes.applied(I, 7);
    expect(verdicts).toEqual([['we-differ', I]]);
    for (let i = 2; i < 10_000; i++) hashes.claimed(2, { index: i * I, hash: 1 });
    hashes.applied(9_999 * I, 1);
    expect(verdicts.length).toBe(1);
  });
});

/** Answers differently from the others from its n-th command on, as one that looks at a clock would. */
class DriftingMachine extends JournalMachine {
  readonly #from: number;
  readonly #answer: string;

  constructor(from: number, answer = 'another answer') {
    super();
    this.#from = from;
    this.#answer = answer;
  }

  override applyBatch(commands: readonly Uint8Array[]): readonly CommandResult[] {
    return super.applyBatch(commands).map((result) => {
      const isFaulty = this.journal.length >= this.#from;
      return isFaulty ? { code: 0, bytes: Buffer.from(this.#answer) } : result;
    });
  }
}

/** Takes what it is given for its own, and writes into it a while later. */
class OverwritingMachine extends JournalMachine {
  readonly #kept: Uint8Array[] = [];

  override applyBatch(commands: readonly Uint8Array[]): readonly CommandResult[] {
    const results = super.applyBatch(commands);
    this.#kept.push(...commands);
    // Late enough that on a bus that hands over objects the other node has applied them, too.
    while (this.#kept.length > 16) this.#kept.shift()?.fill(0x78);
    return results;
  }
}

/** Through whoever leads: the faulty node may do so, and end in the middle. */
async function write(cluster: TestCluster, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { node } = await cluster.leader();
    await node.propose(text(`command ${i}`)).catch((error: ClusterError) => {
      if (error.code !== 'OUTCOME_UNKNOWN' && error.code !== 'NODE_FAILED') throw error;
    });
  }
}

describe('a planted divergence', () => {
  it('ends the node that disagrees with a majority, by index, and the others go on', async () => {
    await using cluster = new TestCluster(3);
    await Promise.all(['n1', 'n2'].map((name) => cluster.start(name)));
    const storage = new MemoryStorage();
    const machine = new DriftingMachine(20);
    const { node: wrong } = await cluster.start('n3', storage, { machine });
    await write(cluster, I + 10);
    const failure = await wrong.failed;
    expect(failure).toMatchObject({ code: 'STATE_DIVERGED', details: { index: I } });
    expect(failure.message).toMatch(
      /state of node n3 differs .* at log index 128: it has [0-9a-f]{8}/,
    );
    const right = await cluster.leader();
    await right.node.propose(text('goes on'));
    await until('the others know', () => right.node.status().divergence?.index === I);
    expect(right.node.status().phase).toBe('running');

    await wrong.stop();
    const reopened = cluster.start('n3', storage.crash());
    await expect(reopened).rejects.toMatchObject({ code: 'STATE_DIVERGED' });
  });

  it.each([false, true])('is marked before anybody is told (disk full: %s)', async (isFull) => {
    const happened: string[] = [];
    const note = (event: string): void => void happened.push(event);
    const logger: Logger = { ...nullLogger, error: note, child: () => logger };
    await using cluster = new TestCluster(3, {}, logger);
    await Promise.all(['n1', 'n2'].map((name) => cluster.start(name)));
    const storage = new MemoryStorage();
    const writeFact = storage.writeFact.bind(storage);
    let goOn = (): void => undefined;
    storage.writeFact = async (name, value) => {
      if (name === 'quarantine') {
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        if (isFull) throw new ClusterError('DISK_FULL', 'no space left');
        note('marked');
      }
      await writeFact(name, value);
    };
    const { node: wrong } = await cluster.start('n3', storage, {
      machine: new DriftingMachine(20),
    });
    const told = wrong.failed.then(() => note('told'));
    await write(cluster, I + 10);
    await until('it has failed', () => wrong.phase === 'failed');
    await new Promise((resolve) => setImmediate(resolve));
    goOn();
    await told;
    expect(happened.slice(-2)).toEqual([isFull ? 'folder.notMarked' : 'marked', 'told']);
  });

  it('is told although the disk never answers', async () => {
    await using cluster = new TestCluster(3, { stopTimeoutMs: 20 });
    await Promise.all(['n1', 'n2'].map((name) => cluster.start(name)));
    const storage = new MemoryStorage();
    const writeFact = storage.writeFact.bind(storage);
    storage.writeFact = (name, value) =>
      name === 'quarantine' ? new Promise(() => undefined) : writeFact(name, value);
    const { node: wrong } = await cluster.start('n3', storage, {
      machine: new DriftingMachine(20),
    });
    await write(cluster, I + 10);
    expect(await wrong.failed).toMatchObject({ code: 'STATE_DIVERGED' });
  });

  it('is said at once where the one who could decide it is away, and no more once all agree', async () => {
    await using cluster = new TestCluster(3);
    const { node } = await cluster.start('n1');
    await cluster.start('n2', new MemoryStorage(), { machine: new DriftingMachine(20) });
    await write(cluster, I + 10);
    await until('they say so', () => node.status().divergence?.index === I);
    expect(node.phase).toBe('running');
    await cluster.start('n3');
    const wrong = cluster.nodes.get('n2')?.node as typeof node;
    expect(await wrong.failed).toMatchObject({ code: 'STATE_DIVERGED' });
    await until(
      'n1 leads, or n3',
      () => cluster.followers(cluster.nodes.get('n2') as never).length === 2,
    );
    const leader = await cluster.leader();
    expect(await leader.node.removeNode('n2')).toBe(true);
    await write(cluster, I);
    await until('all is well', () => node.status().divergence === undefined);
  });

  it('is found where other bytes were applied, though the answers are the same', async () => {
    await using cluster = new TestCluster(3);
    for (const name of ['n1', 'n2']) {
      await cluster.start(name, new MemoryStorage(), { machine: new OverwritingMachine() });
    }
    await write(cluster, I + 10);
    const { node: late, machine } = await cluster.start('n3');
    expect(await late.failed).toMatchObject({ code: 'STATE_DIVERGED', details: { index: I } });
    expect(machine.journal[0]).toBe('xxxxxxxxx');
  });

  it('where no majority agrees all say so, and nobody is thrown out', async () => {
    await using cluster = new TestCluster(2);
    await cluster.start('n1');
    await cluster.start('n2', new MemoryStorage(), { machine: new DriftingMachine(20) });
    await write(cluster, I + 10);
    await until('both say so', () =>
      [...cluster.nodes.values()].every(({ node }) => node.status().divergence?.index === I),
    );
    for (const { node } of cluster.nodes.values()) {
      expect(Object.keys(node.status().divergence?.hashes ?? {}).sort()).toEqual(['n1', 'n2']);
      expect(node.phase).toBe('running');
    }
    await (await cluster.leader()).node.propose(text('goes on'));
  });
});
