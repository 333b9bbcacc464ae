/** When whoever leads asks for the change by which the others can do without one that left. */
import { expect, it } from 'vitest';
import { type ConfChangeV2, EMPTY_CONF_STATE } from '../raft/index.ts';
import { type MemberRecord, MemberTable } from './members.ts';
import { Replica } from './replica.ts';
import { Settling } from './settling.ts';
import type { StateMachine } from './types.ts';

const MEMBERS: MemberRecord[] = [1, 2, 3].map((raftId) => {
  return { raftId, nodeId: `n${raftId}`, address: `n${raftId}:1` };
});

function remain(members: MemberTable, voters: readonly number[]): void {
  members.change({ ...EMPTY_CONF_STATE, voters }, undefined);
}

it('asks at once, again after a while, in each leadership, and not once it is done', () => {
  const members = new MemberTable();
  members.restore(4, { ...EMPTY_CONF_STATE, voters: [1, 2, 3] }, MEMBERS);
  const asked: number[] = [];
  let isLeader = true;
  const confirm = (_: ConfChangeV2, raftId: number): number => asked.push(raftId);
  const settling = new Settling({ members, isLeader: () => isLeader, confirm });
  const tick = (times: number): void => {
    for (let i = 0; i < times; i++) settling.tick();
  };
  tick(3);
  expect(asked).toEqual([]);
  remain(members, [1, 2]);
  settling.hurry();
  settling.hurry();
  tick(5);
  expect(asked).toEqual([3]);
  tick(1);
  expect(asked).toEqual([3, 3]);
  isLeader = false;
  tick(10);
  expect(asked).toEqual([3, 3]);
  isLeader = true;
  tick(1);
  expect(asked).toEqual([3, 3, 3]);
  remain(members, [1, 2]);
  tick(10);
  expect(asked).toEqual([3, 3, 3]);
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
  remain(old.members, [1, 2]);
  const held = sections();
  await other.restore({
    section: (name) => asyncOf(held.find((section) => section.name === name)?.chunks),
  });
  expect(other.members.leaving).toEqual([MEMBERS[2]]);
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
