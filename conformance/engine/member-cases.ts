/** Members: who is added follows, and gets its vote; who is removed is told, and takes part no more. */
import type { Invitation, MembersChange } from '../../src/consensus/index.ts';
import { begun, type CaseSpec, codeOf } from '../kit/index.ts';
import type { EngineBench, Node } from './bench.ts';
import type { EngineAbilities } from './index.ts';

type EngineCase = CaseSpec<EngineBench>;

function rolesOf({ engine }: Node): string[] {
  return engine
    .status()
    .members.map(({ nodeId, role }) => `${nodeId} ${role}`)
    .sort();
}

export function memberCases(can: EngineAbilities): EngineCase[] {
  return [
    {
      id: 'members/join',
      title: 'an invited node catches up, gets its vote, and can be removed again',
      skip: can.join,
      body: async (checks, bench) => {
        const cluster = await bench.cluster(3);
        const nodes = await bench.startAll(cluster);
        const leader = await bench.leader(checks, nodes);
        await bench.write(checks, leader, 'before');
        const changes: MembersChange[] = [];
        let hasEnded = false;
        const watching = begun(async () => {
          for await (const change of leader.engine.memberChanges()) changes.push(change);
          hasEnded = true;
        });
        await bench.reach(checks, 'it begins with the present members', () => {
          return changes[0]?.members.length === 3;
        });
        const address = (await cluster.address?.('new')) ?? '';
        const invitation = await checks.resolves(
          'a node can be added',
          () => leader.engine.addNode('new', address),
          bench.patienceMs,
        );
        const copy: unknown = JSON.parse(JSON.stringify(invitation));
        checks.equal('an invitation is plain data', copy, invitation);
        checks.equal('it names the node', invitation.nodeId, 'new');
        const again = 'asked again after a lost answer, it gives the same invitation';
        const ask = (): Promise<unknown> => leader.engine.addNode('new', address);
        checks.equal(again, await checks.resolves(again, ask, bench.patienceMs), invitation);
        const known = leader.engine.nodeId;
        const twice = (): Promise<unknown> => leader.engine.addNode(known, address);
        await checks.rejects('a name is taken once', twice, ['MEMBER_EXISTS'], bench.patienceMs);
        const joined = await bench.joining(cluster, invitation);
        await checks.resolves('who was invited starts', () => joined.engine.start());
        await bench.reach(checks, 'who has caught up votes', () => {
          return rolesOf(leader).includes('new voter');
        });
        await bench.write(checks, joined, 'from the new one');
        const journal = await bench.read(checks, joined);
        checks.equal('it has what was before', journal, ['before', 'from the new one']);
        await bench.reach(checks, 'who watches is told', () => {
          return (
            changes
              .at(-1)
              ?.members.some(({ nodeId, role }) => nodeId === 'new' && role === 'voter') === true
          );
        });
        const remove = (): Promise<boolean> => leader.engine.removeNode('new');
        const clause = 'a member can be removed';
        checks.equal(clause, await checks.resolves(clause, remove, bench.patienceMs), true);
        const error = await checks.resolves(
          'who is removed is told, and ends',
          () => joined.engine.failed,
          bench.patienceMs,
        );
        checks.equal('who is removed is told, and ends', codeOf(error), 'MEMBER_REMOVED');
        const gone = 'to remove nobody is no error';
        checks.equal(gone, await checks.resolves(gone, remove, bench.patienceMs), false);
        await bench.write(checks, leader, 'after');
        checks.equal('the others are what they were', rolesOf(leader).length, 3);
        await Promise.all(nodes.map(({ engine }) => begun(() => engine.stop())));
        await bench.reach(checks, 'the watch ends with the engine', () => hasEnded);
        await watching;
      },
    },
    {
      id: 'members/learner',
      title: 'a learner follows without a vote until it is promoted',
      skip: can.join,
      body: async (checks, bench) => {
        const cluster = await bench.cluster(3);
        const nodes = await bench.startAll(cluster);
        const leader = await bench.leader(checks, nodes);
        const [follower] = nodes.filter((node) => node !== leader) as [Node];
        const address = (await cluster.address?.('new')) ?? '';
        const add = (): Promise<Invitation> => follower.engine.addLearner('new', address);
        const invitation = await checks.resolves(
          'a learner can be added on any node',
          add,
          bench.patienceMs,
        );
        const joined = await bench.joining(cluster, invitation);
        await joined.engine.start();
        await bench.write(checks, leader, 'x');
        await bench.reach(checks, 'a learner follows', () => joined.journal.count('x') === 1);
        const needed = leader.engine.status().quorum.needed;
        checks.equal(
          'a learner is none of the majority',
          [rolesOf(leader).includes('new learner'), needed],
          [true, 2],
        );
        const promote = (): Promise<void> => leader.engine.promoteLearner('new');
        await checks.resolves('a learner can be promoted', promote, bench.patienceMs);
        await bench.reach(checks, 'then it votes', () => rolesOf(leader).includes('new voter'));
        const nobody = (): Promise<void> => leader.engine.promoteLearner('nobody');
        await checks.rejects(
          'nobody can not be promoted',
          nobody,
          ['MEMBER_UNKNOWN'],
          bench.patienceMs,
        );
      },
    },
  ];
}
