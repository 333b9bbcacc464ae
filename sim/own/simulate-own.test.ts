/**
 * Goal: `simulate` finds the mistakes that state machines have, says them so that their author understands, and
 * finds nothing where there is nothing. Method: one machine that is right, and the same with one mistake each,
 * in short runs.
 */
import assert from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../../src/consensus/index.ts';
import { encodeCommand, KvMachine } from '../../src/state/index.ts';
import { SIMULATION_MODES, simulate } from '../index.ts';
import {
  ClockTickets,
  ForgetfulTickets,
  SHORT,
  ShuffledTickets,
  simulationOf,
  ThrowingTickets,
  Tickets,
} from './tickets.fixture.ts';

describe('a machine that is right', () => {
  it('passes, and the same seeds take the same way', async () => {
    const lines: string[] = [];
    const options = { ...SHORT, seeds: 2, mode: 'any', onLine: (line: string) => lines.push(line) };
    const simulation = simulationOf(() => new Tickets());
    const report = await simulate(simulation, options);
    expect(report.violations).toEqual([]);
    expect(report.isOk).toBe(true);
    expect(report.runs.map(({ seed }) => seed)).toEqual([1, 2]);
    expect(report.simulatedMs).toBeGreaterThan(2 * 20_000);
    const { ok, failed, unknown } = report.operations;
    expect(ok + failed + unknown).toBeGreaterThanOrEqual(300);
    expect(Object.keys(report.faults).length).toBeGreaterThan(2);
    expect(lines[0]).toBe('seeds 1..2, mode any, 3 nodes');
    expect(lines.at(-1)).toBe('no violation');
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    const again = await simulate(simulation, { ...options, seeds: 1 });
    expect(again.runs[0]).toEqual(report.runs[0]);
  });

  it('may be a whole machine, alone, and with a configuration', async () => {
    const report = await simulate(
      {
        machine: () => new KvMachine(),
        command: (random) => {
          const key = Buffer.from(`k${random.below(3)}`);
          return encodeCommand({ kind: 'put', key, value: random.bytes(random.between(0, 100)) });
        },
        config: { electionTicks: 12, maxInflightBytes: 1_048_576, snapshotIntervalEntries: 20 },
        nodes: 1,
      },
      { ...SHORT, durationMs: 10_000, operations: 40 },
    );
    expect(report.violations).toEqual([]);
    expect(report.operations.ok).toBeGreaterThan(20);
  });

  it('is looked at by its own check, on every node', async () => {
    const seen: number[][] = [];
    const check = (machines: readonly Tickets[]): void => {
      seen.push(machines.map(({ last }) => last));
    };
    const simulation = simulationOf(() => new Tickets(), { check });
    const report = await simulate(simulation, { ...SHORT, mode: 'calm', durationMs: 10_000 });
    expect(report.isOk).toBe(true);
    expect(seen).toHaveLength(1);
    const [lasts = []] = seen;
    expect(lasts.length).toBeGreaterThanOrEqual(3);
    expect(new Set(lasts).size).toBe(1);
    expect(lasts[0]).toBeGreaterThan(10);
  });
});

describe('a mistake is found and told', () => {
  async function firstOf(
    simulation: Parameters<typeof simulate<Tickets>>[0],
    options: Parameters<typeof simulate>[1] = {},
  ) {
    const report = await simulate(simulation, { ...SHORT, ...options });
    expect(report.isOk).toBe(false);
    const [violation] = report.violations;
    if (violation === undefined) throw new Error('no violation');
    return violation;
  }

  it('a look at the clock, with its name', async () => {
    const violation = await firstOf(simulationOf(() => new ClockTickets()));
    expect(violation).toMatchObject({ about: 'machine', checker: 'same results on every node' });
    expect(violation.message).toMatch(
      /^n\d( \(start \d+\))? and n\d( \(start \d+\))? applied entry \d+ and gave different/,
    );
    expect(violation.message).toMatch(
      /the machine looked at Date in apply of entry \d+ \(the command .*\): it differs from/,
    );
  });

  it('a snapshot that forgets, made as small as may be', async () => {
    const lines: string[] = [];
    const violation = await firstOf(
      simulationOf(() => new ForgetfulTickets()),
      {
        seeds: 3,
        stopAtFirst: true,
        shrink: true,
        replayCommand: 'quorate sim tickets.mjs',
        onLine: (line) => lines.push(line),
      },
    );
    expect(violation.checker).toBe('same results on every node');
    expect(violation.message).toContain('from the snapshot at');
    expect(violation.message).toContain('snapshot() leaves out something');
    const { shrunk, seed } = violation;
    assert(shrunk !== undefined);
    expect(shrunk.rounds).toHaveLength(1);
    expect(shrunk.rounds.flatMap(({ faults }) => faults).length).toBeLessThan(4);
    expect(shrunk.commands.length).toBeLessThan(100);
    expect(shrunk.trace.at(-1)).toContain('!!!! same results on every node');
    const text = lines.join('\n');
    expect(text).toContain(
      `again: quorate sim tickets.mjs --seeds ${seed}..${seed} --mode crashing`,
    );
    expect(text).toMatch(/what it needs: 3 nodes, 1 round, \d faults?, \d+ commands \(found in/);
    expect(text).toMatch(/ms client \d: "draw"/);
    expect(lines.at(-1)).toBe('1 seed with a violation');
  });

  it('a state that differs and shows in no result', async () => {
    const violation = await firstOf(
      simulationOf(() => new ShuffledTickets()),
      { seeds: 3 },
    );
    expect(violation).toMatchObject({ about: 'machine', checker: 'same state on every node' });
    expect(violation.message).toMatch(/snapshots differ at byte \d+ of section app\.state: "/);
  });

  it('the same, by what observe shows', async () => {
    const observe = ({ waiting }: Tickets): unknown => waiting;
    const simulation = simulationOf(() => new ShuffledTickets(), { observe });
    const violation = await firstOf(simulation, { seeds: 3 });
    expect(violation.message).toMatch(
      /observe\(\) does not show the same: (at \[\d+\]: \S+ and \S+|\[.*\] and \[.*\])\n/,
    );
  });

  it('a machine that throws: where, and at which command', async () => {
    const violation = await firstOf(
      simulationOf(() => new ThrowingTickets()),
      { mode: 'calm' },
    );
    expect(violation.checker).toBe('a machine that takes every command');
    expect(violation.message).toMatch(
      /the state machine of n\d( \(start \d+\))? ended its node: it threw in apply of entry \d+/,
    );
    expect(violation.message).toContain('RangeError: the room is full');
    expect(violation.message).toContain('tickets.fixture.ts');
  });

  it('a machine that writes into its commands', async () => {
    const simulation = simulationOf(() => {
      const tickets = new Tickets();
      tickets.apply = (command) => {
        command[0] = 1;
        return Buffer.from('1');
      };
      return tickets;
    });
    const violation = await firstOf(simulation, { mode: 'calm' });
    expect(violation).toMatchObject({
      about: 'machine',
      checker: 'a machine that takes every command',
      message: expect.stringMatching(
        /apply changed the bytes of command \d+ \(.*\); they belong to the log: copy them/,
      ),
    });
  });

  it('an apply that answers a promise', async () => {
    const simulation = simulationOf(() => {
      const tickets = new Tickets();
      tickets.apply = (async () => Buffer.from('1')) as unknown as () => CommandResult;
      return tickets;
    });
    const violation = await firstOf(simulation, { mode: 'calm' });
    expect(violation.checker).toBe('a machine that takes every command');
    expect(violation.message).toMatch(/apply returned a promise for the command "/);
    expect(violation.message).toContain('a Uint8Array (a Buffer is one)');
    expect(violation.message).not.toContain('applyBatch');
  });

  it('whatever the own check throws', async () => {
    const check = ([first]: readonly Tickets[]): void => {
      assert.equal(first?.last, 0, 'nobody may draw');
    };
    const simulation = simulationOf(() => new Tickets(), { check });
    const violation = await firstOf(simulation, { mode: 'calm', durationMs: 10_000 });
    expect(violation).toMatchObject({ about: 'machine', checker: 'your own check' });
    expect(violation.message).toContain('nobody may draw');
  });

  it('a run in which no command was answered', async () => {
    const large = Buffer.alloc(2 ** 23);
    const simulation = simulationOf(() => {
      const tickets = new Tickets();
      tickets.apply = () => large;
      return tickets;
    });
    const options = { mode: 'calm', durationMs: 10_000, operations: 30 };
    const violation = await firstOf(simulation, options);
    expect(violation).toMatchObject({ about: 'machine', checker: 'something was tried' });
    expect(violation.message).toMatch(/^nothing was tried: none of \d+ commands was answered \(/);
    expect(violation.message).toMatch(/ended with: .*8388608 bytes.*\[RESULT_TOO_LARGE\]$/);
  });

  it.each<[string, () => Promise<never>, RegExp]>([
    ['with a stack', () => Promise.reject(new Error('late')), /nobody waits for it: Error: late\n/],
    ['without one', () => Promise.reject('late'), /nobody waits for it: late\n/],
  ])('a promise that fails behind its back, %s', async (_, fail, what) => {
    const simulation = simulationOf(() => {
      const tickets = new Tickets();
      tickets.apply = () => {
        void fail();
        return Buffer.from('1');
      };
      return tickets;
    });
    const violation = await firstOf(simulation, { mode: 'calm' });
    expect(violation.about).toBe('machine');
    expect(violation.message).toMatch(
      /^a promise that was made in apply of entry \d+ \(the command/,
    );
    expect(violation.message).toMatch(what);
    expect(violation.message).not.toContain('run-plan');
    expect(violation.message).not.toContain('watched-machine');
  });

  it('an observe that throws, and one that shows nothing', async () => {
    const short = { mode: 'calm', durationMs: 10_000, operations: 30 };
    const throwing = ({ last }: Tickets): number => {
      if (last > 0) throw new TypeError('no such field');
      return last;
    };
    const thrown = await firstOf(
      simulationOf(() => new Tickets(), { observe: throwing }),
      short,
    );
    expect(thrown).toMatchObject({ about: 'machine', checker: 'your own observe' });
    expect(thrown.message).toMatch(
      /^observe threw for n1.*: TypeError: no such field\n +at .*own\.test/,
    );
    expect(thrown.message).not.toContain('at-rest');
    const observe = ({ last }: Tickets): unknown => (last === 0 ? null : undefined);
    const empty = await firstOf(
      simulationOf(() => new Tickets(), { observe }),
      short,
    );
    expect(empty.message).toMatch(/^observe\(machine\) gave undefined, which compares nothing/);
  });

  it('chance that shows in the state alone, with its name', async () => {
    const simulation = simulationOf(() => {
      const tickets = new Tickets();
      tickets.apply = () => {
        tickets.last += Math.random();
        return Buffer.from('1');
      };
      return tickets;
    });
    const short = { mode: 'calm', durationMs: 10_000, operations: 30 };
    const violation = await firstOf(simulation, short);
    expect(violation.checker).toBe('same state on every node');
    expect(violation.message).toMatch(
      /the machine looked at Math\.random in apply of entry \d+ \(/,
    );
  });

  it('an own check that answers false', async () => {
    const check = (() => false) as unknown as () => void;
    const simulation = simulationOf(() => new Tickets(), { check });
    const violation = await firstOf(simulation, { mode: 'calm', durationMs: 10_000 });
    expect(violation.message).toBe('check returned false: throw what is wrong');
  });
});

it('says when it is interrupted, with what is known', async () => {
  const stop = new AbortController();
  const lines: string[] = [];
  const applied: string[] = [];
  const work = simulate(
    simulationOf(() => new Tickets()),
    {
      ...SHORT,
      seeds: 5,
      mode: 'calm',
      durationMs: 10_000,
      onLine: (line) => lines.push(line),
      onTrace: (line) => {
        if (/ n\d {3}applied \d+: "(draw|call)"$/.test(line)) applied.push(line);
        stop.abort();
      },
      signal: stop.signal,
    },
  );
  await expect(work).rejects.toMatchObject({
    message: 'interrupted after 1 seed: 0 violations so far',
    details: { report: { isOk: false, runs: [{ seed: 1 }], violations: [] } },
  });
  expect(lines).toContain('interrupted after 1 seed: 0 violations so far');
  expect(lines.join('\n')).toMatch(/^1 seed, \d+ simulated seconds in/m);
  expect(applied.length).toBeGreaterThan(100);
});

it('ends between two seeds when it is asked to', async () => {
  const stop = new AbortController();
  stop.abort();
  const work = simulate(
    simulationOf(() => new Tickets()),
    { ...SHORT, signal: stop.signal },
  );
  await expect(work).rejects.toMatchObject({ code: 'ABORTED' });
});

it('names the modes that there are', () => {
  expect(SIMULATION_MODES).toContain('all');
  expect(SIMULATION_MODES).toContain('calm');
});
