/**
 * The storage on the simulated disk: random lives in simulated time, each ended by a power cut or the death
 * of the process, at a moment or at an operation, some of them on a disk that fails. What is left must be
 * a state that was asked for, and not older than what was acknowledged. (NASTY 2, 3, 36, 39)
 */
import { expect, it } from 'vitest';
import { appendOne, judgeFolder, StorageLife } from '../rigs/storage-life.ts';
import { entry, hardState, open } from '../rigs/storage-rig.ts';
import type { EventLoop } from './event-loop.ts';
import { Kernel } from './kernel.ts';
import { MemoryDisk } from './memory-disk.ts';
import { SeededRandom } from './seeded-random.ts';
import { type DiskStruck, healthyDisk, nothingStruck, SimDisk } from './sim-disk.ts';
import { Trace } from './trace.ts';

const LIFE_MS = 2_000;

async function live(life: StorageLife, random: SeededRandom): Promise<void> {
  for (let step = 0; step < 60; step++) {
    const { now } = life;
    const kind = random.below(12);
    if (kind < 7) append(life, random);
    else if (kind < 8) life.append([], hardState(now.term + 1, random.below(3) + 1, now.commit));
    else if (kind < 9) life.fact();
    else if (kind < 10) await save(life);
    else if (kind < 11) compact(life, random);
    else await life.install(Math.max(now.last, now.commit) + 1 + random.below(5), now.term + 1);
    if (random.chance(1, 3)) await life.settled();
  }
  await life.settled();
}

function append(life: StorageLife, random: SeededRandom): void {
  const { last, commit, term, vote } = life.now;
  const isConflict = random.chance(1, 5) && last > commit;
  const next = isConflict || term === 0 ? term + 1 : term;
  const first = isConflict ? commit + 1 + random.below(last - commit) : last + 1;
  const count = 1 + random.below(4);
  const batch = Array.from({ length: count }, (_, at) => {
    const size = random.chance(1, 20) ? 1_500 : random.below(60);
    return entry(first + at, next, `${first + at}/${next}/`.padEnd(size, 'd'));
  });
  const committed = random.chance(1, 2) ? commit : first + random.below(count);
  life.append(batch, hardState(next, next === term ? vote : 1, committed));
}

async function save(life: StorageLife): Promise<void> {
  const { commit, base } = life.now;
  if (commit > Math.max(base, life.storage.newestSnapshot?.index ?? 0)) await life.save(commit);
}

function compact(life: StorageLife, random: SeededRandom): void {
  const newest = life.storage.newestSnapshot?.index ?? 0;
  const { base } = life.now;
  if (newest > base) life.compact(base + 1 + random.below(newest - base));
}

interface Fate {
  readonly how: 'operation' | 'moment';
  readonly isFaulty: boolean;
}

interface Lived {
  readonly life: StorageLife | undefined;
  readonly outcome: 'died' | 'ended' | 'failed';
  readonly hash: string;
}

/** One process, from its opening of the folder to its end. */
async function process(
  memory: MemoryDisk,
  seed: number,
  fate: Fate,
  struck: DiskStruck,
): Promise<Lived> {
  const random = new SeededRandom(seed, 'life');
  const kernel = new Kernel();
  const loop: EventLoop = kernel.loop('process');
  const trace = new Trace();
  const conditions = healthyDisk();
  if (fate.isFaulty) Object.assign(conditions, { failWrites: 60, failSyncs: 60, failNames: 60 });
  const disk = new SimDisk({
    disk: memory,
    loop,
    random: random.stream('disk'),
    conditions,
    struck,
    trace: (what, first, second) => trace.note(what, kernel.nowMs, first, second),
  });
  if (fate.how === 'operation') loop.dieAfter(100 + random.below(700), () => loop.end());
  else kernel.nature.after(20 + random.below(120), () => loop.end());
  let life: StorageLife | undefined;
  let outcome: Lived['outcome'] = 'died';
  loop.after(0, () => {
    open(disk, { seed, clock: loop })
      .then((storage) => {
        life = new StorageLife(storage);
        return live(life, random);
      })
      .then(
        () => {
          outcome = 'ended';
        },
        () => {
          outcome = 'failed';
        },
      );
  });
  await kernel.run(LIFE_MS, () => loop.isDead || outcome !== 'died');
  expect(loop.isDead || outcome !== 'died').toBe(true);
  loop.end();
  return { life, outcome, hash: trace.hash };
}

it('S-100 a storage lives on it through 150 deaths, and what was acknowledged is there', async () => {
  const tally = { died: 0, ended: 0, failed: 0, cuts: 0, cutsWithLosses: 0, unopened: 0 };
  const struck = nothingStruck();
  for (let seed = 1; seed <= 150; seed++) {
    const random = new SeededRandom(seed, 'fate');
    const how = random.pick(['operation', 'moment'] as const);
    const memory = new MemoryDisk();
    const { life, outcome } = await process(
      memory,
      seed,
      { how, isFaulty: seed % 3 === 0 },
      struck,
    );
    tally[outcome] += 1;
    const isKilled = random.chance(1, 4);
    const after = isKilled
      ? memory.kill()
      : memory.crash(random, { sectorBytes: random.pick([512, 4096]) });
    if (!isKilled) tally.cuts += 1;
    if (after.losses !== undefined && after.losses.sectors + after.losses.names > 0) {
      tally.cutsWithLosses += 1;
    }
    if (life === undefined) {
      // Nothing was promised; the folder can be opened, or begun anew.
      tally.unopened += 1;
      await open(after, { seed });
      continue;
    }
    const found = await judgeFolder(after, life, life.promised, { seed: seed + 1 }).catch(
      (cause: unknown) => {
        throw new Error(`seed ${seed} (${outcome}): ${String(cause)}`, { cause });
      },
    );
    const next = await appendOne(found);
    expect((await open(after.crash(random), { seed: seed + 2 })).lastIndex()).toBe(next);
  }
  // All of it must really happen, or the test tests nothing.
  expect(tally.died).toBeGreaterThan(40);
  expect(tally.ended).toBeGreaterThan(3);
  expect(tally.failed).toBeGreaterThan(10);
  expect(tally.cutsWithLosses).toBeGreaterThan(40);
  expect(struck.writeErrors + struck.syncErrors + struck.nameErrors).toBeGreaterThan(10);
});

it('the same seed lives the same life', async () => {
  const fate: Fate = { how: 'operation', isFaulty: true };
  const hashes: string[] = [];
  for (const seed of [5, 5, 6]) {
    hashes.push((await process(new MemoryDisk(), seed, fate, nothingStruck())).hash);
  }
  expect(hashes[1]).toBe(hashes[0]);
  expect(hashes[2]).not.toBe(hashes[0]);
});
