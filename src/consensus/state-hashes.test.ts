/**
 * That states which drifted apart are found out: the one that is wrong ends, the others go on, and where
 * nobody can tell who is wrong, everybody says so. A machine with a planted fault is what they find.
 */
import { describe, expect, it } from 'vitest';
import { JournalMachine, TestCluster, text, until } from '../../sim/test-cluster.ts';
import type { ClusterError } from '../errors.ts';
import { STATE_HASH_INTERVAL_ENTRIES } from '../limits.ts';
import type { RaftId } from '../raft/index.ts';
import { MemoryStorage } from '../storage/index.ts';
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
  const verdict = (own: number, claims: [RaftId, number][], voters: RaftId[]): StateVerdict =>
    judgeClaims(own, new Map(claims), voters);

  it('a majority decides, and only when it is one', () => {
    const all = [1, 2, 3];
    expect(verdict(7, [[1, 7]], all)).toBe('open');
    expect(
      verdict(
        7,
        [
          [1, 7],
          [2, 7],
        ],
        all,
      ),
    ).toBe('agreed');
    expect(
      verdict(
        7,
        [
          [1, 7],
          [2, 8],
        ],
        all,
      ),
    ).toBe('open');
    expect(
      verdict(
        7,
        [
          [1, 7],
          [2, 8],
          [3, 8],
        ],
        all,
      ),
    ).toBe('we-differ');
    expect(
      verdict(
        8,
        [
          [1, 7],
          [2, 8],
          [3, 8],
        ],
        all,
      ),
    ).toBe('other-differs');
    expect(
      verdict(
        7,
        [
          [1, 7],
          [2, 8],
          [3, 9],
        ],
        all,
      ),
    ).toBe('no-majority');
    expect(
      verdict(
        7,
        [
          [1, 7],
          [2, 8],
        ],
        [1, 2],
      ),
    ).toBe('no-majority');
    expect(verdict(7, [[1, 7]], [1])).toBe('agreed');
  });

  it('a learner is judged, and does not count', () => {
    expect(
      verdict(
        9,
        [
          [4, 9],
          [1, 7],
          [2, 7],
        ],
        [1, 2, 3],
      ),
    ).toBe('we-differ');
    expect(
      verdict(
        7,
        [
          [1, 7],
          [2, 7],
          [4, 9],
        ],
        [1, 2, 3],
      ),
    ).toBe('other-differs');
    expect(
      verdict(
        9,
        [
          [4, 9],
          [5, 9],
          [6, 9],
          [1, 7],
        ],
        [1, 2, 3],
      ),
    ).toBe('open');
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
