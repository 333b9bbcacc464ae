/** Reads one section of a snapshot file that nobody has opened: for looking into a data folder. */
import type { Disk } from '../world/index.ts';
import { sourceOf } from './partial-snapshot.ts';
import { FileSnapshotReader, readLayout } from './snapshot-reader.ts';
import type { StoredSnapshot } from './types.ts';

/** Nothing when there is no such section. @throws ClusterError DATA_CORRUPT. */
export async function* readSnapshotSection(
  disk: Disk,
  snapshot: StoredSnapshot & { readonly file: string },
  name: string,
): AsyncGenerator<Uint8Array> {
  const file = await disk.open(snapshot.file, 'read');
  try {
    const source = sourceOf(file, snapshot.file, snapshot.bytes);
    const reader = new FileSnapshotReader(snapshot, source, await readLayout(source));
    yield* reader.section(name) ?? [];
  } finally {
    await file.close();
  }
}
