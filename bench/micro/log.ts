/**
 * The durable log by itself: entries appended one at a time and in batches, beside the same number of bytes
 * written into a file and synced with nothing around. What the log adds to the disk is the difference.
 */
import { mkdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { makeEntry } from '../../src/raft/index.ts';
import { type Identity, openDiskStorage, type Storage } from '../../src/storage/index.ts';
import { nullLogger, realWorld } from '../../src/world/index.ts';
import { type Benchmark, inRounds } from '../benchmark.ts';
import { makeFolder, removeFolder } from '../processes/child.ts';
import { Recorder } from '../recorder.ts';
import { rotated } from '../rotated.ts';
import { median } from '../statistics.ts';

const ENTRY_BYTES = 256;
const BATCHES = [1, 100] as const;
const SHARE_OF_SECONDS = 1 / 3;

export const log: Benchmark = {
  name: 'log',
  about: 'the durable log: appends and syncs, beside a bare file',
  run: async (context) => {
    const folder = makeFolder('log');
    const storage = await openStorage(join(folder, 'storage'));
    const file = await open(join(folder, 'bare'), 'w');
    const recorder = new Recorder();
    const seconds = context.seconds * SHARE_OF_SECONDS;
    try {
      await inRounds(context, 'log', async (round) => {
        for (const batch of BATCHES) {
          const sides: [string, () => Promise<void>][] = [
            ['quorate', appender(storage, batch)],
            ['bare file', bareWriter(file, batch)],
          ];
          for (const [who, work] of rotated(sides, round)) {
            const name = `${who}, ${batch} entries of ${ENTRY_BYTES} bytes, synced`;
            recorder.add(name, 'µs', median(await timesOf(work, seconds)) * 1_000);
          }
        }
      });
    } finally {
      await file.close();
      await storage.close();
      removeFolder(folder);
    }
    return [{ title: 'The durable log', series: recorder.series(), findings: [], notes: [] }];
  },
};

const IDENTITY: Identity = {
  clusterName: 'bench',
  clusterId: '0123456789abcdef0123456789abcdef',
  nodeId: 'n1',
  raftId: 1,
  incarnation: '0123456789abcdef',
};

/** Founded when it is new. Only its log is used. */
export async function openStorage(directory: string): Promise<Storage> {
  mkdirSync(directory, { recursive: true });
  const { disk, clock, random } = realWorld();
  const storage = await openDiskStorage({ disk, clock, random, logger: nullLogger, directory });
  if (storage.identity === undefined) await storage.found(IDENTITY);
  return storage;
}

function appender(storage: Storage, batch: number): () => Promise<void> {
  const data = new Uint8Array(ENTRY_BYTES);
  return async () => {
    const first = storage.lastIndex() + 1;
    const entries = Array.from({ length: batch }, (_, at) => makeEntry(1, first + at, 0, data));
    await storage.append({ entries });
  };
}

function bareWriter(file: FileHandle, batch: number): () => Promise<void> {
  const bytes = new Uint8Array(batch * ENTRY_BYTES);
  return async () => {
    await file.write(bytes);
    await file.datasync();
  };
}

async function timesOf(work: () => Promise<void>, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const endAt = performance.now() + seconds * 1_000;
  for (;;) {
    const beganAt = performance.now();
    if (beganAt >= endAt && times.length > 0) return times;
    await work();
    times.push(performance.now() - beganAt);
  }
}
