/**
 * Applying: same commands, same order, same results and same state, on every node, whatever the clock says
 * and however the commands are handed over. A machine that breaks this forks the cluster, silently at first.
 */
import type { CommandResult, StateMachine } from '../../src/consensus/index.ts';
import { type CaseSpec, conformanceDice, shown } from '../kit/index.ts';
import { applyTo, copyOf, feed, type MachineBench, sameResults } from './bench.ts';
import { underOtherSkies } from './other-skies.ts';

type MachineCase<Machine extends StateMachine> = CaseSpec<MachineBench<Machine>>;

export function applyCases<Machine extends StateMachine>(
  garbageSkip: string | undefined,
): MachineCase<Machine>[] {
  return [
    {
      id: 'deterministic',
      title: 'two machines that apply the same commands answer the same and hold the same',
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const entries = bench.entries(dice);
          const [one, other] = [await bench.machine(), await bench.machine()];
          const expected = feed(one, entries);
          const found = underOtherSkies(() => feed(other, entries));
          const clause = 'results follow from the commands alone, not from clock or randomness';
          sameResults(checks, clause, found, expected, entries);
          const states = [await bench.stateOf(other), await bench.stateOf(one)];
          checks.equal('so does the state', states[0], states[1]);
        });
      },
    },
    {
      id: 'batch-split',
      title: 'it does not matter how many commands are handed over at once',
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const entries = bench.entries(dice);
          const [whole, single, mixed] = [
            await bench.machine(),
            await bench.machine(),
            await bench.machine(),
          ];
          const expected = feed(whole, entries);
          const singles = entries.flatMap(({ at, commands }) => {
            return commands.map((command) => ({ at, commands: [command] }));
          });
          const halves = entries.flatMap(({ at, commands }) => {
            const cut = dice.below(commands.length + 1);
            const parts = [commands.slice(0, cut), commands.slice(cut)];
            return parts.filter((part) => part.length > 0).map((part) => ({ at, commands: part }));
          });
          const clause = "a command's result does not depend on its batch";
          sameResults(checks, `${clause}, one at a time`, feed(single, singles), expected, entries);
          sameResults(checks, `${clause}, in two parts`, feed(mixed, halves), expected, entries);
          const state = await bench.stateOf(whole);
          checks.equal('nor does the state', await bench.stateOf(single), state);
          checks.equal('nor does the state', await bench.stateOf(mixed), state);
        });
      },
    },
    {
      id: 'results',
      title: 'each command gets one result, a code and bytes, which do not change any more',
      body: async (checks, bench) => {
        const machine = await bench.machine();
        const kept: { readonly result: CommandResult; readonly copy: CommandResult }[] = [];
        await bench.rounds(async (dice) => {
          for (const { at, commands } of bench.entries(dice)) {
            const results = applyTo(machine, commands, at);
            checks.equal('there is one result for each command', results.length, commands.length);
            for (const result of results) {
              const isCode =
                Number.isInteger(result.code) && result.code >= 0 && result.code < 60_000;
              const clause =
                "a code is a whole number from 0 on, below the 60,000 of the node's own";
              checks.holds(clause, isCode, '0 to 59,999', result.code);
              const areBytes = result.bytes instanceof Uint8Array;
              checks.holds('the rest of a result is bytes', areBytes, 'a Uint8Array', result.bytes);
              kept.push({ result, copy: copyOf(result) });
            }
          }
        });
        for (const { result, copy } of kept) {
          checks.equal('a result stays what it was', copyOf(result), copy);
        }
        const none = checks.returns('no commands are no error', () => {
          return applyTo(machine, [], { index: 1_000_000, term: 1_000 });
        });
        checks.equal('no commands, no results', none.length, 0);
      },
    },
    {
      id: 'input-unchanged',
      title: 'the bytes of a command are never changed',
      body: async (checks, bench) => {
        const machine = await bench.machine();
        await bench.rounds(async (dice) => {
          const entries = bench.entries(dice);
          const before = entries.map(({ commands }) => commands.map((one) => Uint8Array.from(one)));
          const lists = entries.map(({ commands }) => [...commands]);
          for (const [i, { at }] of entries.entries()) applyTo(machine, lists[i] ?? [], at);
          await bench.stateOf(machine);
          for (const [i, { commands }] of entries.entries()) {
            const clause = 'command bytes may be kept, not changed';
            for (const [k, command] of commands.entries()) {
              checks.equal(clause, command, before[i]?.[k]);
            }
            const isSame = lists[i]?.every((command, k) => command === commands[k]) === true;
            checks.holds('nor is the list of them', isSame, 'the same list', 'another order');
          }
        });
      },
    },
    {
      id: 'garbage-rejected',
      title: 'bytes that are no command are rejected as a result, and change nothing',
      skip: garbageSkip,
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const entries = bench.entries(dice);
          const [plain, pelted] = [await bench.machine(), await bench.machine()];
          const expected = feed(plain, entries);
          const garbageDice = conformanceDice(bench.seed + dice.below(1_000_000));
          const found: CommandResult[] = [];
          for (const { at, commands } of entries) {
            const garbage = bench.garbage(garbageDice);
            const clause = `bytes that are no command (${shown(garbage)})`;
            const [result] = checks.returns(`${clause} do not make it throw`, () => {
              return applyTo(pelted, [garbage], at);
            });
            const code = result?.code ?? 0;
            checks.holds(`${clause} are rejected`, code > 0, 'a code above 0', code);
            found.push(...feed(pelted, [{ at, commands }]));
          }
          sameResults(checks, 'a rejection changes nothing', found, expected, entries);
          const states = [await bench.stateOf(pelted), await bench.stateOf(plain)];
          checks.equal('a rejection changes nothing', states[0], states[1]);
        });
      },
    },
  ];
}
