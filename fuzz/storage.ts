/**
 * Damaged data folders. Opening one ends in a refusal that names the file, or in exactly a state that the
 * storage was in, with every entry as it was written. It may be an older state than the one
 * acknowledged last in one case only: what lay behind it in the log has turned into zeros, or is cut
 * off, which looks like a write that never happened (src/storage/tail.ts). What was opened works on.
 */

import {
  entry,
  FOLDER,
  hardState,
  open,
  readAll,
  readState,
  textOf,
} from '../sim/rigs/storage-rig.ts';
import type { MemoryDisk } from '../sim/world/memory-disk.ts';
import { ClusterError, type ErrorCode } from '../src/errors.ts';
import { type DiskStorage, inspect } from '../src/storage/index.ts';
import { inflict, randomDamages } from './damage.ts';
import type { FuzzDice } from './dice.ts';
import { type Folder, type FolderState, makeFolders } from './folders.ts';
import { joined } from './mutate.ts';
import type { FuzzSubject, FuzzTarget } from './target.ts';

const REFUSALS: readonly ErrorCode[] = ['DATA_CORRUPT', 'DATA_DIR_FORMAT', 'DATA_DIR_MISMATCH'];

/** Opening a folder; another one than ours for testing the test. */
export type Opener = (disk: MemoryDisk) => Promise<DiskStorage>;

/** A refusal is one that a person can do something with. */
function checkRefusal(error: unknown): void {
  if (!(error instanceof ClusterError) || !REFUSALS.includes(error.code)) {
    throw new Error('a damaged folder ended in another error than a refusal', { cause: error });
  }
  if (error.message.includes(FOLDER)) return;
  throw new Error('a refusal does not name what is damaged', { cause: error });
}

async function refusedOr<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    checkRefusal(error);
    return undefined;
  }
}

/** The newest of the folder's states that the storage is in; -1: none. */
async function stateOf(storage: DiskStorage, folder: Folder): Promise<number> {
  const found = new Map((await readAll(storage)).map((one) => [one.index, textOf(one)]));
  const { term, vote } = storage.initialState().hardState;
  const base = storage.firstIndex() - 1;
  const last = storage.lastIndex();
  return folder.states.findLastIndex((state) => {
    if (state.base !== base || state.last !== last) return false;
    if (state.term !== term || state.vote !== vote) return false;
    return [...found].every(([index, text]) => state.log.get(index) === text);
  });
}

/** Whether the log, from `found` on, only looks as if it had never been written. */
function isUnwritten(folder: Folder, damaged: MemoryDisk, found: number): boolean {
  const paths = new Set(damaged.paths());
  let zeroed = 0;
  for (let next = found + 1; next < folder.states.length; next++) {
    const isFirst = zeroed === 0;
    const before = folder.states[next - 1]!;
    for (const [path, end] of folder.states[next]!.ends) {
      if (!folder.disk.paths().includes(path)) continue;
      const written = folder.disk.peek(path);
      const now = paths.has(path) ? damaged.peek(path) : Buffer.alloc(0);
      for (let at = before.ends.get(path) ?? 0; at < end; at++) {
        const byte = at < now.length ? now[at]! : 0;
        if (byte === 0 && written[at] !== 0) zeroed++;
        // Of the first write that is missing something may be there; of a later one nothing.
        if (byte !== 0 && !isFirst) return false;
      }
    }
  }
  return zeroed > 0;
}

async function checkSnapshots(
  storage: DiskStorage,
  folder: Folder,
  touched: ReadonlySet<string>,
): Promise<void> {
  const newest = storage.newestSnapshot;
  const base = storage.firstIndex() - 1;
  if ((newest?.index ?? 0) < base) throw new Error(`the log begins at ${base}, no snapshot does`);
  const expected = Math.max(0, ...folder.snapshots.keys());
  const isTouched = [...touched].some((path) => path.includes('/snap/'));
  if (!isTouched && newest?.index !== (expected || undefined)) {
    throw new Error(`the newest snapshot is ${newest?.index}, it was ${expected}`);
  }
  if (newest === undefined) return;
  const text = await refusedOr(() => readState(storage, newest));
  if (text === undefined && isTouched) return;
  if (text !== folder.snapshots.get(newest.index)) {
    throw new Error(`snapshot ${newest.index} holds ${text}`);
  }
}

async function checkFacts(
  storage: DiskStorage,
  folder: Folder,
  touched: ReadonlySet<string>,
): Promise<void> {
  for (const [name, text] of folder.facts) {
    const found = await refusedOr(() => storage.readFact(name));
    const isTouched = [...touched].some((path) => path.includes('/facts/'));
    if (found === undefined && isTouched) continue;
    const now = found === undefined ? undefined : Buffer.from(found).toString();
    if (now !== text) throw new Error(`fact ${name} is ${now}`);
  }
}

async function checkWorksOn(storage: DiskStorage, disk: MemoryDisk, opener: Opener): Promise<void> {
  const next = storage.lastIndex() + 1;
  const { term, commit } = storage.initialState().hardState;
  if (commit >= next) throw new Error(`entry ${commit} is committed, the log ends before ${next}`);
  await storage.append({
    hardState: hardState(term + 1, 1, commit),
    entries: [entry(next, term + 1)],
  });
  const again = await opener(disk.kill());
  if (again.lastIndex() !== next) throw new Error(`wrote ${next}, found ${again.lastIndex()}`);
}

async function attempt(
  folders: readonly Folder[],
  opener: Opener,
  input: Uint8Array,
): Promise<void> {
  const folder = folders[(input[0] ?? 0) % folders.length]!;
  const disk = folder.disk.clone();
  const touched = await inflict(disk, input.subarray(1));
  const damaged = disk.clone();
  const report = await refusedOr(() => inspect(disk, FOLDER));
  const storage = await refusedOr(() => opener(disk));
  if (storage === undefined) {
    // A folder without an identity is shown as one.
    if (report === undefined || report.identity === undefined || report.damage.length > 0) return;
    throw new Error(`${folder.name}: the folder was refused, but inspecting it shows no damage`);
  }
  const found = await stateOf(storage, folder);
  if (found < 0) throw new Error(`${folder.name}: opened in a state in which it never was`);
  const last: FolderState = folder.states.at(-1)!;
  if (found < folder.states.length - 1 && !isUnwritten(folder, damaged, found)) {
    const { term, last: index } = folder.states[found]!;
    const what = `opened at entry ${index}, term ${term}; acknowledged: ${last.last}, ${last.term}`;
    throw new Error(`${folder.name}: something acknowledged is gone: ${what}`);
  }
  await checkSnapshots(storage, folder, touched);
  await checkFacts(storage, folder, touched);
  await checkWorksOn(storage, disk, opener);
}

function generate(folders: readonly Folder[], dice: FuzzDice): Uint8Array {
  const at = dice.below(folders.length);
  return joined(Uint8Array.of(at), randomDamages(folders[at]!.disk, dice));
}

export async function storageSubject(opener: Opener = open): Promise<FuzzSubject> {
  const folders = await makeFolders();
  return {
    generate: (dice) => generate(folders, dice),
    attempt: (input) => attempt(folders, opener, input),
  };
}

export const storageTarget: FuzzTarget = {
  name: 'storage',
  title: 'damaged data folders',
  prepare: () => storageSubject(),
};
