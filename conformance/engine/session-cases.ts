/** Sessions: a request with an id is applied at most once, however often and wherever it is made. */
import type { ProposeResult, RequestId } from '../../src/consensus/index.ts';
import type { CaseSpec, Checks } from '../kit/index.ts';
import { bytesOf, type EngineBench, type Node } from './bench.ts';

type EngineCase = CaseSpec<EngineBench>;

function ask(
  checks: Checks,
  node: Node,
  command: string,
  request: RequestId,
): Promise<ProposeResult> {
  const clause = 'a request of an open session is answered';
  return checks.resolves(clause, () => node.engine.propose(bytesOf(command), { request }));
}

export function sessionCases(): EngineCase[] {
  return [
    {
      id: 'session/once',
      title: 'a request that is made again is answered again, and not applied again',
      body: async (checks, bench) => {
        const nodes = await bench.trio(checks);
        const [leader, follower] = nodes;
        const session = await checks.resolves('a session can be opened', () =>
          follower.engine.openSession(),
        );
        for (let sequence = 1; sequence <= 6; sequence++) {
          const command = `request ${sequence}`;
          const first = await ask(checks, follower, command, { session, sequence });
          const again = await Promise.all(
            [...nodes, ...nodes].map((node) => ask(checks, node, command, { session, sequence })),
          );
          for (const { code, bytes } of again) {
            const expected = { code: first.code, bytes: first.bytes };
            checks.equal('a retry is answered as the first time', { code, bytes }, expected);
          }
          const journal = await bench.read(checks, leader);
          const count = journal.filter((one) => one === command).length;
          checks.equal('a request is applied once', count, 1);
        }
        await bench.write(checks, leader, 'without a session');
        await bench.write(checks, leader, 'without a session');
        const journal = await bench.read(checks, leader);
        const count = journal.filter((one) => one === 'without a session').length;
        checks.equal('what has no id is applied each time', count, 2);
      },
    },
    {
      id: 'session/rejection',
      title: 'a rejection is kept as an answer, too',
      body: async (checks, bench) => {
        const [leader, follower] = await bench.trio(checks);
        const session = await leader.engine.openSession();
        const first = await ask(checks, leader, '!no', { session, sequence: 1 });
        const again = await ask(checks, follower, '!no', { session, sequence: 1 });
        checks.equal(
          'the answer is the same',
          [again.code, again.bytes],
          [first.code, first.bytes],
        );
      },
    },
    {
      id: 'session/ends',
      title: 'what a session no longer answers is refused, and not applied',
      body: async (checks, bench) => {
        const [leader, follower] = await bench.trio(checks);
        const [session, other] = [
          await leader.engine.openSession(),
          await follower.engine.openSession(),
        ];
        checks.holds('sessions are different', session !== other, `not ${session}`, other);
        await ask(checks, leader, 'one', { session, sequence: 1 });
        await ask(checks, leader, 'two', { session, sequence: 2, acknowledgedBelow: 2 });
        const propose = (request: RequestId): (() => Promise<unknown>) => {
          return () => follower.engine.propose(bytesOf('late'), { request });
        };
        const done = 'what the client has acknowledged is not answered again';
        await checks.rejects(done, propose({ session, sequence: 1 }), ['SEQUENCE_STALE']);
        await checks.resolves('a session can be closed', () => leader.engine.closeSession(session));
        const closed = 'a session that was closed answers nothing';
        await checks.rejects(closed, propose({ session, sequence: 3 }), ['SESSION_EXPIRED']);
        const unknown = 'nor does one that never was';
        await checks.rejects(unknown, propose({ session: 99_999, sequence: 1 }), [
          'SESSION_EXPIRED',
        ]);
        await ask(checks, leader, 'of the other', { session: other, sequence: 1 });
        const journal = await bench.read(checks, follower);
        checks.equal('a refused request is not applied', journal, ['one', 'two', 'of the other']);
      },
    },
  ];
}
