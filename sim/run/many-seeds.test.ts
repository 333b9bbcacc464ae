/**
 * Goal: no seed is lost, whatever it does to its thread, and the others are run all the same. Method: programs
 * in the place of the simulator that hang, throw, or end at certain seeds.
 */
import { describe, expect, it } from 'vitest';
import { type ManySeedsOptions, runSeeds } from './many-seeds.ts';
import { replayCommand, type SeedSummary } from './report.ts';
import type { RunResult } from './run-plan.ts';
import { runSeed } from './run-seed.ts';

/** Answers every seed but those at which it does something else. */
function program(atSeed: string): URL {
  const text = `
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ seed, mode }) => {
      ${atSeed}
      parentPort.postMessage({ seed, mode, hash: 'h' + seed });
    });`;
  return new URL(`data:text/javascript,${encodeURIComponent(text)}`);
}

async function told(options: Partial<ManySeedsOptions>): Promise<Map<number, SeedSummary>> {
  const summaries = new Map<number, SeedSummary>();
  await runSeeds({
    mode: 'calm',
    workload: 'kv',
    seeds: [1, 2, 3, 4, 5],
    threads: 1,
    onSeed: (summary) => {
      expect(summaries.has(summary.seed)).toBe(false);
      summaries.set(summary.seed, summary);
      return true;
    },
    ...options,
  });
  return summaries;
}

describe('a seed that takes its thread along', () => {
  it('hangs: it is given up, named, and the rest goes on', async () => {
    const summaries = await told({
      program: program('while (seed === 3);'),
      answerWithinMs: 4_000,
    });
    expect([...summaries.keys()]).toEqual([1, 2, 3, 4, 5]);
    const lost = summaries.get(3) as SeedSummary;
    expect(lost).toMatchObject({ seed: 3, mode: 'calm', workload: 'kv', hash: '' });
    expect(lost.violation).toEqual({
      checker: 'the run ends',
      message: 'no verdict within 4 s of real time: it hangs',
      atMs: 0,
    });
    expect(replayCommand(lost, 'sim')).toMatch(
      /^sim --seeds 3\.\.3 --mode calm --workload kv --no/,
    );
    for (const seed of [1, 2, 4, 5]) expect(summaries.get(seed)?.violation).toBeUndefined();
  });

  it('throws where nobody looks', async () => {
    const summaries = await told({
      program: program("if (seed === 2) throw new Error('beside it');"),
      threads: 2,
    });
    expect([...summaries.keys()].sort()).toEqual([1, 2, 3, 4, 5]);
    expect(summaries.get(2)?.violation).toMatchObject({
      checker: 'the run itself',
      message: expect.stringContaining('Error: beside it'),
    });
  });

  it('ends its thread, the very last', async () => {
    const summaries = await told({ program: program('if (seed === 5) process.exit(0);') });
    expect([...summaries.keys()]).toEqual([1, 2, 3, 4, 5]);
    expect(summaries.get(5)?.violation).toMatchObject({
      checker: 'the run ends',
      message: 'it ended its thread (exit code 0)',
    });
  });

  it('is the last one when nobody wants more', async () => {
    const seen: number[] = [];
    await told({
      program: program("if (seed === 2) throw new Error('beside it');"),
      onSeed: ({ seed, violation }) => seen.push(seed) > 0 && violation === undefined,
    });
    expect(seen).toEqual([1, 2]);
  });
});

it('ends at once when it is told to, and does not tell the seeds that run', async () => {
  const stop = new AbortController();
  const seen: number[] = [];
  const hangsAt3 = program('while (seed >= 3);');
  await told({
    program: hangsAt3,
    signal: stop.signal,
    onSeed: ({ seed }) => {
      seen.push(seed);
      // The next one has begun by then.
      if (seed === 2) setImmediate(() => stop.abort());
      return true;
    },
  });
  expect(seen).toEqual([1, 2]);
  await told({ program: hangsAt3, signal: stop.signal, onSeed: () => expect.fail('it began one') });
});

it('what the caller throws ends the work', async () => {
  const work = told({
    program: program(''),
    onSeed: () => {
      throw new RangeError('enough');
    },
  });
  await expect(work).rejects.toThrow('enough');
});

describe('one seed', () => {
  const TASK = { seed: 7, mode: 'calm', workload: 'kv', nodes: 3 };

  it('what its run throws is its violation', async () => {
    const summary = await runSeed(TASK, (): Promise<RunResult> => {
      throw new TypeError('not founded');
    });
    expect(summary).toMatchObject({ ...TASK, hash: '' });
    expect(summary.violation?.checker).toBe('the run itself');
    expect(summary.violation?.message).toMatch(/^TypeError: not founded\n +at /);
  });

  it('that can not even be planned is named, too', async () => {
    const summary = await runSeed({ seed: 8, mode: 'nowhere' });
    expect(summary).toMatchObject({ seed: 8, mode: 'nowhere', nodes: undefined });
    expect(summary.violation?.message).toContain('mode "nowhere" is none of');
    expect(replayCommand(summary, 'sim')).toBe('sim --seeds 8..8 --mode nowhere --trace');
  });
});
