/** Leadership: at most one leads, everybody knows who, and whoever watches is told of each change. */
import type { LeaderChange } from '../../src/consensus/index.ts';
import { begun, type CaseSpec } from '../kit/index.ts';
import { codeOfFailure, type EngineBench, type Node } from './bench.ts';

type EngineCase = CaseSpec<EngineBench>;

export function leadershipCases(): EngineCase[] {
  return [
    {
      id: 'leader/one',
      title: 'one of them leads, and the status of each says so',
      body: async (checks, bench) => {
        const nodes = await bench.trio(checks);
        const [leader] = nodes;
        await bench.write(checks, leader, 'x');
        for (const { engine } of nodes) {
          const status = engine.status();
          const isLeader = engine === leader.engine;
          checks.equal('the status names the node', status.nodeId, engine.nodeId);
          checks.equal('the status names the leader', status.leader?.nodeId, leader.engine.nodeId);
          const role = isLeader ? 'leader' : 'follower';
          checks.equal(
            'the status names the role',
            [status.role, engine.isLeader],
            [role, isLeader],
          );
          checks.equal(
            'the status names the phase',
            [status.phase, status.failure],
            ['running', undefined],
          );
          const voters = status.members.filter((member) => member.role === 'voter');
          checks.equal('the status lists the members', voters.length, 3);
          const { appliedIndex: applied, commitIndex: commit, lastIndex: last } = status;
          const isOrdered = applied <= commit && commit <= last && applied > 0;
          checks.holds('applied, committed, stored: in this order', isOrdered, 'ascending', [
            applied,
            commit,
            last,
          ]);
        }
      },
    },
    {
      id: 'leader/transfer',
      title: 'leadership can be handed over, from any node, in a new term',
      body: async (checks, bench) => {
        const [leader, one, other] = await bench.trio(checks);
        const { term } = leader.engine.status();
        const give = (): Promise<void> => leader.engine.transferLeadership(one.engine.nodeId);
        await checks.resolves('the leader hands over', give, bench.patienceMs);
        await bench.reach(checks, 'the other one leads', () => one.engine.isLeader);
        const later = one.engine.status().term;
        checks.holds('a new leader has a new term', later > term, `above ${term}`, later);
        await bench.leader(checks, [leader, one, other]);
        const take = (): Promise<void> => leader.engine.transferLeadership(other.engine.nodeId);
        await checks.resolves('a follower has it handed over', take, bench.patienceMs);
        await bench.reach(checks, 'the third one leads', () => other.engine.isLeader);
        await bench.leader(checks, [leader, one, other]);
        const nowhere = (): Promise<void> => leader.engine.transferLeadership('nobody');
        await checks.rejects('to nobody it is not', nowhere, ['MEMBER_UNKNOWN'], bench.patienceMs);
        await bench.write(checks, leader, 'x');
      },
    },
    {
      id: 'leader/changes',
      title: 'who watches is told the present leader, each later one, and the end',
      body: async (checks, bench) => {
        const [leader, one, other] = await bench.trio(checks);
        const seen: LeaderChange[] = [];
        let hasEnded = false;
        const watching = begun(async () => {
          for await (const change of other.engine.leaderChanges()) seen.push(change);
          hasEnded = true;
        });
        const isTold = (node: Node): boolean => seen.at(-1)?.leader?.nodeId === node.engine.nodeId;
        await bench.reach(checks, 'it begins with the present state', () => isTold(leader));
        checks.equal('which comes first', seen.length, 1);
        await leader.engine.transferLeadership(one.engine.nodeId);
        await bench.reach(checks, 'a new leader is told', () => isTold(one));
        const isOwn = seen.some((change) => change.isLeader);
        checks.equal('`isLeader` is about the node itself', isOwn, false);
        const numbers = seen.map(({ sequence }) => sequence);
        const isAscending = numbers.every((number, i) => i === 0 || number > (numbers[i - 1] ?? 0));
        checks.holds('sequence numbers grow', isAscending, 'ascending numbers', numbers);
        const terms = seen.map(({ term }) => term);
        const isRising = terms.every((term, i) => i === 0 || term >= (terms[i - 1] ?? 0));
        checks.holds('terms never fall', isRising, 'ascending terms', terms);
        await other.engine.stop();
        await bench.reach(checks, 'it ends with the engine', () => hasEnded);
        await watching;
      },
    },
    {
      id: 'leader/replaced',
      title: 'a leader that stops is replaced, and nothing that was acknowledged is lost',
      body: async (checks, bench) => {
        const [leader, one, other] = await bench.trio(checks);
        for (let i = 0; i < 10; i++) await bench.write(checks, i % 2 === 0 ? leader : one, `${i}`);
        await leader.engine.stop();
        const next = await bench.leader(checks, [one, other]);
        await bench.write(checks, next === one ? other : one, 'after');
        const expected = [...Array.from({ length: 10 }, (_, i) => `${i}`), 'after'];
        for (const node of [one, other]) {
          checks.equal('all of it is there', await bench.read(checks, node), expected);
        }
        const code = await codeOfFailure(leader.engine.propose(new Uint8Array(1)));
        checks.equal('who stopped takes part no more', code, 'NODE_STOPPED');
      },
    },
  ];
}
