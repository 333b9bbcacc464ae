/**
 * A state machine whose state lies on the disk: a file of values, written at its end only, and an index
 * of where each key's newest value begins. So a state of a gigabyte costs little memory.
 *
 * A command is a key (u32) and a value. The file holds, for each, key, length and value. What a snapshot
 * holds is the file up to where it was when it was captured: fixing that length is the capture, and it
 * is read later, while more is written behind. Restoring writes another file, and then takes it.
 *
 * Every answer carries the CRC-32 of the whole file up to there, so that the node's state hash, which
 * goes over the answers, goes over the contents too.
 */
import { closeSync, mkdirSync, openSync, rmSync, writevSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import type { CommandResult, StateMachine } from '../../src/consensus/index.ts';
import type { SnapshotReader, SnapshotSection } from '../../src/storage/index.ts';

const SECTION = 'app.values';
const HEADER_BYTES = 8;
const READ_BYTES = 256 * 1024;

interface ValueFile {
  readonly path: string;
  readonly fd: number;
}

export interface Contents {
  readonly keys: number;
  readonly bytes: number;
  /** As it was counted while it was written. */
  readonly checksum: string;
  /** Of the file as it is read back now. */
  readonly checksumOfFile: string;
}

export function putCommand(key: number, value: Uint8Array): Buffer {
  const command = Buffer.allocUnsafe(4 + value.length);
  command.writeUInt32LE(key, 0);
  command.set(value, 4);
  return command;
}

export class ValueFileMachine implements StateMachine {
  readonly #folder: string;
  #generation = 0;
  #file: ValueFile;
  #length = 0;
  #checksum = 0;
  /** Key to the position of its newest record. */
  #index: Map<number, number> = new Map();

  constructor(folder: string) {
    this.#folder = folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    this.#file = this.#newFile();
  }

  applyBatch(commands: readonly Uint8Array[]): readonly CommandResult[] {
    const chunks: Uint8Array[] = [];
    let length = this.#length;
    const results = commands.map((command) => {
      if (command.length < 4) return { code: 1, bytes: Buffer.from('a command needs a key') };
      const bytes = Buffer.from(command.buffer, command.byteOffset, command.byteLength);
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt32LE(bytes.readUInt32LE(0), 0);
      header.writeUInt32LE(bytes.length - 4, 4);
      const value = bytes.subarray(4);
      chunks.push(header, value);
      this.#index.set(bytes.readUInt32LE(0), length);
      length += HEADER_BYTES + value.length;
      this.#checksum = crc32(value, crc32(header, this.#checksum));
      return { code: 0, bytes: numbers(this.#checksum, this.#index.size) };
    });
    this.#append(chunks, length);
    return results;
  }

  snapshot(): readonly SnapshotSection[] {
    return [{ name: SECTION, chunks: readFile(this.#file.path, this.#length) }];
  }

  async restore(reader: Pick<SnapshotReader, 'section'>): Promise<void> {
    const file = this.#newFile();
    const handle = await open(file.path, 'r+');
    const index = new Map<number, number>();
    const scan = new RecordScan((key, position) => index.set(key, position));
    let [length, checksum] = [0, 0];
    try {
      for await (const chunk of reader.section(SECTION) ?? []) {
        await writeAll(handle, chunk, length);
        scan.push(chunk);
        length += chunk.length;
        checksum = crc32(chunk, checksum);
      }
    } finally {
      await handle.close();
    }
    const old = this.#file;
    this.#file = file;
    this.#length = length;
    this.#checksum = checksum;
    this.#index = index;
    // A snapshot that is being read has it open, or fails: then the restored one takes its place anyway.
    closeSync(old.fd);
    rmSync(old.path, { force: true });
  }

  async contents(): Promise<Contents> {
    let checksum = 0;
    for await (const chunk of readFile(this.#file.path, this.#length)) {
      checksum = crc32(chunk, checksum);
    }
    return {
      keys: this.#index.size,
      bytes: this.#length,
      checksum: this.#checksum.toString(16),
      checksumOfFile: checksum.toString(16),
    };
  }

  #newFile(): ValueFile {
    const path = join(this.#folder, `values-${++this.#generation}`);
    return { path, fd: openSync(path, 'wx+') };
  }

  #append(chunks: Uint8Array[], end: number): void {
    let rest = chunks;
    while (rest.length > 0) {
      const batch = rest.slice(0, 512);
      rest = rest.slice(512);
      const bytes = batch.reduce((sum, chunk) => sum + chunk.length, 0);
      const written = writevSync(this.#file.fd, batch, this.#length);
      if (written !== bytes) throw new Error(`${written} of ${bytes} bytes were written`);
      this.#length += bytes;
    }
    if (this.#length !== end) throw new Error(`the file ends at ${this.#length}, not at ${end}`);
  }
}

function numbers(checksum: number, count: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(checksum, 0);
  bytes.writeUInt32LE(count, 4);
  return bytes;
}

async function* readFile(path: string, length: number): AsyncGenerator<Uint8Array> {
  const handle = await open(path, 'r');
  try {
    let at = 0;
    while (at < length) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, length - at));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) throw new Error(`${path} ends at ${at}, before ${length}`);
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, at: number): Promise<void> {
  let done = 0;
  while (done < chunk.length) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, at + done);
    done += bytesWritten;
  }
}

/** Finds the records in a stream of chunks, which are cut anywhere. */
class RecordScan {
  readonly #found: (key: number, position: number) => void;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerFilled = 0;
  #valueLeft = 0;
  #position = 0;

  constructor(found: (key: number, position: number) => void) {
    this.#found = found;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#valueLeft > 0) {
        const skipped = Math.min(this.#valueLeft, chunk.length - at);
        this.#valueLeft -= skipped;
        at += skipped;
        continue;
      }
      const part = chunk.subarray(at, at + HEADER_BYTES - this.#headerFilled);
      this.#header.set(part, this.#headerFilled);
      this.#headerFilled += part.length;
      at += part.length;
      if (this.#headerFilled < HEADER_BYTES) return;
      this.#headerFilled = 0;
      this.#valueLeft = this.#header.readUInt32LE(4);
      this.#found(this.#header.readUInt32LE(0), this.#position);
      this.#position += HEADER_BYTES + this.#valueLeft;
    }
  }
}
