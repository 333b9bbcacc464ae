/**
 * Power cuts at any operation. A random workload (appends, conflicts, votes, snapshots, compactions,
 * installs; several at a time) runs on a disk that dies after n changing operations; sectors, sizes and
 * names that were not synced survive at random. The folder that is found must hold the state after some
 * step that is not older than the last acknowledged one: NASTY 36, 38, S-100. Then it must work on.
 */
import { expect, it } from 'vitest';
import {
  dice,
  entry,
  FOLDER,
  hardState,
  MemoryDisk,
  open,
  readAll,
  readState,
  save,
  snapshotOf,
  textOf,
  transfer,
} from '../../sim/storage-rig.ts';
import type { Entry, HardState } from '../raft/index.ts';
import type { DiskStorage } from './disk-storage.ts';
import { MemoryStorage } from './memory-storage.ts';

/** What the log should be after a step. */
interface State {
  readonly log: ReadonlyMap<number, string>;
  readonly base: number;
  readonly last: number;
  readonly term: number;
  readonly vote: number;
  readonly commit: number;
}

class Workload {
  readonly states: State[] = [];
  /** Position of the newest state that was acknowledged. */
  acknowledged = 0;
  /** Newest snapshot whose save or install was acknowledged. */
  snapshot = 0;
  #state: State = { log: new Map(), base: 0, last: 0, term: 0, vote: 0, commit: 0 };
  readonly #storage: DiskStorage;
  readonly #dice: ReturnType<typeof dice>;
  readonly #pending: Promise<void>[] = [];

  constructor(storage: DiskStorage, seed: number) {
    this.#storage = storage;
    this.#dice = dice(seed);
    this.states.push(this.#state);
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      const kind = this.#dice.below(12);
      if (kind < 8) this.#append();
      else if (kind < 9) this.#vote();
      else if (kind < 10) await this.#save();
      else if (kind < 11) this.#compact();
      else await this.#install();
      if (this.#dice.below(3) === 0) await Promise.all(this.#pending.splice(0));
    }
    await Promise.all(this.#pending.splice(0));
  }

  #step(state: State, work: Promise<void>): void {
    this.#state = state;
    const position = this.states.push(state) - 1;
    const done = work.then(() => {
      // Compactions and installs settle late: they also remove files.
      this.acknowledged = Math.max(this.acknowledged, position);
    });
    this.#pending.push(done);
  }

  #append(): void {
    const now = this.#state;
    // Now and then a new term replaces what is not committed.
    const isConflict = this.#dice.below(5) === 0 && now.last > now.commit;
    const term = isConflict || now.term === 0 ? now.term + 1 : now.term;
    const first = isConflict
      ? now.commit + 1 + this.#dice.below(now.last - now.commit)
      : now.last + 1;
    const count = 1 + this.#dice.below(4);
    const batch: Entry[] = [];
    const log = new Map([...now.log].filter(([index]) => index < first));
    for (let index = first; index < first + count; index++) {
      const size = this.#dice.below(20) === 0 ? 1500 : this.#dice.below(60);
      const one = entry(index, term, `${index}/${term}/`.padEnd(size, 'd'));
      batch.push(one);
      log.set(index, textOf(one));
    }
    const last = first + count - 1;
    const commit = this.#dice.below(2) === 0 ? now.commit : first + this.#dice.below(count);
    const vote = term === now.term ? now.vote : this.#dice.below(3) + 1;
    const state = { ...now, log, last, term, vote, commit };
    this.#step(state, this.#storage.append({ hardState: hs(state), entries: batch }));
  }

  #vote(): void {
    const now = this.#state;
    const state = { ...now, term: now.term + 1, vote: this.#dice.below(3) + 1 };
    this.#step(state, this.#storage.append({ hardState: hs(state), entries: [] }));
  }

  async #save(): Promise<void> {
    const { commit, base } = this.#state;
    if (commit <= Math.max(base, this.#storage.newestSnapshot?.index ?? 0)) return;
    const term = this.#storage.term(commit);
    await save(this.#storage, commit, term, `state ${commit}`);
    this.snapshot = Math.max(this.snapshot, commit);
  }

  #compact(): void {
    const now = this.#state;
    const newest = this.#storage.newestSnapshot?.index ?? 0;
    if (newest <= now.base) return;
    const base = now.base + 1 + this.#dice.below(newest - now.base);
    this.#step({ ...now, base }, this.#storage.compact(base));
  }

  async #install(): Promise<void> {
    const now = this.#state;
    const index = Math.max(now.last, now.commit) + 1 + this.#dice.below(5);
    const term = now.term + 1;
    const leader = new MemoryStorage();
    const stored = await save(leader, index, term, `state ${index}`);
    await transfer(leader, this.#storage, stored, 64);
    const state = { log: new Map(), base: index, last: index, term, vote: 2, commit: index };
    const work = this.#storage.installSnapshot(snapshotOf(stored), hs(state));
    this.#step(
      state,
      work.then(() => {
        this.snapshot = Math.max(this.snapshot, index);
      }),
    );
  }
}

function hs(state: State): HardState {
  return hardState(state.term, state.vote, state.commit);
}

/** Which of the states the storage is in; -1: in none of them. */
async function matchState(storage: DiskStorage, workload: Workload): Promise<number> {
  const log = new Map((await readAll(storage)).map((one) => [one.index, textOf(one)]));
  const found = storage.initialState().hardState;
  const base = storage.firstIndex() - 1;
  for (let i = workload.states.length - 1; i >= 0; i--) {
    const state = workload.states[i]!;
    if (state.base !== base || state.last !== storage.lastIndex()) continue;
    if (state.term !== found.term || state.vote !== found.vote) continue;
    let isSame = true;
    for (let index = base + 1; index <= state.last; index++) {
      isSame &&= state.log.get(index) === log.get(index);
    }
    if (isSame) return i;
  }
  return -1;
}

async function crashOnce(seed: number): Promise<'died' | 'ended'> {
  const random = dice(seed);
  const disk = new MemoryDisk();
  const storage = await open(disk, { seed });
  const workload = new Workload(storage, seed);
  disk.dieAfter(random.below(160));
  const outcome = await Promise.race([
    disk.died.then(() => 'died' as const),
    workload.run(40).then(() => 'ended' as const),
  ]);
  const acknowledged = workload.acknowledged;
  const promised = workload.snapshot;
  let after = random.below(4) === 0 ? disk.kill() : disk.crash(random);
  // Sometimes the machine goes down again while the folder is being opened.
  if (random.below(2) === 0) {
    after.dieAfter(random.below(12));
    await Promise.race([after.died, open(after, { seed: seed + 1 })]);
    after = after.crash(random);
  }
  const found = await open(after, { seed: seed + 2 });
  const position = await matchState(found, workload);
  expect(position, `seed ${seed}: a state that was never asked for`).not.toBe(-1);
  expect(position, `seed ${seed}: something acknowledged is gone`).toBeGreaterThanOrEqual(
    acknowledged,
  );
  const { commit } = found.initialState().hardState;
  expect(commit).toBeLessThanOrEqual(found.lastIndex());
  expect(commit).toBeGreaterThanOrEqual(found.firstIndex() - 1);
  const newest = found.newestSnapshot;
  expect(newest?.index ?? 0, `seed ${seed}: a snapshot is gone`).toBeGreaterThanOrEqual(promised);
  if (newest !== undefined) expect(await readState(found, newest)).toBe(`state ${newest.index}`);
  // Only files that belong there are left.
  for (const path of after.paths()) expect(path.startsWith(FOLDER)).toBe(true);
  // And it works on.
  const next = found.lastIndex() + 1;
  const { term } = found.initialState().hardState;
  await found.append({
    hardState: hardState(term + 1, 1, commit),
    entries: [entry(next, term + 1)],
  });
  const again = await open(after.crash(random), { seed: seed + 3 });
  expect(again.lastIndex()).toBe(next);
  return outcome;
}

it('a power cut at any operation leaves a state that is not older than what was acknowledged', async () => {
  const outcomes = { died: 0, ended: 0 };
  for (let seed = 1; seed <= 300; seed++) outcomes[await crashOnce(seed)]++;
  // Both kinds must really happen, or the test tests nothing.
  expect(outcomes.died).toBeGreaterThan(100);
  expect(outcomes.ended).toBeGreaterThan(10);
}, 60_000);
