/**
 * Lets a state machine read or write gigabytes without making anybody wait for it: between any two
 * chunks it is asked whether the work is still wanted, and if not, the chunk is an error instead. So a
 * node that is stopped while it restores or saves a large state ends within its bound.
 */
import type { SnapshotReader, SnapshotSection } from '../storage/index.ts';

/** `check` throws when nobody wants it any more. */
export function interruptibleReader(
  reader: Pick<SnapshotReader, 'section'>,
  check: () => void,
): Pick<SnapshotReader, 'section'> {
  return {
    section: (name) => {
      const chunks = reader.section(name);
      return chunks === undefined ? undefined : interruptible(chunks, check);
    },
  };
}

export function interruptibleSections(
  sections: readonly SnapshotSection[],
  check: () => void,
): SnapshotSection[] {
  return sections.map(({ name, chunks }) => ({ name, chunks: interruptible(chunks, check) }));
}

async function* interruptible(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  check: () => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    check();
    yield chunk;
  }
}
