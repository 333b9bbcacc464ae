/**
 * How many bytes of entries were applied since the node began, and at which index it was how many: what
 * the log behind an index takes on the disk, without asking the disk. To the next MiB, which is all that
 * anybody wants to know.
 */
import type { LogIndex } from '../raft/index.ts';

/** Bytes between two marks. */
const MARK_BYTES = 1024 * 1024;

interface Mark {
  readonly index: LogIndex;
  /** Applied up to it. */
  readonly total: number;
}

export class AppliedBytes {
  #total = 0;
  /** In the order of their indexes. */
  #marks: Mark[] = [];

  get total(): number {
    return this.#total;
  }

  /** Entries of that many bytes were applied, the last one of them at `index`. */
  add(index: LogIndex, bytes: number): void {
    this.#total += bytes;
    const last = this.#marks.at(-1);
    if (last !== undefined && this.#total - last.total < MARK_BYTES) return;
    this.#marks.push({ index, total: this.#total });
  }

  /** An index behind which there are `bytes` or little more up to `until`; 0 where there is none that is known. */
  indexBehind(until: LogIndex, bytes: number): LogIndex {
    const end = this.#marks.findLast((mark) => mark.index <= until);
    if (end === undefined) return 0;
    return this.#marks.findLast((mark) => mark.total <= end.total - bytes)?.index ?? 0;
  }

  /** Nobody asks for anything before `index` any more. */
  forgetBefore(index: LogIndex): void {
    this.#marks = this.#marks.filter((mark) => mark.index >= index);
  }
}
