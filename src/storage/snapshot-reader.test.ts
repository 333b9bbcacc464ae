/** Reading a snapshot's sections: the next frame is read while one is taken over, and none behind the last. */
import { describe, expect, it } from 'vitest';
import { SNAPSHOT_FRAME_BYTES } from '../limits.ts';
import { EMPTY_CONF_STATE } from '../raft/index.ts';
import { FRAME_HEADER_BYTES } from './snapshot-format.ts';
import { type ByteSource, FileSnapshotReader, readLayout } from './snapshot-reader.ts';
import { writeSnapshot } from './snapshot-writer.ts';

const META = { index: 5, term: 1, confState: { ...EMPTY_CONF_STATE, voters: [1] } };

/** A file in memory that notes the reads which are under way. */
class Source implements ByteSource {
  readonly path = 'a.snap';
  readonly contents: Buffer;
  reads: { readonly position: number; readonly length: number }[] = [];
  underWay = 0;

  constructor(contents: Buffer) {
    this.contents = contents;
  }

  get bytes(): number {
    return this.contents.length;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    this.reads.push({ position, length });
    this.underWay++;
    await new Promise((resolve) => setImmediate(resolve));
    this.underWay--;
    return Buffer.from(this.contents.subarray(position, position + length));
  }

  async close(): Promise<void> {}
}

async function sourceOf(sections: Readonly<Record<string, Buffer>>): Promise<Source> {
  const written: Buffer[] = [];
  const sink = {
    write: async (_: number, chunks: readonly Uint8Array[]) => {
      for (const chunk of chunks) written.push(Buffer.from(chunk));
    },
  };
  const list = Object.entries(sections).map(([name, bytes]) => ({ name, chunks: [bytes] }));
  await writeSnapshot(sink, META, list);
  return new Source(Buffer.concat(written));
}

async function readerOf(source: Source): Promise<FileSnapshotReader> {
  const layout = await readLayout(source);
  source.reads = [];
  return new FileSnapshotReader({} as never, source, layout);
}

const THREE_FRAMES = Buffer.alloc(2 * SNAPSHOT_FRAME_BYTES + 1_000, 'state');

describe('a section', () => {
  it('is read in one read a frame, and nothing of the next section with it', async () => {
    const source = await sourceOf({ first: THREE_FRAMES, second: Buffer.from('x') });
    const reader = await readerOf(source);
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader.section('first')!) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(THREE_FRAMES)).toBe(true);
    const full = FRAME_HEADER_BYTES + SNAPSHOT_FRAME_BYTES;
    const data = source.reads.slice(-3).map(({ length }) => length);
    expect(data).toEqual([full, full, FRAME_HEADER_BYTES + 1_000]);
  });

  it('has the next frame on its way while one is taken over', async () => {
    const source = await sourceOf({ first: THREE_FRAMES });
    const reader = await readerOf(source);
    const underWay: number[] = [];
    for await (const _ of reader.section('first')!) underWay.push(source.underWay);
    expect(underWay).toEqual([1, 1, 0]);
  });

  it('is not read any more when its reader has ended early', async () => {
    const source = await sourceOf({ first: THREE_FRAMES });
    const reader = await readerOf(source);
    for await (const _ of reader.section('first')!) break;
    expect(source.underWay).toBe(0);
  });

  it('whose frame is damaged is refused there, and what comes before is handed out', async () => {
    const source = await sourceOf({ first: THREE_FRAMES });
    const reader = await readerOf(source);
    const second = source.contents.length - 2_000;
    source.contents[second]! ^= 1;
    let taken = 0;
    const reading = async (): Promise<void> => {
      for await (const chunk of reader.section('first')!) taken += chunk.length;
    };
    await expect(reading()).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    expect(taken).toBe(SNAPSHOT_FRAME_BYTES);
  });
});
