/**
 * `check`, of a machine that has one: the node that proposes asks it before anything is proposed, and no other
 * node does. So one that changes anything forks the cluster; one that is async refuses nothing, and its
 * rejection is nobody's; one that refuses too much keeps from its callers what the machine would have done.
 */
import type { StateMachine } from '../../src/consensus/index.ts';
import { type CaseSpec, codeOf, shown } from '../kit/index.ts';
import { applyTo, feed, type MachineBench, sameResults } from './bench.ts';

type MachineCase<Machine extends StateMachine> = CaseSpec<MachineBench<Machine>>;

/** What `check` did with a command. */
interface Opinion {
  readonly returned: unknown;
  readonly thrown: unknown;
}

function opinionOf(machine: StateMachine, command: Uint8Array): Opinion {
  try {
    const returned: unknown = machine.check?.(command);
    // What it rejects with is not what is wrong about it.
    if (returned instanceof Promise) returned.catch(() => undefined);
    return { returned, thrown: undefined };
  } catch (error) {
    return { returned: undefined, thrown: error ?? 'nothing' };
  }
}

function refuses(machine: StateMachine, command: Uint8Array): boolean {
  return opinionOf(machine, command).thrown !== undefined;
}

export function checkCases<Machine extends StateMachine>(
  skip: string | undefined,
  garbageSkip: string | undefined,
): MachineCase<Machine>[] {
  return [
    {
      id: 'check/at-once',
      title:
        '`check` has answered when it returns: it throws what is wrong, with a code, or nothing',
      skip,
      body: async (checks, bench) => {
        const machine = await bench.machine();
        await bench.rounds(async (dice) => {
          for (const { at, commands } of bench.entries(dice)) {
            for (const command of [...commands, ...bench.garbages(dice, 1)]) {
              const { returned, thrown } = opinionOf(machine, command);
              const clause = '`check` throws at once or not at all, and returns nothing';
              const is = returned instanceof Promise ? 'a promise' : shown(returned);
              checks.holds(clause, returned === undefined, 'undefined', is);
              const hasCode = thrown === undefined || codeOf(thrown) !== undefined;
              checks.holds('what it throws has a code', hasCode, 'a ClusterError', thrown);
            }
            feed(machine, [{ at, commands }]);
          }
        });
      },
    },
    {
      id: 'check/harmless',
      title: 'a machine that was asked about commands is the one that was not',
      skip,
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const entries = bench.entries(dice);
          const [plain, asked] = [await bench.machine(), await bench.machine()];
          const expected = feed(plain, entries);
          const found = entries.flatMap((entry) => {
            for (const command of entry.commands) opinionOf(asked, command);
            for (const garbage of bench.garbages(dice, 1)) opinionOf(asked, garbage);
            return feed(asked, [entry]);
          });
          // Not in the bytes either: it was asked about those that are applied next.
          const clause = '`check` changes nothing';
          sameResults(checks, clause, found, expected, entries);
          checks.equal(clause, await bench.stateOf(asked), await bench.stateOf(plain));
        });
      },
    },
    {
      id: 'check/commands-pass',
      title: '`check` refuses nothing that `applyBatch` would have done',
      skip,
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const machine = await bench.machine();
          for (const { at, commands } of bench.entries(dice)) {
            for (const command of commands) {
              const isRefused = refuses(machine, command);
              const code = applyTo(machine, [command], at)[0]?.code ?? 0;
              const clause = `what is refused is rejected by \`applyBatch\` (${shown(command)})`;
              checks.holds(clause, !isRefused || code > 0, 'a code above 0', code);
            }
          }
        });
      },
    },
    {
      id: 'check/garbage-refused',
      title: '`check` lets nothing pass that `applyBatch` rejects for being no command',
      skip: skip ?? garbageSkip,
      body: async (checks, bench) => {
        const machine = await bench.machine();
        await bench.rounds(async (dice) => {
          for (const garbage of bench.garbages(dice, 100)) {
            const isRefused = refuses(machine, garbage);
            const code = applyTo(machine, [garbage], { index: 10, term: 2 })[0]?.code ?? 0;
            const clause = `what \`applyBatch\` rejects as no command is refused (${shown(garbage)})`;
            checks.holds(clause, isRefused || code === 0, '`check` throws', 'it lets it pass');
          }
        });
      },
    },
  ];
}
