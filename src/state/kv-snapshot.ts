/**
 * The machine's part of a snapshot: three sections, each a stream of chunks that begins with a version.
 *
 * - `app.kv.meta`: version u8 · revision · compactedRevision · number of items · number of changes
 * - `app.kv.items`: version u8 · items in ascending order of keys, each
 *   length u32 · key · value · createRevision · modRevision · version
 * - `app.kv.history`: version u8 · changes in order of revisions, as change-codec.ts has them
 *
 * The same state gives the same bytes on every replica, however they were cut into chunks. Writing is
 * lazy: the chunks are made from captured state when they are asked for. Reading holds a chunk and at
 * most one item more than what it has built. An older program refuses a version that it does not know.
 *
 * What may go wrong: the file's checksums have been checked, so what does not fit together here is a
 * bug or a file put together by hand. Either way DATA_CORRUPT, and nothing of it is taken over.
 */

import { ClusterError } from '../errors.ts';
import { SNAPSHOT_CHUNK_BYTES } from '../limits.ts';
import type { SnapshotReader, SnapshotSection } from '../storage/index.ts';
import { ByteReader, ByteWriter, NO_BYTES, readU32LE, uintLength } from './bytes.ts';
import { CHANGE_LENGTH_BYTES, checkChange } from './change-codec.ts';
import { type CapturedHistory, ChangeHistory, type HistoryBounds } from './change-history.ts';
import { type CapturedItems, type ItemRevisions, KvStore } from './kv-store.ts';
import type { RecordPlace } from './record-slabs.ts';
import { NO_SLOT, TreeCursor } from './tree-nodes.ts';

export const META_SECTION = 'app.kv.meta';
export const ITEMS_SECTION = 'app.kv.items';
export const HISTORY_SECTION = 'app.kv.history';

const VERSION = 1;
const FRAME_LENGTH_BYTES = CHANGE_LENGTH_BYTES;
/** A chunk ends with the item that fills it, and most items are small. */
const ITEM_ROOM_BYTES = 4 * 1024;
/** The number of items is what the file says, and memory is taken for no more of them beforehand. */
const ITEMS_EXPECTED_MAX = 2 ** 20;

export interface CapturedState {
  readonly items: CapturedItems;
  readonly history: CapturedHistory;
  readonly revision: number;
  readonly compactedRevision: number;
}

export function snapshotSections(state: CapturedState): SnapshotSection[] {
  return [
    { name: META_SECTION, chunks: [encodeMeta(state)] },
    { name: ITEMS_SECTION, chunks: itemChunks(state.items) },
    { name: HISTORY_SECTION, chunks: historyChunks(state.history) },
  ];
}

export interface RestoredState {
  readonly store: KvStore;
  readonly history: ChangeHistory;
}

/** A snapshot without any of the sections stands for the empty state: the one that a cluster is founded on. */
export async function readSnapshot(
  reader: Pick<SnapshotReader, 'section'>,
  bounds: HistoryBounds,
): Promise<RestoredState> {
  const store = new KvStore();
  const meta = reader.section(META_SECTION);
  const items = reader.section(ITEMS_SECTION);
  const changes = reader.section(HISTORY_SECTION);
  if (meta === undefined && items === undefined && changes === undefined) {
    return { store, history: new ChangeHistory(bounds) };
  }
  if (meta === undefined) throw corrupt(`there is no section ${META_SECTION}`);
  if (items === undefined) throw corrupt(`there is no section ${ITEMS_SECTION}`);
  if (changes === undefined) throw corrupt(`there is no section ${HISTORY_SECTION}`);
  const expected = await readMeta(meta);
  await readItems(items, store, expected);
  const history = new ChangeHistory(bounds, expected.compactedRevision);
  await readHistory(changes, history, expected);
  return { store, history };
}

interface Meta {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly items: number;
  readonly changes: number;
}

function encodeMeta(state: CapturedState): Uint8Array {
  return new ByteWriter()
    .u8(VERSION)
    .uint(state.revision)
    .uint(state.compactedRevision)
    .uint(state.items.count)
    .uint(state.history.count)
    .finish();
}

async function readMeta(chunks: AsyncIterable<Uint8Array>): Promise<Meta> {
  const whole = new ByteWriter();
  for await (const chunk of chunks) {
    whole.raw(chunk);
    if (whole.length > SNAPSHOT_CHUNK_BYTES) throw corrupt(`${META_SECTION} is too long`);
  }
  const reader = new ByteReader(whole.finish(), 'DATA_CORRUPT', META_SECTION);
  checkVersion(META_SECTION, reader.u8('version'));
  const revision = reader.uint('revision');
  const compactedRevision = reader.uint('compactedRevision');
  const items = reader.uint('number of items');
  const changes = reader.uint('number of changes');
  reader.done();
  if (compactedRevision + changes !== revision) {
    throw corrupt(`${changes} changes from ${compactedRevision} on do not lead to ${revision}`);
  }
  return { revision, compactedRevision, items, changes };
}

function* itemChunks({ slots, root }: CapturedItems): Generator<Uint8Array> {
  const writer = new ByteWriter(SNAPSHOT_CHUNK_BYTES + ITEM_ROOM_BYTES);
  writer.u8(VERSION);
  const { records } = slots;
  const cursor = new TreeCursor(root, NO_BYTES, slots);
  for (let slot = cursor.next(); slot !== NO_SLOT; slot = cursor.next()) {
    const ref = slots.ref(slot);
    const key = records.key(ref);
    const value = records.value(ref);
    const createRevision = records.createRevision(ref);
    const modRevision = records.modRevision(ref);
    const version = records.version(ref);
    const numbers = uintLength(createRevision) + uintLength(modRevision) + uintLength(version);
    const blobs = uintLength(key.length) + key.length + uintLength(value.length) + value.length;
    writer
      .u32(blobs + numbers)
      .blob(key)
      .blob(value);
    writer.uint(createRevision).uint(modRevision).uint(version);
    if (writer.length >= SNAPSHOT_CHUNK_BYTES) yield* pieces(writer.take());
  }
  if (writer.length > 0) yield* pieces(writer.take());
}

function* historyChunks(history: CapturedHistory): Generator<Uint8Array> {
  yield Uint8Array.of(VERSION);
  for (const piece of history.pieces) yield* pieces(piece);
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += SNAPSHOT_CHUNK_BYTES) {
    yield bytes.subarray(at, at + SNAPSHOT_CHUNK_BYTES);
  }
}

/** An item as it lies in its chunk. One is filled again for each: there may be millions of them. */
class LoadedItem implements RecordPlace, ItemRevisions {
  /** Of key and value, behind the beginning of the item. */
  keyStart = 0;
  keyLength = 0;
  valueStart = 0;
  valueLength = 0;
  createRevision = 0;
  modRevision = 0;
  version = 0;
  readonly #reader: ByteReader = new ByteReader(NO_BYTES, 'DATA_CORRUPT', 'item in the snapshot');

  /** @throws ClusterError DATA_CORRUPT. */
  read(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    reader.over(bytes, start, end);
    this.keyLength = reader.skipBlob('key');
    this.keyStart = reader.position - this.keyLength - start;
    this.valueLength = reader.skipBlob('value');
    this.valueStart = reader.position - this.valueLength - start;
    this.createRevision = reader.uint('createRevision');
    this.modRevision = reader.uint('modRevision');
    this.version = reader.uint('version');
    reader.done();
  }

  fail(problem: string): never {
    this.#reader.fail(problem);
  }
}

async function readItems(
  chunks: AsyncIterable<Uint8Array>,
  store: KvStore,
  expected: Meta,
): Promise<void> {
  const loader = store.loader(Math.min(expected.items, ITEMS_EXPECTED_MAX));
  const item = new LoadedItem();
  await forEachFrame(ITEMS_SECTION, chunks, (bytes, start, end) => {
    item.read(bytes, start, end);
    if (item.modRevision > expected.revision)
      item.fail(`has modRevision ${item.modRevision}, in the future`);
    const valueEnd = start + item.valueStart + item.valueLength;
    const isNext = loader.add(bytes.subarray(start, valueEnd), item, item);
    if (!isNext) item.fail('is not in the order of keys');
  });
  if (loader.count !== expected.items) {
    throw corrupt(`${ITEMS_SECTION} has ${loader.count} items instead of ${expected.items}`);
  }
  loader.finish();
}

async function readHistory(
  chunks: AsyncIterable<Uint8Array>,
  history: ChangeHistory,
  expected: Meta,
): Promise<void> {
  await forEachFrame(HISTORY_SECTION, chunks, (bytes, start, end) => {
    const revision = checkChange(bytes, start, end);
    if (revision !== history.revision + 1) {
      throw corrupt(`change ${revision} follows change ${history.revision}`);
    }
    history.load(bytes.subarray(start - FRAME_LENGTH_BYTES, end));
  });
  if (history.revision !== expected.revision) {
    throw corrupt(`the history ends at ${history.revision} instead of ${expected.revision}`);
  }
}

/**
 * Shows each frame (length u32, then so many bytes) of a section that may be cut anywhere. Frames that
 * lie whole in a chunk are not copied; one that spans several is put together by itself.
 */
async function forEachFrame(
  section: string,
  chunks: AsyncIterable<Uint8Array>,
  visit: (bytes: Uint8Array, start: number, end: number) => void,
): Promise<void> {
  /** The beginning of a frame that the chunks so far do not hold whole. */
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  /** To go on with it: its length, then all of it. */
  let neededBytes = FRAME_LENGTH_BYTES;
  let isFirst = true;
  for await (const chunk of chunks) {
    let at = 0;
    if (isFirst && chunk.length > 0) {
      checkVersion(section, chunk[at++] as number);
      isFirst = false;
    }
    while (waitingBytes > 0 && at < chunk.length) {
      const piece = chunk.subarray(at, at + neededBytes - waitingBytes);
      waiting.push(piece);
      waitingBytes += piece.length;
      at += piece.length;
      if (waitingBytes < neededBytes) break;
      const begun = concat(waiting, waitingBytes);
      neededBytes = FRAME_LENGTH_BYTES + readU32LE(begun, 0);
      waiting = [begun];
      if (waitingBytes < neededBytes) continue;
      visit(begun, FRAME_LENGTH_BYTES, neededBytes);
      waitingBytes = 0;
    }
    if (waitingBytes > 0) continue;
    at = visitWhole(chunk, at, visit);
    const left = chunk.subarray(at);
    waiting = [left];
    waitingBytes = left.length;
    const hasLength = left.length >= FRAME_LENGTH_BYTES;
    neededBytes = FRAME_LENGTH_BYTES + (hasLength ? readU32LE(left, 0) : 0);
  }
  if (isFirst) throw corrupt(`${section} is empty`);
  if (waitingBytes > 0) throw corrupt(`${section} ends inside a record`);
}

/** Shows the frames that lie whole in the chunk, from `at` on; where the next one begins. */
function visitWhole(
  chunk: Uint8Array,
  at: number,
  visit: (bytes: Uint8Array, start: number, end: number) => void,
): number {
  while (chunk.length - at >= FRAME_LENGTH_BYTES) {
    const start = at + FRAME_LENGTH_BYTES;
    const end = start + readU32LE(chunk, at);
    if (end > chunk.length) break;
    visit(chunk, start, end);
    at = end;
  }
  return at;
}

function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function checkVersion(section: string, version: number): void {
  if (version === VERSION) return;
  throw corrupt(`${section} has version ${version}; this program reads version ${VERSION}`);
}

function corrupt(problem: string): ClusterError {
  return new ClusterError(
    'DATA_CORRUPT',
    `the snapshot does not hold a key-value state: ${problem}; fetch one from another node, or restore a backup`,
  );
}
