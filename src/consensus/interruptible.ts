/**
 * Lets a state machine read or write gigabytes without making anybody wait for it: between any two
 * chunks it is asked whether the work is still wanted, and if not, the chunk is an error instead. So a
 * node that is stopped while it restores or saves a large state ends within its bound. Whoever is asked
 * may also take his time, for the sake of others (snapshots.ts).
 *
 * A machine that hangs gives no next chunk. So where it writes, the end of the node is an error at once, in
 * the place of the chunk that may never come: the storage lets go of its file, and can be closed.
 */
import type { SnapshotReader, SnapshotSection } from '../storage/index.ts';
import { storageFailure } from './complaints.ts';
import type { Interruption } from './waiting.ts';

/** Throws, or rejects, when nobody wants it any more. The next chunk waits for it. */
type Check = () => void | Promise<void>;

export function interruptibleReader(
  reader: Pick<SnapshotReader, 'section'>,
  check: Check,
): Pick<SnapshotReader, 'section'> {
  return {
    section: (name) => {
      const chunks = reader.section(name);
      return chunks === undefined ? undefined : stored(interruptible(chunks, check));
    },
  };
}

/** What fails while the machine reads them is not the machine's fault. */
async function* stored(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    throw storageFailure(error);
  }
}

export function interruptibleSections(
  sections: readonly SnapshotSection[],
  check: Check,
  interruption: Interruption,
): SnapshotSection[] {
  return sections.map(({ name, chunks }) => {
    const checked = interruptible(chunks, check);
    const next = (): Promise<IteratorResult<Uint8Array>> => interruption.unless(checked.next());
    const iterator = { next, return: () => checked.return(undefined) };
    return { name, chunks: { [Symbol.asyncIterator]: () => iterator } };
  });
}

async function* interruptible(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  check: Check,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    await check();
    yield chunk;
  }
}
