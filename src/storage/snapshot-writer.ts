/**
 * Writes a snapshot file from streams, in bounded memory: one buffer of one frame. Small chunks are
 * gathered into frames, large ones are cut, so that the reader never meets a frame of surprising size,
 * whatever the state machine yields.
 */
import { crc32 } from 'node:zlib';
import { assert } from '../errors.ts';
import { SNAPSHOT_FRAME_BYTES } from '../limits.ts';
import {
  encodeFrameHeader,
  encodeJson,
  encodePreamble,
  encodeTrailer,
  FrameKind,
  type SectionEntry,
  type SnapshotMeta,
} from './snapshot-format.ts';
import type { SnapshotSection } from './types.ts';

/** Where the bytes go: always at the end of what was written before. */
export interface ByteSink {
  /** The chunks are free to change once it settles. */
  write(position: number, chunks: readonly Uint8Array[]): Promise<void>;
}

export interface WrittenSnapshot {
  readonly bytes: number;
  readonly checksum: number;
}

export async function writeSnapshot(
  sink: ByteSink,
  meta: SnapshotMeta,
  sections: readonly SnapshotSection[],
): Promise<WrittenSnapshot> {
  const names = new Set(sections.map((section) => section.name));
  assert(names.size === sections.length, 'sections of a snapshot need different names');
  const writer = new SnapshotWriter(sink);
  const { index, term, confState } = meta;
  await writer.begin({ index, term, confState });
  for (const section of sections) await writer.section(section);
  return writer.end();
}

class SnapshotWriter {
  readonly #sink: ByteSink;
  readonly #frame: Buffer = Buffer.allocUnsafe(SNAPSHOT_FRAME_BYTES);
  readonly #table: SectionEntry[] = [];
  #position = 0;
  #checksum = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  async begin(meta: SnapshotMeta): Promise<void> {
    await this.#put([encodePreamble()]);
    await this.#putFrame(FrameKind.Meta, encodeJson(meta));
  }

  async section(section: SnapshotSection): Promise<void> {
    const position = this.#position;
    await this.#putFrame(FrameKind.Section, Buffer.from(section.name, 'utf8'));
    let bytes = 0;
    let used = 0;
    for await (const chunk of section.chunks) {
      bytes += chunk.length;
      let taken = 0;
      while (taken < chunk.length) {
        const piece = chunk.subarray(taken, taken + this.#frame.length - used);
        this.#frame.set(piece, used);
        taken += piece.length;
        used += piece.length;
        if (used < this.#frame.length) continue;
        await this.#putFrame(FrameKind.Data, this.#frame);
        used = 0;
      }
    }
    if (used > 0) await this.#putFrame(FrameKind.Data, this.#frame.subarray(0, used));
    this.#table.push({ name: section.name, position, bytes });
  }

  async end(): Promise<WrittenSnapshot> {
    const tablePosition = this.#position;
    await this.#putFrame(FrameKind.Table, encodeJson(this.#table));
    await this.#put([encodeTrailer(tablePosition, this.#position, this.#checksum)]);
    return { bytes: this.#position, checksum: this.#checksum };
  }

  #putFrame(kind: FrameKind, data: Uint8Array): Promise<void> {
    return this.#put([encodeFrameHeader(kind, data), data]);
  }

  async #put(chunks: readonly Uint8Array[]): Promise<void> {
    const position = this.#position;
    for (const chunk of chunks) {
      this.#checksum = crc32(chunk, this.#checksum);
      this.#position += chunk.length;
    }
    await this.#sink.write(position, chunks);
  }
}
