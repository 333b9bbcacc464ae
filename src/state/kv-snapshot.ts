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
import { ByteReader, ByteWriter, NO_BYTES } from './bytes.ts';
import { CHANGE_LENGTH_BYTES, checkChange } from './change-codec.ts';
import { type CapturedHistory, ChangeHistory, type HistoryBounds } from './change-history.ts';
import { type CapturedItems, KvStore } from './kv-store.ts';
import { NO_SLOT, TreeCursor } from './tree-nodes.ts';

export const META_SECTION = 'app.kv.meta';
export const ITEMS_SECTION = 'app.kv.items';
export const HISTORY_SECTION = 'app.kv.history';

const VERSION = 1;
const FRAME_LENGTH_BYTES = CHANGE_LENGTH_BYTES;

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
  const writer = new ByteWriter();
  const frame = new ByteWriter();
  writer.u8(VERSION);
  const { records } = slots;
  const cursor = new TreeCursor(root, NO_BYTES, slots);
  for (let slot = cursor.next(); slot !== NO_SLOT; slot = cursor.next()) {
    const ref = slots.ref(slot);
    frame.clear();
    frame.blob(records.key(ref)).blob(records.value(ref)).uint(records.createRevision(ref));
    frame.uint(records.modRevision(ref)).uint(records.version(ref));
    writer.u32(frame.length).raw(frame.peek());
    if (writer.length >= SNAPSHOT_CHUNK_BYTES) yield* pieces(writer.finish());
  }
  if (writer.length > 0) yield* pieces(writer.finish());
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

async function readItems(
  chunks: AsyncIterable<Uint8Array>,
  store: KvStore,
  expected: Meta,
): Promise<void> {
  const loader = store.loader();
  await forEachFrame(ITEMS_SECTION, chunks, (bytes, start, end) => {
    const reader = new ByteReader(bytes, 'DATA_CORRUPT', 'item in the snapshot', start, end);
    const keyLength = reader.skipBlob('key');
    const keyStart = reader.position - keyLength - start;
    const valueLength = reader.skipBlob('value');
    const valueEnd = reader.position;
    const valueStart = valueEnd - valueLength - start;
    const createRevision = reader.uint('createRevision');
    const modRevision = reader.uint('modRevision');
    const version = reader.uint('version');
    reader.done();
    if (modRevision > expected.revision)
      reader.fail(`has modRevision ${modRevision}, in the future`);
    const place = { keyStart, keyLength, valueStart, valueLength };
    const item = bytes.subarray(start, valueEnd);
    const isNext = loader.add(item, place, { createRevision, modRevision, version });
    if (!isNext) reader.fail('is not in the order of keys');
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
 * lie whole in a chunk are not copied; one that spans several is put together once.
 */
async function forEachFrame(
  section: string,
  chunks: AsyncIterable<Uint8Array>,
  visit: (bytes: Uint8Array, start: number, end: number) => void,
): Promise<void> {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let neededBytes = 1;
  let isFirst = true;
  for await (const chunk of chunks) {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes < neededBytes) continue;
    const bytes = waiting.length === 1 ? chunk : concat(waiting, waitingBytes);
    let at = 0;
    if (isFirst) {
      checkVersion(section, bytes[at++] as number);
      isFirst = false;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    neededBytes = FRAME_LENGTH_BYTES;
    while (bytes.length - at >= FRAME_LENGTH_BYTES) {
      const start = at + FRAME_LENGTH_BYTES;
      const end = start + view.getUint32(at, true);
      if (end > bytes.length) {
        neededBytes = end - at;
        break;
      }
      visit(bytes, start, end);
      at = end;
    }
    waiting = at < bytes.length ? [bytes.subarray(at)] : [];
    waitingBytes = bytes.length - at;
  }
  if (isFirst) throw corrupt(`${section} is empty`);
  if (waitingBytes > 0) throw corrupt(`${section} ends inside a record`);
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
