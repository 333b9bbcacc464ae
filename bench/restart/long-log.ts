/**
 * A log of a million entries: how fast the storage opens it, beside the bare reading of the same files with
 * the same checksum. Both find the files in the system's cache. What a node does with the entries afterwards
 * is its state machine's time, and not in here.
 */
import { readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { makeEntry } from '../../src/raft/index.ts';
import type { Storage } from '../../src/storage/index.ts';
import { type BenchmarkContext, inRounds } from '../benchmark.ts';
import { openStorage } from '../micro/log.ts';
import { makeFolder, removeFolder } from '../processes/child.ts';
import { Recorder } from '../recorder.ts';
import { atLeast, type Section } from '../report/findings.ts';
import { ratio } from '../statistics.ts';

const ENTRIES = 1_000_000;
const ENTRIES_OF_TRIAL = 1_000;
const ENTRY_BYTES = 256;
const BATCH = 100;
const PIECE_BYTES = 1 * 2 ** 20;
const SHARE_OF_READING = 1 / 2;
const OPENING = 'opening it';
const READING = 'reading its files with CRC-32';

export async function longLog(context: BenchmarkContext): Promise<Section> {
  const entries = context.isTrial ? ENTRIES_OF_TRIAL : ENTRIES;
  const folder = makeFolder('long-log');
  const recorder = new Recorder();
  try {
    context.tell(`writing a log of ${entries} entries`);
    await write(folder, entries);
    await inRounds(context, 'long log', async () => {
      const beganAt = performance.now();
      const bytes = await readAll(join(folder, 'wal'));
      const readAt = performance.now();
      const storage = await openStorage(folder);
      const openAt = performance.now();
      if (storage.lastIndex() !== entries)
        throw new Error(`the log ends at ${storage.lastIndex()}`);
      await storage.close();
      recorder.add(READING, 'MB/s', bytes / 1e3 / (readAt - beganAt));
      recorder.add(OPENING, 'MB/s', bytes / 1e3 / (openAt - readAt));
    });
  } finally {
    removeFolder(folder);
  }
  return {
    title: `A log of ${entries.toLocaleString('en-US')} entries of ${ENTRY_BYTES} bytes`,
    series: recorder.series(),
    findings: [
      {
        item: 7,
        what: `${OPENING}, against ${READING}`,
        value: ratio(recorder.rounds(OPENING), recorder.rounds(READING)),
        unit: 'times',
        target: atLeast(SHARE_OF_READING),
      },
    ],
    notes: [],
  };
}

async function write(folder: string, count: number): Promise<void> {
  const storage: Storage = await openStorage(folder);
  const data = new Uint8Array(ENTRY_BYTES).fill(0x76);
  for (let first = 1; first <= count; first += BATCH) {
    const entries = Array.from({ length: BATCH }, (_, at) => makeEntry(1, first + at, 0, data));
    await storage.append({ entries });
  }
  await storage.close();
}

/** Every byte of every file, through the checksum. */
async function readAll(folder: string): Promise<number> {
  const piece = new Uint8Array(PIECE_BYTES);
  let bytes = 0;
  for (const name of readdirSync(folder).sort()) {
    const file = await open(join(folder, name), 'r');
    let checksum = 0;
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES);
      if (bytesRead === 0) break;
      checksum = crc32(piece.subarray(0, bytesRead), checksum);
      bytes += bytesRead;
    }
    await file.close();
  }
  return bytes;
}
