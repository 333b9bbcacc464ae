/**
 * A short run of each target, and the fuzzer itself: it must find what is planted, of each kind, or its
 * silence says nothing.
 */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { open } from '../sim/rigs/storage-rig.ts';
import type { MemoryDisk } from '../sim/world/memory-disk.ts';
import { ClusterError } from '../src/errors.ts';
import type { DiskStorage } from '../src/storage/index.ts';
import { attemptAdmitted, attemptTransfer, frameScript, transferScript } from './admitted.ts';
import { attemptInputs, attemptOne, inputOf } from './attempts.ts';
import { codecSubject, codecTarget } from './codec.ts';
import { FuzzDice } from './dice.ts';
import type { Format } from './format.ts';
import { FORMATS } from './formats.ts';
import { mutate } from './mutate.ts';
import { storageSubject, storageTarget } from './storage.ts';
import { FindingKind, type FuzzSubject } from './target.ts';
import { TARGETS, targetOf } from './targets.ts';
import { transportTarget } from './transport.ts';
import { watch } from './watch.ts';

const SEED = 20_260;

/** Tries one byte, always the same. */
function subjectOf(attempt: FuzzSubject['attempt']): FuzzSubject {
  return { generate: () => Uint8Array.of(7), attempt };
}

describe('a short run', () => {
  it.each([
    [codecTarget, 3_000],
    [storageTarget, 300],
    [transportTarget, 300],
  ])('of $name finds nothing', async (target, count) => {
    const report = await attemptInputs(await target.prepare(), { seed: SEED, count });
    expect(report.finding?.text).toBeUndefined();
    expect(report).toMatchObject({ inputs: count, finding: undefined });
  });

  it('is the same for the same seed, and another one for another', async () => {
    for (const target of TARGETS) {
      const [one, two] = [await target.prepare(), await target.prepare()];
      for (let input = 0; input < 20; input++) {
        expect(inputOf(one, SEED, input)).toEqual(inputOf(two, SEED, input));
      }
      const others = Array.from({ length: 20 }, (_, input) => inputOf(one, SEED + 1, input));
      expect(others).not.toEqual(others.map((_, input) => inputOf(one, SEED, input)));
    }
  });

  it('mutates each format into something else, mostly', () => {
    for (const format of FORMATS) {
      const dice = new FuzzDice(SEED, 0);
      const inputs = Array.from({ length: 50 }, () => format.make(dice));
      const same = inputs.filter(
        (bytes) => Buffer.compare(mutate(bytes, dice, bytes), bytes) === 0,
      );
      expect(same.length, format.name).toBeLessThan(25);
    }
  });

  it('gets behind the handshake: transfers are finished, broken off, and never begun', async () => {
    const ends = new Map<string | undefined, number>();
    for (let input = 0; input < 60; input++) {
      const end = await attemptTransfer(transferScript(new FuzzDice(SEED, input)));
      ends.set(end, (ends.get(end) ?? 0) + 1);
      // Throws when the stranger is not let in.
      await attemptAdmitted(frameScript(new FuzzDice(SEED, input)));
    }
    for (const end of ['finish', 'abort', undefined]) expect(ends.get(end)).toBeGreaterThan(5);
  });

  it('of a target that does not exist is refused by name', () => {
    expect(() => targetOf('disk')).toThrow(/there are: codec, storage, transport/);
  });
});

describe('a planted bug', () => {
  /** Our own format of that name, read by something worse. */
  const worse = (name: string, decode: (bytes: Uint8Array, format: Format) => unknown): Format[] =>
    FORMATS.filter((format) => format.name === name).map((format) => ({
      ...format,
      decode: (bytes) => decode(bytes, format),
    }));

  it.each([
    [
      'another error than a refusal',
      worse('entry', (bytes, format) => {
        if (bytes.length > 0 && bytes[0] === 0x10 && bytes[1] === 0x80) throw new TypeError('oops');
        return format.decode(bytes);
      }),
      /another error than a refusal/,
    ],
    [
      'a value that is read as another one the second time',
      worse('hard state', (bytes, format) => {
        const state = format.decode(bytes) as { term: number };
        return { ...state, term: state.term + 1 };
      }),
      /after it was written and read again/,
    ],
    [
      'a number that was rounded',
      worse('conf change', (bytes, format) => ({
        ...(format.decode(bytes) as object),
        id: 2 ** 53,
      })),
      /holds the number 9007199254740992/,
    ],
    [
      'input that was written to',
      worse('snapshot', (bytes, format) => {
        const value = format.decode(bytes);
        bytes.fill(0);
        return value;
      }),
      /were written to/,
    ],
  ])('in a codec is found: %s', async (_, formats, text) => {
    const report = await attemptInputs(codecSubject(formats), { seed: SEED, count: 3_000 });
    expect(report.finding?.kind).toBe(FindingKind.Crash);
    expect(report.finding?.text).toMatch(text);
  });

  it('in a storage is found: a damaged end is cut off as if it were torn', async () => {
    const repairing = async (disk: MemoryDisk): Promise<DiskStorage> => {
      try {
        return await open(disk);
      } catch (error) {
        const { path, offset } = error instanceof ClusterError ? error.details : {};
        if (typeof path !== 'string' || !path.endsWith('.wal') || typeof offset !== 'number') {
          throw error;
        }
        disk.poke(path, disk.peek(path).fill(0, offset));
        return open(disk.clone());
      }
    };
    const report = await attemptInputs(await storageSubject(repairing), { seed: SEED, count: 500 });
    expect(report.finding?.text).toMatch(/something acknowledged is gone/);
  });

  it('is found again from its input alone', async () => {
    const subject = codecSubject(
      worse('entry', (bytes) => {
        if (bytes.length > 30) throw new RangeError('too long');
        return undefined;
      }).map((format) => ({ ...format, encode: () => undefined })),
    );
    const { finding } = await attemptInputs(subject, { seed: SEED, count: 1_000 });
    const input = inputOf(subject, SEED, finding!.input);
    expect((await attemptOne(subject, input)).finding?.kind).toBe(FindingKind.Crash);
  });

  it('that takes too much memory is found, in arrays and in objects', async () => {
    const kept: unknown[] = [];
    const bytes = subjectOf(() => {
      kept.push(new Uint8Array(200 * 2 ** 20));
    });
    const objects = subjectOf(() => {
      kept.push(Array.from({ length: 3_000_000 }, (_, index) => ({ index })));
    });
    for (const subject of [bytes, objects]) {
      const { finding } = await attemptInputs(subject, { seed: SEED, count: 3 });
      expect(finding?.kind).toBe(FindingKind.Memory);
      kept.length = 0;
    }
  });
});

describe('the watch over a thread', () => {
  function watched(code: string, inputMsMax: number): ReturnType<typeof watch> {
    const progress = new Int32Array(new SharedArrayBuffer(4)).fill(-1);
    const prelude = "const { parentPort, workerData } = require('node:worker_threads');";
    const worker = new Worker(`${prelude}${code}`, {
      eval: true,
      workerData: progress,
      resourceLimits: { maxOldGenerationSizeMb: 32 },
      // What the thread says when it runs out of memory is expected here.
      stderr: true,
    });
    return watch({ worker, progress, inputMsMax });
  }

  it('sees an input that never ends', async () => {
    const report = await watched('Atomics.store(workerData, 0, 41); for (;;) {}', 300);
    expect(report.finding).toMatchObject({ kind: FindingKind.Hang, input: 41 });
    expect(report.inputs).toBe(42);
  });

  it('sees an input that takes all memory', async () => {
    const code =
      'Atomics.store(workerData, 0, 3); const all = []; for (;;) all.push({ all: [1] });';
    const report = await watched(code, 60_000);
    expect(report.finding).toMatchObject({ kind: FindingKind.Memory, input: 3 });
  });

  it('sees what nobody caught', async () => {
    const code = "Atomics.store(workerData, 0, 9); Promise.reject(new Error('lost'));";
    const report = await watched(code, 60_000);
    expect(report.finding).toMatchObject({ kind: FindingKind.Crash, input: 9 });
    expect(report.finding?.text).toContain('lost');
  });

  it('hands on what the thread reports', async () => {
    const told = { inputs: 5, slowest: { ms: 1, bytes: 3 }, peakHeapBytes: 2, finding: undefined };
    const report = await watched(`parentPort.postMessage(${JSON.stringify(told)});`, 60_000);
    expect(report).toEqual({ inputs: 5, slowest: { ms: 1, bytes: 3 }, peakHeapBytes: 2 });
  });
});
