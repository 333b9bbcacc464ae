/**
 * Every bit of a small data folder, flipped while the node is down: segments (an older and the newest),
 * both snapshots, a fact, IDENTITY, WITNESS. Each flip ends in a refusal that names the file and a place at or
 * before the bit, or changes nothing of what the node knows: NASTY 38, S-25 to S-28.
 */
import { expect, it } from 'vitest';
import {
  describeLog,
  entries,
  entry,
  FOLDER,
  hardState,
  MemoryDisk,
  open,
  readState,
  save,
} from '../../sim/rigs/storage-rig.ts';
import { ClusterError } from '../errors.ts';
import { dataFolders } from './data-folder.ts';
import { scanLog } from './wal-scan.ts';
import { checkWitness, readWitness } from './witness.ts';

const TUNING = { segmentBytes: 640 };

async function smallFolder(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const storage = await open(disk, { tuning: TUNING });
  await storage.append({ hardState: hardState(1, 2, 0), entries: entries(1, 3) });
  await save(storage, 1);
  await storage.writeFact('peers', Buffer.from('2: 0123456789abcdef'));
  await storage.append({ hardState: hardState(2, 3, 2), entries: [entry(4, 2, 'x'.repeat(150))] });
  await save(storage, 2);
  await storage.compact(1);
  await storage.append({ hardState: hardState(2, 3, 3), entries: entries(5, 6, 2) });
  return disk.kill();
}

/** All that a node learns from the folder, in words. Rejects when something in it is refused. */
async function learn(disk: MemoryDisk): Promise<string> {
  const storage = await open(disk, { tuning: TUNING });
  const newest = storage.newestSnapshot;
  return JSON.stringify([
    storage.identity,
    storage.initialState(),
    [storage.firstIndex(), storage.lastIndex(), storage.durableIndex],
    await describeLog(storage),
    newest,
    newest === undefined ? '' : await readState(storage, newest),
    Buffer.from((await storage.readFact('peers'))!).toString(),
  ]);
}

/** The same for the log alone; ten times as fast. */
async function learnLog(disk: MemoryDisk): Promise<string> {
  const { wal } = dataFolders(FOLDER);
  const { replay } = await scanLog(disk, wal);
  checkWitness(await readWitness(disk, FOLDER), replay.index.segments.at(-1), wal);
  const tables = replay.index.segments.map(({ end, table }) => [end, table.count]);
  return JSON.stringify([replay.finish(), tables]);
}

/** A refusal that names the file, and a place at or before the bit. */
function isNamed(found: unknown, path: string, at: number): boolean {
  if (!(found instanceof ClusterError) || found.code !== 'DATA_CORRUPT') return false;
  const { details } = found;
  return details['path'] === path && (details['offset'] as number) <= at;
}

/** Flips each bit of a file; tells how many were refused. */
async function flipAll(
  disk: MemoryDisk,
  path: string,
  look: (disk: MemoryDisk) => Promise<string>,
): Promise<{ readonly bits: number; readonly refused: number }> {
  const bytes = disk.peek(path);
  const whole = await look(disk.clone());
  let bits = 0;
  let refused = 0;
  for (let at = 0; at < bytes.length; at++) {
    // Between the slots of the witness nothing is ever read.
    if (path.endsWith('WITNESS') && at % 4096 >= 48) continue;
    for (let bit = 0; bit < 8; bit++, bits++) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << bit;
      disk.poke(path, flipped);
      const found = await look(look === learn ? disk.clone() : disk).catch(
        (error: unknown) => error,
      );
      if (found === whole) continue;
      refused++;
      if (isNamed(found, path, at)) continue;
      const where = `bit ${bit} of byte ${at} of ${path}`;
      throw new Error(`${where}: ${String(found)}`, { cause: found });
    }
  }
  disk.poke(path, bytes);
  return { bits, refused };
}

it('NASTY 38 S-25 S-26 S-27 no flipped bit of a data folder changes what the node knows', async () => {
  const disk = await smallFolder();
  // A segment that is being prepared is removed by the next open, whatever it holds.
  const paths = disk.paths().filter((path) => !path.endsWith('.tmp'));
  const counts: [string, number, number][] = [];
  for (const path of paths) {
    const look = path.endsWith('.wal') ? learnLog : learn;
    const { bits, refused } = await flipAll(disk, path, look);
    counts.push([path.slice(FOLDER.length + 1), bits, refused]);
  }
  const sum = (column: 1 | 2): number => counts.reduce((total, row) => total + row[column], 0);
  process.stdout.write(
    `every bit of ${paths.length} files: ${sum(1)} flips; ${sum(2)} refused by file and offset, the others change nothing\n`,
  );
  const refusedOf = (part: string): number[] =>
    counts.filter(([name]) => name.includes(part)).map(([, , refused]) => refused);
  expect(counts.map(([name]) => name.replace(/^(\w+).*\.(\w+)$/, '$1 $2'))).toEqual([
    ...['IDENTITY', 'WITNESS', 'facts fact', 'snap snap', 'snap snap', 'wal wal', 'wal wal'],
  ]);
  const identity = counts[0]!;
  expect(identity[2], 'every bit of the identity').toBe(identity[1]);
  expect(refusedOf('facts')[0], 'every bit of a fact').toBe(counts[2]![1]);
  // One slot of the witness is enough.
  expect(refusedOf('WITNESS')).toEqual([0]);
  // The older snapshot is a reserve; of the newest every bit but those of no section counts.
  const [older, newest] = refusedOf('snap') as [number, number];
  expect(older).toBe(0);
  expect(newest).toBeGreaterThan(counts[4]![1] * 0.7);
  const used = (await scanLog(disk, dataFolders(FOLDER).wal)).replay.index.segments;
  for (const [i, segment] of used.entries()) {
    expect(refusedOf('wal')[i], segment.path).toBeGreaterThanOrEqual(segment.end * 8);
  }
});
