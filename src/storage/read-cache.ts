/**
 * Entries that were read back from the segments for followers that are far behind. They have a bound
 * of their own: a slow follower that walks through a gigabyte of old log evicts what other slow
 * followers read, and never the hot end of the log.
 *
 * A block is what one load brought: contiguous entries that share one read buffer, so the buffer is
 * what counts against the bound. The block that was added last always stays, however large: whoever
 * loaded it is about to ask for it.
 */
import type { Entry, LogIndex } from '../raft/index.ts';

interface Block {
  readonly first: LogIndex;
  readonly entries: readonly Entry[];
  readonly bytes: number;
}

/** With many small blocks a look through all of them would cost more than it saves. */
const BLOCKS_MAX = 64;

export class ReadCache {
  readonly #limitBytes: number;
  /** Least recently used first. */
  #blocks: Block[] = [];
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Contiguous entries of which the first is the one at `index`. `undefined`: not here. */
  from(index: LogIndex): { readonly entries: readonly Entry[]; readonly at: number } | undefined {
    const blocks = this.#blocks;
    for (let i = blocks.length - 1; i >= 0; i--) {
      const block = blocks[i]!;
      const at = index - block.first;
      if (at < 0 || at >= block.entries.length) continue;
      if (i !== blocks.length - 1) {
        blocks.splice(i, 1);
        blocks.push(block);
      }
      return { entries: block.entries, at };
    }
    return undefined;
  }

  /** `bytes`: of the buffer that the entries are views of. */
  add(entries: readonly Entry[], bytes: number): void {
    const first = entries[0];
    if (first === undefined) return;
    this.#blocks.push({ first: first.index, entries, bytes });
    this.#bytes += bytes;
    while (
      this.#blocks.length > 1 &&
      (this.#bytes > this.#limitBytes || this.#blocks.length > BLOCKS_MAX)
    ) {
      this.#bytes -= this.#blocks.shift()!.bytes;
    }
  }

  /** A conflict replaced the entries from `index` on: blocks that reach there are stale. */
  truncateFrom(index: LogIndex): void {
    this.#keep((block) => block.first + block.entries.length <= index);
  }

  dropThrough(index: LogIndex): void {
    this.#keep((block) => block.first + block.entries.length - 1 > index);
  }

  clear(): void {
    this.#keep(() => false);
  }

  #keep(wanted: (block: Block) => boolean): void {
    this.#blocks = this.#blocks.filter(wanted);
    this.#bytes = this.#blocks.reduce((sum, block) => sum + block.bytes, 0);
  }
}
