/**
 * Proposing and reading: acknowledged means applied here, and there for ever, in one order everywhere; a
 * rejection is a result; what can not be decided says so in time.
 */
import { begun, type CaseSpec } from '../kit/index.ts';
import { bytesOf, type EngineBench, REJECTED } from './bench.ts';

type EngineCase = CaseSpec<EngineBench>;

const NO_MAJORITY = ['NO_LEADER', 'NO_QUORUM'];

export function proposalCases(): EngineCase[] {
  return [
    {
      id: 'propose/applied-here',
      title: 'a proposal resolves, on any node, with its result, once it has been applied there',
      body: async (checks, bench) => {
        const nodes = await bench.trio(checks);
        let index = 0;
        for (let round = 0; round < 12; round++) {
          const { engine, journal } = nodes[round % 3] as (typeof nodes)[number];
          const command = `command ${round}`;
          const clause = 'when a proposal resolves, this node has applied it';
          const result = await checks.resolves(clause, async () => {
            const answer = await engine.propose(bytesOf(command));
            return { ...answer, isApplied: journal.count(command) === 1 };
          });
          checks.holds(clause, result.isApplied, `"${command}" is in the state`, journal.commands);
          const expected = { code: 0, bytes: bytesOf(`${round + 1} ${command}`) };
          const { code, bytes } = result;
          checks.equal('the result is that of the state machine', { code, bytes }, expected);
          const isHigher = result.index > index;
          checks.holds(
            'what is proposed later stands later',
            isHigher,
            `above ${index}`,
            result.index,
          );
          index = result.index;
        }
      },
    },
    {
      id: 'propose/one-order',
      title: 'all nodes apply the same commands in the same order, each once',
      body: async (checks, bench) => {
        const nodes = await bench.trio(checks);
        const proposals = nodes.flatMap(({ engine }, i) => {
          return Array.from({ length: 20 }, (_, k) => {
            return begun(() => engine.propose(bytesOf(`${i}.${k}`)));
          });
        });
        await checks.resolves('all are accepted', () => Promise.all(proposals), bench.patienceMs);
        const journals: string[][] = [];
        for (const node of nodes) journals.push(await bench.read(checks, node));
        const [first = []] = journals;
        checks.equal(
          'nothing is applied twice, or lost',
          [first.length, new Set(first).size],
          [60, 60],
        );
        for (const journal of journals) checks.equal('the order is the same', journal, first);
        for (const i of [0, 1, 2]) {
          const own = first.filter((command) => command.startsWith(`${i}.`));
          const expected = Array.from({ length: 20 }, (_, k) => `${i}.${k}`);
          checks.equal('what one node proposes keeps its order', own, expected);
        }
      },
    },
    {
      id: 'propose/any-bytes',
      title: 'a command is any bytes, none included',
      body: async (checks, bench) => {
        const nodes = await bench.trio(checks);
        const commands = ['', '\u0000\u00ff\u0080', 'x'.repeat(100_000)];
        for (const [i, node] of nodes.entries()) {
          await bench.write(checks, node, commands[i] as string);
        }
        for (const node of nodes) {
          const journal = await bench.read(checks, node);
          const isSame = journal.length === 3 && journal.every((one, i) => one === commands[i]);
          const found = journal.map((one) => `${one.length} bytes`);
          checks.holds('bytes arrive as they were proposed', isSame, '0, 3, 100000 bytes', found);
        }
      },
    },
    {
      id: 'propose/rejection',
      title: 'what the state machine rejects is a result, and stops nothing',
      body: async (checks, bench) => {
        const nodes = await bench.trio(checks);
        for (const { engine } of nodes) {
          const clause = 'a rejection is a result, not an error';
          const { code, bytes } = await checks.resolves(clause, () =>
            engine.propose(bytesOf('!x')),
          );
          checks.equal(clause, { code, bytes }, { code: REJECTED, bytes: bytesOf('refused !x') });
        }
        await bench.write(checks, nodes[1], 'after');
        for (const node of nodes) {
          checks.equal('the nodes go on', await bench.read(checks, node), ['after']);
        }
      },
    },
    {
      id: 'propose/refused-at-the-door',
      title: 'a command that is too large is refused, and one that was given up is not waited for',
      body: async (checks, bench) => {
        const [leader, follower] = await bench.trio(checks);
        const large = Buffer.alloc(8 * 1024 * 1024);
        for (const { engine } of [leader, follower]) {
          const propose = (): Promise<unknown> => engine.propose(large);
          await checks.rejects('there is a bound on commands', propose, ['COMMAND_TOO_LARGE']);
          const signal = AbortSignal.abort();
          const given = (): Promise<unknown> => engine.propose(bytesOf('x'), { signal });
          await checks.rejects('a signal ends the wait', given, ['ABORTED']);
          const barrier = (): Promise<unknown> => engine.readBarrier({ signal });
          await checks.rejects('a signal ends a barrier', barrier, ['ABORTED']);
        }
        await bench.write(checks, leader, 'after');
        checks.equal('a refused command is not applied', leader.journal.count(''), 0);
      },
    },
    ...readCases(),
  ];
}

function readCases(): EngineCase[] {
  return [
    {
      id: 'read/after-barrier',
      title: 'after a barrier a node has every write that was acknowledged anywhere before it',
      body: async (checks, bench) => {
        const nodes = await bench.trio(checks);
        for (let round = 0; round < 15; round++) {
          const writer = nodes[round % 3] as (typeof nodes)[number];
          const reader = nodes[(round + 1 + (round % 2)) % 3] as (typeof nodes)[number];
          await bench.write(checks, writer, `write ${round}`);
          const journal = await bench.read(checks, reader);
          const clause = 'a read after a barrier is linearizable';
          checks.equal(clause, journal.at(-1), `write ${round}`);
        }
      },
    },
    {
      id: 'read/without-majority',
      title: 'without a majority nothing is decided: writes and barriers end with an error in time',
      body: async (checks, bench) => {
        const [leader, one, other] = await bench.trio(checks);
        await bench.write(checks, leader, 'before');
        await Promise.all([one, other].map((node) => begun(() => node.engine.stop())));
        const { engine, journal } = leader;
        const waitMs = bench.patienceMs;
        const propose = (): Promise<unknown> => engine.propose(bytesOf('x'), { timeoutMs: 400 });
        const codes = [...NO_MAJORITY, 'OUTCOME_UNKNOWN'];
        await checks.rejects('a proposal is not acknowledged', propose, codes, waitMs);
        const barrier = (): Promise<unknown> => engine.readBarrier({ timeoutMs: 400 });
        await checks.rejects('a barrier does not resolve', barrier, NO_MAJORITY, waitMs);
        const local = (): Promise<unknown> => engine.readBarrier({ consistency: 'local' });
        await checks.resolves('a local read asks nobody', local);
        checks.equal('what was not acknowledged is not seen', journal.commands, ['before']);
      },
    },
  ];
}
