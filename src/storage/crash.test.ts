/**
 * Power cuts at any operation. A random workload (appends, conflicts, votes, snapshots, compactions,
 * installs; several at a time) runs on a disk that dies after n changing operations; sectors, sizes and
 * names that were not synced survive at random. The folder that is found must hold the state after some
 * step that is not older than the last acknowledged one: NASTY 36, 38, S-100. Then it must work on.
 * Timers fire after some microtasks, so that what follows the log in the background (witness.ts) is
 * caught at each of its steps too: it must never know of more than what is durable.
 * Random in breadth; crash-every.test.ts tries everything for one short life.
 */
import { expect, it } from 'vitest';
import { appendOne, judgeFolder, StorageLife } from '../../sim/rigs/storage-life.ts';
import { dice, entry, FOLDER, hardState, MemoryDisk, open } from '../../sim/rigs/storage-rig.ts';
import type { Entry } from '../raft/index.ts';
import type { Clock } from '../world/index.ts';

async function live(life: StorageLife, seed: number, steps: number): Promise<void> {
  const random = dice(seed);
  for (let step = 0; step < steps; step++) {
    const kind = random.below(13);
    if (kind < 8) append(life, random);
    else if (kind < 9) vote(life, random);
    else if (kind < 10) await save(life);
    else if (kind < 11) compact(life, random);
    else if (kind < 12) await install(life, random);
    else life.fact();
    if (random.below(3) === 0) await life.settled();
  }
  await life.settled();
}

type Random = ReturnType<typeof dice>;

function append(life: StorageLife, random: Random): void {
  const now = life.now;
  // Now and then a new term replaces what is not committed.
  const isConflict = random.below(5) === 0 && now.last > now.commit;
  const term = isConflict || now.term === 0 ? now.term + 1 : now.term;
  const first = isConflict ? now.commit + 1 + random.below(now.last - now.commit) : now.last + 1;
  const count = 1 + random.below(4);
  const batch: Entry[] = [];
  for (let index = first; index < first + count; index++) {
    const size = random.below(20) === 0 ? 1500 : random.below(60);
    batch.push(entry(index, term, `${index}/${term}/`.padEnd(size, 'd')));
  }
  const commit = random.below(2) === 0 ? now.commit : first + random.below(count);
  const given = term === now.term ? now.vote : random.below(3) + 1;
  life.append(batch, hardState(term, given, commit));
}

function vote(life: StorageLife, random: Random): void {
  life.append([], hardState(life.now.term + 1, random.below(3) + 1, life.now.commit));
}

async function save(life: StorageLife): Promise<void> {
  const { commit, base } = life.now;
  if (commit <= Math.max(base, life.storage.newestSnapshot?.index ?? 0)) return;
  await life.save(commit);
}

function compact(life: StorageLife, random: Random): void {
  const newest = life.storage.newestSnapshot?.index ?? 0;
  const { base } = life.now;
  if (newest > base) life.compact(base + 1 + random.below(newest - base));
}

async function install(life: StorageLife, random: Random): Promise<void> {
  const { last, commit, term } = life.now;
  await life.install(Math.max(last, commit) + 1 + random.below(5), term + 1);
}

/** How soon a timer fires, in microtasks: a storage step takes a few. */
const TIMER_MICROTASKS_MAX = 8;

function hasty(random: Random): Clock {
  const after = (_delayMs: number, callback: () => void): { cancel(): void } => {
    let left = random.below(TIMER_MICROTASKS_MAX);
    let isCancelled = false;
    const wait = (): void => {
      if (isCancelled) return;
      if (left-- === 0) callback();
      else queueMicrotask(wait);
    };
    queueMicrotask(wait);
    return {
      cancel: () => {
        isCancelled = true;
      },
    };
  };
  return { now: () => 0, wallTime: () => 0, after, soon: () => {}, afterIo: () => {} };
}

async function crashOnce(seed: number): Promise<'died' | 'ended'> {
  const random = dice(seed);
  const disk = new MemoryDisk();
  const life = new StorageLife(await open(disk, { seed, clock: hasty(random) }));
  disk.dieAfter(random.below(200));
  const outcome = await Promise.race([
    disk.died.then(() => 'died' as const),
    live(life, seed, 40).then(() => 'ended' as const),
  ]);
  const { promised } = life;
  const how = { sectorBytes: random.below(2) === 0 ? 512 : 4096 };
  let after = random.below(4) === 0 ? disk.kill() : disk.crash(random, how);
  // Sometimes the machine goes down again while the folder is being opened.
  if (random.below(2) === 0) {
    after.dieAfter(random.below(12));
    await Promise.race([after.died, open(after, { seed: seed + 1 })]);
    after = after.crash(random);
  }
  const found = await judgeFolder(after, life, promised, { seed: seed + 2 });
  // Only files that belong there are left.
  for (const path of after.paths()) expect(path.startsWith(FOLDER)).toBe(true);
  const next = await appendOne(found);
  const again = await open(after.crash(random), { seed: seed + 3 });
  expect(again.lastIndex()).toBe(next);
  return outcome;
}

it('a power cut at any operation leaves a state that is not older than what was acknowledged', async () => {
  const outcomes = { died: 0, ended: 0 };
  for (let seed = 1; seed <= 400; seed++) {
    const outcome = await crashOnce(seed).catch((cause: unknown) => {
      throw new Error(`seed ${seed}: ${String(cause)}`, { cause });
    });
    outcomes[outcome]++;
  }
  process.stdout.write(`random lives: 400 power cuts; 400 ended in the acknowledged prefix\n`);
  // Both kinds must really happen, or the test tests nothing.
  expect(outcomes.died).toBeGreaterThan(100);
  expect(outcomes.ended).toBeGreaterThan(10);
});
