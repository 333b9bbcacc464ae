/**
 * One short life of a storage, and every operation of it fails once, with EIO; writes also with ENOSPC:
 * NASTY 39. Whoever waited gets an error with a code and a path. If it was the log or a fact, the storage is
 * finished: nothing is acknowledged any more, nothing is written any more. What the next process finds,
 * after a crash or without one, is the acknowledged prefix.
 */
import { expect, it } from 'vitest';
import { judgeFolder, StorageLife } from '../../sim/rigs/storage-life.ts';
import {
  describeLog,
  dice,
  entries,
  entry,
  hardState,
  MemoryDisk,
  open,
} from '../../sim/rigs/storage-rig.ts';
import { ClusterError } from '../errors.ts';
import type { DiskFault } from '../world/index.ts';

const KINDS = [
  ...(['read', 'write', 'sync', 'truncate', 'open', 'rename', 'remove'] as const),
  ...(['syncDirectory', 'look'] as const),
];
const OPTIONS = { tuning: { segmentBytes: 2048, cacheBytes: 256 } };

const STEPS: readonly ((life: StorageLife) => Promise<unknown> | undefined)[] = [
  (life) => append(life, () => life.append(entries(1, 2), hardState(1, 1, 0))),
  (life) => append(life, () => life.append(entries(3, 6), hardState(1, 1, 3))),
  (life) => append(life, () => life.append([], hardState(2, 3, 3))),
  (life) => append(life, () => life.append(entries(5, 5, 3), hardState(3, 3, 3))),
  (life) => append(life, () => life.fact()),
  (life) => append(life, () => life.append([large(6)], hardState(3, 3, 5))),
  (life) => append(life, () => life.append([large(7)], hardState(3, 3, 6))),
  (life) => life.save(6),
  (life) => describeLog(life.storage),
  (life) => append(life, () => life.compact(5)),
  (life) => append(life, () => life.append(entries(8, 9, 3), hardState(3, 3, 6))),
  (life) => life.install(20, 4),
  (life) => life.settled(),
  (life) => append(life, () => life.append(entries(21, 22, 4), hardState(4, 2, 21))),
  (life) => append(life, () => life.fact()),
];

function append(life: StorageLife, step: () => void): Promise<void> {
  step();
  return life.settled();
}

function large(index: number): ReturnType<typeof entry> {
  return entry(index, 3, String(index).repeat(900));
}

interface Outcome {
  readonly hit: boolean;
  readonly finished: boolean;
}

/** The `nth` operation of a kind fails. */
async function failOnce(
  kind: (typeof KINDS)[number],
  fault: DiskFault,
  nth: number,
): Promise<Outcome> {
  const disk = new MemoryDisk();
  const life = new StorageLife(await open(disk, OPTIONS));
  const before = disk.counters[kind];
  disk.failOn(kind, fault, { nth });
  let after: StorageLife['promised'] | undefined;
  let mutations = 0;
  for (const step of STEPS) {
    const wasFinished = life.storage.failure !== undefined;
    const error = await Promise.resolve(step(life)).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    if (error !== undefined) checkError(error, wasFinished ? undefined : fault);
    if (wasFinished && isFault(error)) expect(error).toBe(life.storage.failure);
    if (life.storage.failure === undefined || after !== undefined) continue;
    // What is under way in the background, such as filling the next segment, comes to its end.
    await new Promise((resolve) => setImmediate(resolve));
    after = life.promised;
    mutations = disk.counters.write + disk.counters.sync;
  }
  await life.storage.close().catch((error: unknown) => checkError(error, fault));
  if (after !== undefined) {
    expect(life.promised.acknowledged, 'acknowledged after the failure').toBe(after.acknowledged);
    expect(life.promised.factsAcknowledged).toBe(after.factsAcknowledged);
    expect(disk.counters.write + disk.counters.sync, 'written after it').toBe(mutations);
  }
  for (const seed of [1, 2, 3]) {
    await judgeFolder(disk.picture().crash(dice(seed)), life, life.promised, { ...OPTIONS, seed });
  }
  await judgeFolder(disk.kill(), life, life.promised, { ...OPTIONS, seed: 4 });
  return { hit: disk.counters[kind] - before >= nth, finished: after !== undefined };
}

function isFault(error: unknown): boolean {
  return error instanceof ClusterError && error.code.startsWith('DISK_');
}

/** A code that says what kind of fault it was, and the path. `fault`: not of this step. */
function checkError(error: unknown, fault: DiskFault | undefined): void {
  if (!(error instanceof ClusterError)) throw error;
  // Steps that build on one that failed are refused for that.
  if (['SNAPSHOT_OUT_OF_DATE', 'LOG_COMPACTED', 'LOG_OUT_OF_ORDER'].includes(error.code)) return;
  if (error.code === 'LOG_UNAVAILABLE' || error.code === 'INVARIANT') return;
  expect(['DISK_FAILED', 'DISK_FULL']).toContain(error.code);
  if (fault !== undefined) expect(error.code).toBe(fault === 'full' ? 'DISK_FULL' : 'DISK_FAILED');
  expect(error.message).toContain('/data/node-1/');
}

it.each([
  ['EIO', 'failed', KINDS],
  ['ENOSPC', 'full', ['write', 'open', 'sync', 'truncate'] as const],
] as const)('NASTY 39 %s at every operation', async (name, fault, kinds) => {
  let tried = 0;
  let finished = 0;
  for (const kind of kinds) {
    for (let nth = 1; ; nth++) {
      const outcome = await failOnce(kind, fault, nth).catch((cause: unknown) => {
        throw new Error(`${kind} no. ${nth}: ${String(cause)}`, { cause });
      });
      if (!outcome.hit) break;
      tried++;
      if (outcome.finished) finished++;
    }
  }
  process.stdout.write(
    `${name} at every operation: ${tried} faults; ${finished} ended the storage; all acknowledged is there\n`,
  );
  expect(tried).toBeGreaterThan(30);
  expect(finished).toBeGreaterThan(10);
});
