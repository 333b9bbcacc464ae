/**
 * Snapshots: the state as it was at one moment, read later and slowly while commands go on; and a machine
 * that was given one is the machine that it was taken from, whatever it held before.
 */
import type { StateMachine } from '../../src/consensus/index.ts';
import type { SnapshotSection } from '../../src/storage/index.ts';
import type { CaseSpec, Checks } from '../kit/index.ts';
import {
  type Contents,
  capture,
  contentsOf,
  feed,
  type LogEntry,
  type MachineBench,
  restoreFrom,
  sameResults,
} from './bench.ts';

type MachineCase<Machine extends StateMachine> = CaseSpec<MachineBench<Machine>>;

const SECTION_NAME = /^app\..{1,}$/;

export function snapshotCases<Machine extends StateMachine>(
  largeSkip: string | undefined,
): MachineCase<Machine>[] {
  return [
    ...captureCases<Machine>(),
    ...restoreCases<Machine>(),
    {
      id: 'snapshot/large',
      title: 'a large snapshot comes in pieces',
      skip: largeSkip,
      timeoutMs: 120_000,
      body: async (checks, bench) => {
        const { commands, chunkBytesMax } = bench.rig.large ?? { commands: 0, chunkBytesMax: 0 };
        await bench.rounds(async (dice) => {
          const machine = await bench.machine();
          feed(machine, bench.entries(dice, commands));
          let largest = 0;
          for (const { chunks } of capture(machine)) {
            for await (const chunk of chunks) largest = Math.max(largest, chunk.length);
          }
          const clause = 'no piece of a snapshot is larger than promised';
          checks.holds(clause, largest <= chunkBytesMax, `${chunkBytesMax} bytes at most`, largest);
        });
      },
    },
  ];
}

function captureCases<Machine extends StateMachine>(): MachineCase<Machine>[] {
  return [
    {
      id: 'snapshot/isolated',
      title: 'a snapshot is the state when it was captured, whatever is applied until it is read',
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const first = bench.entries(dice);
          const later = bench.entries(dice, undefined, 1_000);
          const [machine, reference] = [await bench.machine(), await bench.machine()];
          feed(machine, first);
          feed(reference, first);
          const expected = await restored(bench, await contentsOf(capture(reference)));
          const captured = capture(machine);
          feed(machine, later.slice(0, 10));
          const contents = await readWhile(captured, () => feed(machine, later.slice(10)));
          const found = await restored(bench, contents);
          const clause = 'what is applied after the capture does not show';
          checks.equal(clause, await bench.stateOf(found), await bench.stateOf(expected));
          const next = bench.entries(dice, 50, 5_000);
          sameResults(checks, clause, feed(found, next), feed(expected, next), next);
        });
      },
    },
    {
      id: 'snapshot/harmless',
      title: 'taking a snapshot, or several, changes nothing in the machine',
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const entries = bench.entries(dice);
          const [plain, captured] = [await bench.machine(), await bench.machine()];
          const expected = feed(plain, entries);
          const half = Math.floor(entries.length / 2);
          const found = feed(captured, entries.slice(0, half));
          const [one, two] = [capture(captured), capture(captured)];
          found.push(...feed(captured, entries.slice(half)));
          const [a, b] = [await contentsOf(one), await contentsOf(two)];
          const clause = 'a machine goes on as if nobody had looked';
          sameResults(checks, clause, found, expected, entries);
          const states = [await bench.stateOf(captured), await bench.stateOf(plain)];
          checks.equal(clause, states[0], states[1]);
          const twins = [await restored(bench, a), await restored(bench, b)] as const;
          const same = 'two snapshots of one moment are of one state';
          checks.equal(same, await bench.stateOf(twins[0]), await bench.stateOf(twins[1]));
        });
      },
    },
    {
      id: 'snapshot/sections',
      title: 'the sections of a snapshot have names of their own, which begin with app.',
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const machine = await bench.machine();
          feed(machine, bench.entries(dice));
          const names = capture(machine).map(({ name }) => name);
          for (const name of names) {
            checks.holds('a name begins with app.', SECTION_NAME.test(name), 'app.…', name);
          }
          checks.equal('no name comes twice', new Set(names).size, names.length);
        });
      },
    },
  ];
}

/** Reads the sections piece by piece, with something going on in between. */
async function readWhile(
  sections: readonly SnapshotSection[],
  meanwhile: () => void,
): Promise<Contents> {
  let isDone = false;
  const once = (): void => {
    if (!isDone) meanwhile();
    isDone = true;
  };
  const watched = sections.map(({ name, chunks }) => ({ name, chunks: between(chunks, once) }));
  return await contentsOf(watched);
}

async function* between(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  meanwhile: () => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    const copy = Uint8Array.from(chunk);
    meanwhile();
    yield copy;
  }
}

async function restored<Machine extends StateMachine>(
  bench: MachineBench<Machine>,
  contents: Contents,
): Promise<Machine> {
  const machine = await bench.machine();
  await restoreFrom(machine, contents, () => 4_096);
  return machine;
}

function restoreCases<Machine extends StateMachine>(): MachineCase<Machine>[] {
  const compare = async (
    checks: Checks,
    bench: MachineBench<Machine>,
    clause: string,
    machines: { readonly found: Machine; readonly expected: Machine },
    next: readonly LogEntry[],
  ): Promise<void> => {
    const { found, expected } = machines;
    const states = [await bench.stateOf(found), await bench.stateOf(expected)];
    checks.equal(`${clause}: state`, states[0], states[1]);
    sameResults(checks, `${clause}: later results`, feed(found, next), feed(expected, next), next);
    const later = [await bench.stateOf(found), await bench.stateOf(expected)];
    checks.equal(`${clause}: later state`, later[0], later[1]);
  };
  return [
    {
      id: 'restore/equal',
      title: 'a machine that was restored is the one that the snapshot was taken from',
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const original = await bench.machine();
          feed(original, bench.entries(dice));
          const contents = await contentsOf(capture(original));
          const next = bench.entries(dice, undefined, 2_000);
          const whole = await bench.machine();
          await restoreFrom(whole, contents, () => Number.MAX_SAFE_INTEGER);
          const machines = { found: whole, expected: original };
          await compare(checks, bench, 'restored from whole sections', machines, next);
        });
      },
    },
    {
      id: 'restore/any-pieces',
      title: 'it does not matter in which pieces a section arrives',
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const original = await bench.machine();
          feed(original, bench.entries(dice));
          const contents = await contentsOf(capture(original));
          const expected = await restored(bench, contents);
          for (const pieceBytes of [() => 1, () => 1 + dice.below(40)]) {
            const found = await bench.machine();
            await checks.resolves('a snapshot in small pieces can be restored', () =>
              restoreFrom(found, contents, pieceBytes),
            );
            const clause = 'restored from small pieces: state';
            checks.equal(clause, await bench.stateOf(found), await bench.stateOf(expected));
          }
        });
      },
    },
    {
      id: 'restore/replaces',
      title: 'a machine that was used before holds only what was restored',
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const original = await bench.machine();
          feed(original, bench.entries(dice));
          const contents = await contentsOf(capture(original));
          const found = await bench.machine();
          feed(found, bench.entries(dice, undefined, 3_000));
          await restoreFrom(found, contents, () => 4_096);
          const next = bench.entries(dice, undefined, 4_000);
          const machines = { found, expected: await restored(bench, contents) };
          await compare(checks, bench, 'nothing of what was there before is left', machines, next);
          const empty = await contentsOf(capture(await bench.machine()));
          await restoreFrom(found, empty, () => 4_096);
          const blank = { found, expected: await bench.machine() };
          await compare(checks, bench, 'an empty state replaces everything', blank, next);
        });
      },
    },
    {
      id: 'restore/captured-before',
      title: 'a snapshot that is being read stays what it is when the machine is restored',
      body: async (checks, bench) => {
        await bench.rounds(async (dice) => {
          const machine = await bench.machine();
          feed(machine, bench.entries(dice));
          const before = await bench.stateOf(machine);
          const captured = capture(machine);
          const empty = await contentsOf(capture(await bench.machine()));
          await restoreFrom(machine, empty, () => 4_096);
          const found = await restored(bench, await contentsOf(captured));
          checks.equal('the captured state is kept', await bench.stateOf(found), before);
        });
      },
    },
  ];
}
