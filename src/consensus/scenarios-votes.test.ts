/**
 * What a node must not forget when the power goes (S-102, N-2, N-3): whom it voted for. The node has a
 * real storage on a disk that loses what was not synced; the candidates are strangers on the bus who
 * ask for votes as they like.
 */
import { expect, it } from 'vitest';
import { until } from '../../sim/rigs/test-cluster.ts';
import { MemoryDisk } from '../../sim/world/memory-disk.ts';
import { type Message, MessageType } from '../raft/index.ts';
import { openDiskStorage, type Storage } from '../storage/index.ts';
import { nullLogger, realClock, realRandom } from '../world/index.ts';
import { Stage, Stranger } from './scenarios.fixture.ts';

const TERM = 7;
/** The position of a log that is as good as anybody's: a candidate must not fail by that. */
const AHEAD = { index: 1_000, logTerm: 6 };

function open(disk: MemoryDisk): Promise<Storage> {
  const parts = { clock: realClock(), random: realRandom(), logger: nullLogger };
  return openDiskStorage({ disk, ...parts, directory: '/data' });
}

/** Asks for a vote until it is answered: a node that has just started may not be listening yet. */
async function ask(candidate: Stranger): Promise<Message> {
  const before = candidate.received.length;
  candidate.send(1, { type: MessageType.Vote, term: TERM, ...AHEAD });
  const answer = (): Message | undefined =>
    candidate.received.slice(before).find(({ type }) => type === MessageType.VoteResp);
  await until('the vote is answered', () => answer() !== undefined);
  return answer() as Message;
}

// Nobody stands by himself, and no lease protects a leader that there is not.
const CONFIG = { electionTicks: 10_000, checkQuorum: false, stopTimeoutMs: 50 };
// A cut takes what was not synced: all of it, or (the last of the dice) what it likes least.
const DICE = [() => 0, (bound: number) => bound - 1];

it.each(DICE)('S-102 N-3 a vote is the same after a power cut (dice %#)', async (below) => {
  await using stage = new Stage(3, CONFIG);
  const [second, third] = [new Stranger(stage.bus, 2), new Stranger(stage.bus, 3)];
  await Promise.all([second.start(), third.start()]);
  const disk = new MemoryDisk();
  const first = await stage.start('n1', { storage: await open(disk) });
  expect(await ask(second)).toMatchObject({ term: TERM, reject: false });
  const after = disk.crash({ below });
  stage.kill(first);

  const again = await stage.start('n1', { storage: await open(after) });
  expect(again.node.status().term).toBe(TERM);
  expect(await ask(third)).toMatchObject({ term: TERM, reject: true });
  expect(await ask(second)).toMatchObject({ term: TERM, reject: false });
});

it('S-102 N-2 no vote leaves before it is durable', async () => {
  await using stage = new Stage(3, CONFIG);
  const [second, third] = [new Stranger(stage.bus, 2), new Stranger(stage.bus, 3)];
  await Promise.all([second.start(), third.start()]);
  const disk = new MemoryDisk();
  const first = await stage.start('n1', { storage: await open(disk) });
  disk.hold();
  second.send(1, { type: MessageType.Vote, term: TERM, ...AHEAD });
  await until('the node is in that term', () => first.node.status().term === TERM);
  expect(second.received.filter(({ type }) => type === MessageType.VoteResp)).toEqual([]);
  const after = disk.crash({ below: () => 0 });
  stage.kill(first);

  // Nobody has heard of that vote, so it may be given to somebody else.
  await stage.start('n1', { storage: await open(after) });
  expect(await ask(third)).toMatchObject({ term: TERM, reject: false });
  expect(await ask(second)).toMatchObject({ term: TERM, reject: true });
});
