/** The life of an engine: it starts once, ends when it is told to, in bounded time, and says when it failed. */
import type { Engine } from '../../src/engine/index.ts';
import { begun, type CaseSpec, type Checks, nextTurn, withDeadline } from '../kit/index.ts';
import { bytesOf, codeOfFailure, type EngineBench, type Node } from './bench.ts';
import type { EngineAbilities } from './index.ts';

type EngineCase = CaseSpec<EngineBench>;

/** Whether a promise has settled by now. */
async function isSettled(work: Promise<unknown>): Promise<boolean> {
  for (let turn = 0; turn < 3; turn++) await nextTurn();
  const settled = work.then(
    () => true,
    () => true,
  );
  return (await withDeadline(settled, 1)) === true;
}

export function lifeCases(can: EngineAbilities): EngineCase[] {
  return [
    {
      id: 'life/stop',
      title: 'stop ends everything in bounded time, and may be called again',
      body: async (checks, bench) => {
        const [leader, follower] = await bench.trio(checks);
        // The leader last: it has somebody to hand over to, and then nobody.
        for (const { engine } of [follower, leader]) {
          await bench.write(checks, leader, 'x');
          const pending = Array.from({ length: 10 }, (_, i) => {
            return codeOfFailure(begun(() => engine.propose(bytesOf(`pending ${i}`))));
          });
          const stopping = [begun(() => engine.stop()), begun(() => engine.stop())];
          const clause = 'stop resolves, however often it is called';
          await checks.resolves(clause, () => Promise.all(stopping), bench.patienceMs);
          await checks.resolves(clause, () => engine.stop());
          const all = (): Promise<string[]> => Promise.all(pending);
          const codes = await checks.resolves('proposals under way settle', all, bench.patienceMs);
          const allowed = ['resolved', 'NODE_STOPPED', 'OUTCOME_UNKNOWN', 'NO_LEADER'];
          const isKnown = codes.every((code) => allowed.includes(code));
          checks.holds('and say what became of them', isKnown, allowed.join(', '), codes);
          await expectStopped(checks, engine);
          checks.equal('to be stopped is no failure', await isSettled(engine.failed), false);
        }
      },
    },
    {
      id: 'life/before-start',
      title: 'an engine that was not started refuses, and can be stopped',
      body: async (checks, bench) => {
        const cluster = await bench.cluster(1);
        const { engine } = await bench.node(cluster, cluster.nodeIds[0] as string);
        const propose = (): Promise<unknown> => engine.propose(bytesOf('x'));
        await checks.rejects('it proposes nothing', propose, ['NOT_STARTED']);
        const facts = [engine.isLeader, engine.leader, engine.nodeId];
        checks.equal('it leads nobody', facts, [false, undefined, cluster.nodeIds[0]]);
        await checks.resolves('it can be stopped', () => engine.stop());
        const start = (): Promise<unknown> => engine.start();
        await checks.rejects('then it starts no more', start, ['NODE_STOPPED']);
      },
    },
    {
      id: 'life/alone',
      title: 'a single node is a cluster, too, and starts once',
      body: async (checks, bench) => {
        const [node] = (await bench.startAll(await bench.cluster(1))) as [Node];
        await bench.write(checks, node, 'one');
        checks.equal('it answers', await bench.read(checks, node), ['one']);
        const start = (): Promise<unknown> => node.engine.start();
        await checks.rejects('a second start is refused', start, ['NODE_STOPPED']);
        await bench.write(checks, node, 'two');
      },
    },
    {
      id: 'life/failed',
      title: 'a bug in the state machine ends its node, which says so, and no other',
      body: async (checks, bench) => {
        const [leader, one, other] = await bench.trio(checks);
        await bench.write(checks, leader, `bug in ${one.engine.nodeId}`);
        const clause = '`failed` settles with the reason';
        const error = await checks.resolves(clause, () => one.engine.failed, bench.patienceMs);
        checks.holds(clause, error instanceof Error, 'an error', error);
        await bench.reach(checks, 'the status says so', () => {
          const { phase, failure } = one.engine.status();
          return phase === 'failed' && failure !== undefined;
        });
        const propose = (): Promise<unknown> => one.engine.propose(bytesOf('x'));
        await checks.rejects('it takes part no more', propose, ['NODE_FAILED'], bench.patienceMs);
        await bench.write(checks, leader, 'the others go on');
        const expected = [`bug in ${one.engine.nodeId}`, 'the others go on'];
        for (const node of [leader, other]) {
          checks.equal('the others have it all', await bench.read(checks, node), expected);
          checks.equal('and have not failed', await isSettled(node.engine.failed), false);
        }
        await checks.resolves('it can be stopped', () => one.engine.stop(), bench.patienceMs);
      },
    },
    {
      id: 'life/restart',
      title: 'what was acknowledged is there when all have been stopped and started again',
      skip: can.restart,
      body: async (checks, bench) => {
        const cluster = await bench.cluster(3);
        const nodes = await bench.startAll(cluster);
        const leader = await bench.leader(checks, nodes);
        const session = await leader.engine.openSession();
        const request = { session, sequence: 1 };
        const first = await leader.engine.propose(bytesOf('once'), { request });
        for (let i = 0; i < 10; i++) await bench.write(checks, leader, `${i}`);
        await Promise.all(nodes.map(({ engine }) => begun(() => engine.stop())));
        const again = await bench.startAll(cluster);
        const expected = ['once', ...Array.from({ length: 10 }, (_, i) => `${i}`)];
        for (const node of again) {
          checks.equal('nothing is lost, or doubled', await bench.read(checks, node), expected);
        }
        const [node] = again as [Node];
        const retry = await checks.resolves('sessions live on', () =>
          node.engine.propose(bytesOf('once'), { request }),
        );
        checks.equal('a retry is still answered as the first time', retry.bytes, first.bytes);
        checks.equal('and not applied', node.journal.count('once'), 1);
      },
    },
  ];
}

async function expectStopped(checks: Checks, engine: Engine): Promise<void> {
  const clause = 'a stopped engine refuses';
  const codes = ['NODE_STOPPED'];
  await checks.rejects(`${clause}: propose`, () => engine.propose(bytesOf('x')), codes);
  await checks.rejects(`${clause}: readBarrier`, () => engine.readBarrier(), codes);
  await checks.rejects(`${clause}: openSession`, () => engine.openSession(), codes);
  await checks.rejects(`${clause}: start`, () => engine.start(), codes);
  checks.equal('a stopped engine does not lead', engine.isLeader, false);
}
