/** When whoever leads asks for the change by which the others can do without one that left, or count on a vote. */
import { expect, it } from 'vitest';
import { ConfChangeType, type ConfChangeV2, EMPTY_CONF_STATE } from '../raft/index.ts';
import { type MemberRecord, MemberTable } from './members.ts';
import { Replica } from './replica.ts';
import { Settling } from './settling.ts';
import type { StateMachine } from './types.ts';

const MEMBERS: MemberRecord[] = [1, 2, 3].map((raftId) => {
  return { raftId, nodeId: `n${raftId}`, address: `n${raftId}:1` };
});

function become(members: MemberTable, voters: readonly number[], learners: number[] = []): void {
  members.change({ ...EMPTY_CONF_STATE, voters, learners }, undefined);
}

/** `+3`: gives 3 a vote; `-3`: removes it. */
function named({ changes }: ConfChangeV2): string {
  const text = changes.map(({ type, nodeId }) => {
    return `${type === ConfChangeType.AddNode ? '+' : '-'}${nodeId}`;
  });
  return text.join(' ');
}

it('asks at once, again after a while, in each leadership, and not once it is done', () => {
  const members = new MemberTable();
  members.restore(4, { ...EMPTY_CONF_STATE, voters: [1, 2, 3] }, MEMBERS);
  const asked: string[] = [];
  let isLeader = true;
  const confirm = (change: ConfChangeV2): number => asked.push(named(change));
  const settling = new Settling({ members, isLeader: () => isLeader, confirm });
  const tick = (times: number): void => {
    for (let i = 0; i < times; i++) settling.tick();
  };
  tick(3);
  expect(asked).toEqual([]);
  become(members, [1, 2]);
  settling.hurry();
  settling.hurry();
  tick(5);
  expect(asked).toEqual(['-3']);
  tick(1);
  expect(asked).toEqual(['-3', '-3']);
  isLeader = false;
  tick(10);
  expect(asked).toEqual(['-3', '-3']);
  isLeader = true;
  tick(1);
  expect(asked).toEqual(['-3', '-3', '-3']);
  become(members, [1, 2]);
  tick(10);
  expect(asked).toEqual(['-3', '-3', '-3']);
});

it('asks for the same vote once more, and for the removal of the same member right behind it', () => {
  const members = new MemberTable();
  members.restore(4, { ...EMPTY_CONF_STATE, voters: [1, 2], learners: [3] }, MEMBERS);
  const asked: string[] = [];
  const settling = new Settling({
    members,
    isLeader: () => true,
    confirm: (change) => asked.push(named(change)),
  });
  become(members, [1, 2, 3]);
  expect(members.list().map(({ arriving }) => arriving)).toEqual([undefined, undefined, true]);
  settling.hurry();
  expect(asked).toEqual(['+3']);
  become(members, [1, 2, 3]);
  expect(members.arriving).toEqual([]);
  settling.hurry();
  expect(asked).toEqual(['+3']);
  become(members, [1, 2]);
  settling.hurry();
  expect(asked).toEqual(['+3', '-3']);
});

it('is for whoever leads after a snapshot was installed, too', async () => {
  const machine: StateMachine = {
    applyBatch: () => [],
    snapshot: () => [],
    restore: async () => undefined,
  };
  const [old, other] = [new Replica(machine), new Replica(machine)];
  old.found(4, { ...EMPTY_CONF_STATE, voters: [1, 2, 3] }, MEMBERS, 1, 1);
  const sections = (): ReturnType<Replica['capture']> => old.capture();
  expect(await lineOf(sections())).not.toContain('leaving');
  become(old.members, [1, 2]);
  const held = sections();
  await other.restore({
    section: (name) => asyncOf(held.find((section) => section.name === name)?.chunks),
  });
  expect(other.members.leaving).toEqual([MEMBERS[2]]);
  expect(other.members.arriving).toEqual([]);
  become(old.members, [1, 2, 3]);
  const grown = old.capture();
  await other.restore({
    section: (name) => asyncOf(grown.find((section) => section.name === name)?.chunks),
  });
  expect(other.members.arriving).toEqual([3]);
});

type Chunks = ReturnType<Replica['capture']>[number]['chunks'] | undefined;

async function* asyncOf(chunks: Chunks): AsyncGenerator<Uint8Array> {
  yield* chunks ?? [];
}

async function lineOf([node]: ReturnType<Replica['capture']>): Promise<string> {
  let text = '';
  for await (const chunk of node?.chunks ?? []) text += Buffer.from(chunk).toString('utf8');
  return text;
}
