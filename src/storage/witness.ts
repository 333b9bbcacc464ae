/**
 * WITNESS: how far the log on disk once went, kept beside the log, so that it outlives what it testifies
 * against. A log whose end was cut off, or turned into zeros, while the node was down looks exactly like
 * one that was never longer (see tail.ts); a node that started on it would have forgotten what it has
 * promised to others, its vote included.
 *
 * What is noted is a place, not an entry: the segment, and where its last durable record ends. Entries
 * may be replaced by a new leader; places only ever grow, whatever the records hold. So a log that
 * ends before the place has lost something, always, and is refused.
 *
 * Nothing that was promised rests on it, so its failure ends nothing, and nobody waits for it, but for the
 * rare record that one flipped bit would make look torn (`isFragile`). It
 * follows the log in the background: at once after a vote or a new term, when a snapshot comes into force
 * and when the storage is closed, and otherwise a second after a write. What is left, and no
 * program can tell without a second sync for every write: the power fails, and what the log took in its last
 * second, though synced, is gone in whole records. A witness can not wait for itself.
 *
 * The file has two slots, written in turn, each with a checksum, 4096 bytes apart: one write never spans
 * two sectors, so a crash may tear the newer slot and leaves the older one, which notices less and never
 * misjudges. No file, or an empty one: nothing is known.
 *
 *     slot  48  magic "QWIT" u32 | version u32 | count of writes u64 | segment u64 | generation 8 bytes |
 *               end of its last record u64 | 0 u32 | CRC-32 of the 44 bytes before u32
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClusterError } from '../errors.ts';
import { WITNESS_DELAY_MS } from '../limits.ts';
import { asBuffer } from '../views.ts';
import type { Clock, Disk, DiskFile, Logger, Timer } from '../world/index.ts';
import { readU64, writeU64 } from './bytes.ts';
import { GENERATION_BYTES, isZero } from './record.ts';
import { corrupt } from './storage-errors.ts';

export const WITNESS_FILE = 'WITNESS';
const MAGIC = 0x54495751; // "QWIT"
const VERSION = 1;
const SLOT_BYTES = 48;
const SLOT_DISTANCE = 4096;

/** A place in the log: behind the last record of a segment. */
export interface LogReach {
  readonly sequence: number;
  readonly generation: Buffer;
  readonly end: number;
}

/** What the file says. */
export interface Testimony {
  readonly reach: LogReach;
  /** How often it was written; says which slot is next. */
  readonly count: number;
}

function encodeSlot({ reach, count }: Testimony): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES);
  slot.writeUInt32LE(MAGIC, 0);
  slot.writeUInt32LE(VERSION, 4);
  writeU64(slot, count, 8);
  writeU64(slot, reach.sequence, 16);
  reach.generation.copy(slot, 24);
  writeU64(slot, reach.end, 32);
  slot.writeUInt32LE(crc32(slot.subarray(0, 44)), 44);
  return slot;
}

function decodeSlot(slot: Buffer, path: string): Testimony | 'empty' | 'broken' {
  if (isZero(slot, 0, slot.length)) return 'empty';
  if (slot.length < SLOT_BYTES || slot.readUInt32LE(0) !== MAGIC) return 'broken';
  if (slot.readUInt32LE(44) !== crc32(slot.subarray(0, 44))) return 'broken';
  const version = slot.readUInt32LE(4);
  if (version !== VERSION) {
    throw new ClusterError(
      'DATA_DIR_FORMAT',
      `${path} has format ${version}; this version reads format ${VERSION}. Start the version that wrote it`,
      { details: { path, version, reads: VERSION } },
    );
  }
  const count = readU64(slot, 8);
  const sequence = readU64(slot, 16);
  const end = readU64(slot, 32);
  if (count === undefined || sequence === undefined || end === undefined) return 'broken';
  const generation = Buffer.from(slot.subarray(24, 24 + GENERATION_BYTES));
  return { reach: { sequence, generation, end }, count };
}

/** @throws ClusterError DATA_CORRUPT when neither slot can be read: no crash leaves that behind. */
export async function readWitness(disk: Disk, directory: string): Promise<Testimony | undefined> {
  const path = join(directory, WITNESS_FILE);
  if ((await disk.info(path)) === undefined) return undefined;
  const file = await disk.open(path, 'read');
  let bytes: Buffer;
  try {
    bytes = asBuffer(await file.read(0, SLOT_DISTANCE + SLOT_BYTES));
  } finally {
    await file.close();
  }
  const slots = [0, SLOT_DISTANCE].map((at) =>
    decodeSlot(bytes.subarray(Math.min(at, bytes.length), at + SLOT_BYTES), path),
  );
  const whole = slots.filter((slot) => typeof slot === 'object');
  if (whole.length === 0 && slots.every((slot) => slot === 'broken')) {
    throw corrupt(path, 0, 'both of its slots fail their checksum');
  }
  return whole.sort((a, b) => b.count - a.count)[0];
}

/**
 * `found`: where the log that lies there ends; `undefined` when there is none.
 * @throws ClusterError DATA_CORRUPT when the log does not go as far as it once did.
 */
export function checkWitness(
  testimony: Testimony | undefined,
  found: (LogReach & { readonly path: string }) | undefined,
  walFolder: string,
): void {
  if (testimony === undefined) return;
  const { sequence, generation, end } = testimony.reach;
  if (found === undefined || found.sequence < sequence) {
    const last =
      found === undefined ? 'there is none' : `the last one is segment ${found.sequence}`;
    throw corrupt(
      found?.path ?? walFolder,
      found?.end,
      `the log once went on to offset ${end} of segment ${sequence}, but ${last}`,
    );
  }
  if (found.sequence > sequence) return;
  if (!found.generation.equals(generation)) {
    throw corrupt(
      found.path,
      0,
      'it is another file than the one that was written under this name',
    );
  }
  if (found.end >= end) return;
  throw corrupt(
    found.path,
    found.end,
    `the log ends here, but it was durable up to offset ${end}; what lay between is gone`,
  );
}

export interface WitnessOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly directory: string;
}

/** Follows the log. No call rejects. */
export class Witness {
  readonly #options: WitnessOptions;
  #count: number;
  #latest: LogReach | undefined;
  #noted: LogReach | undefined;
  #file: DiskFile | undefined;
  #timer: Timer | undefined;
  #work: Promise<void> = Promise.resolve();
  #isClosing = false;
  #isOver = false;

  constructor(options: WitnessOptions, known: Testimony | undefined) {
    this.#options = options;
    this.#count = known?.count ?? 0;
  }

  /** The log is durable up to here. `isUrgent`: the record holds a promise that must not be forgotten. */
  reached(reach: LogReach, isUrgent: boolean): void {
    if (this.#isOver) return;
    this.#latest = reach;
    if (isUrgent) {
      void this.note();
    } else if (!this.#isClosing) {
      this.#timer ??= this.#options.clock.after(WITNESS_DELAY_MS, () => void this.note());
    }
  }

  /** Settles when what was reached by now is noted, or could not be. */
  note(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#work = this.#work.then(() => this.#write());
    return this.#work;
  }

  /**
   * `close` is to come, which notes what was reached by then. No timer is set any more: where the disk hangs,
   * the node does not wait for the end of this.
   */
  closing(): void {
    this.#isClosing = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Nothing is noted from now on: the storage has failed. */
  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Notes what was reached last, and gives the file back. */
  async close(): Promise<void> {
    await this.note();
    this.stop();
    const file = this.#file;
    this.#file = undefined;
    try {
      await file?.close();
    } catch (error) {
      this.#options.logger.warn('storage.witness-not-written', { error: String(error) });
    }
  }

  async #write(): Promise<void> {
    const reach = this.#latest;
    if (this.#isOver || reach === undefined || reach === this.#noted) return;
    const count = this.#count + 1;
    const at = (count % 2) * SLOT_DISTANCE;
    try {
      const file = await this.#opened();
      await file.writeAndSync(at, [encodeSlot({ reach, count })]);
      this.#count = count;
      this.#noted = reach;
    } catch (error) {
      // After a failed sync nobody knows what is in the file. The next open begins anew.
      this.stop();
      this.#options.logger.warn('storage.witness-not-written', { error: String(error) });
    }
  }

  async #opened(): Promise<DiskFile> {
    if (this.#file !== undefined) return this.#file;
    const { disk, directory } = this.#options;
    const path = join(directory, WITNESS_FILE);
    const isThere = (await disk.info(path)) !== undefined;
    this.#file = await disk.open(path, isThere ? 'write' : 'create');
    if (!isThere) await disk.syncDirectory(directory);
    return this.#file;
  }
}
