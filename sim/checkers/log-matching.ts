/**
 * Log matching (paper, figure 3): two logs that hold an entry of one index and term are the same in it and in
 * everything before it.
 *
 * Everything is seen when it is handed to a storage. For each index and term the first one to write it says
 * what it holds and of which term the entry before it is; all others must agree on both. That the whole
 * prefix is the same follows by induction. Contents are compared by length and CRC-32: the faults looked for
 * are not made by somebody who knows how to forge one.
 *
 * Terms in one log never fall: whoever appended later led later.
 */
import { crc32 } from 'node:zlib';
import type { Entry, LogIndex, Term } from '../../src/raft/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import { type Checker, Violation } from './checker.ts';
import { nameOf } from './cluster-records.ts';
import { MachineLog } from './machine-log.ts';

interface Place {
  readonly term: Term;
  readonly type: number;
  readonly bytes: number;
  readonly checksum: number;
  /** Term of the entry before it; undefined while nobody who knew it has written the entry. */
  before: Term | undefined;
  readonly by: string;
}

/** Indexes below the newest that are remembered. Who is farther behind than that gets a snapshot. */
const INDEXES_KEPT = 100_000;

export class LogMatching implements Checker {
  readonly name = 'log matching';
  /** By index; mostly one place, more where leaders fought over it. */
  readonly #places: Map<LogIndex, Place[]> = new Map();
  readonly #logs: Map<string, MachineLog> = new Map();
  #newest: LogIndex = 0;
  #oldest: LogIndex = 1;

  event(event: SimEvent): void {
    switch (event.kind) {
      case 'opened':
        this.#logs.set(event.node, MachineLog.of(event.storage));
        return;
      case 'snapshot-installed': {
        const { index, term } = event.snapshot.metadata;
        this.#logs.get(event.node)?.install(index, term);
        return;
      }
      case 'compacted':
        this.#logs.get(event.node)?.compact(event.index);
        return;
      case 'appended':
        this.#appended(nameOf(event), this.#logs.get(event.node), event.batch.entries);
        return;
    }
  }

  #appended(by: string, log: MachineLog | undefined, entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined || log === undefined) return;
    let before = log.termAt(first.index - 1);
    log.replace(entries);
    for (const entry of entries) {
      if (before !== undefined && entry.term < before) {
        throw new Violation(
          this.name,
          `${by} wrote entry ${entry.index} of term ${entry.term} after one of term ${before}: ` +
            'terms in a log never fall',
        );
      }
      this.#place(by, entry, before);
      before = entry.term;
    }
    this.#forget();
  }

  #place(by: string, entry: Entry, before: Term | undefined): void {
    const { index, term, type, data } = entry;
    const bytes = data.length;
    const checksum = bytes === 0 ? 0 : crc32(data);
    const places = this.#places.get(index);
    const known = places?.find((place) => place.term === term);
    if (known === undefined) {
      const place: Place = { term, type, bytes, checksum, before, by };
      if (places === undefined) this.#places.set(index, [place]);
      else places.push(place);
      this.#newest = Math.max(this.#newest, index);
      return;
    }
    if (known.bytes !== bytes || known.checksum !== checksum || known.type !== type) {
      throw new Violation(
        this.name,
        `two different entries at index ${index} of term ${term}: ${known.by} wrote ` +
          `${text(known)}, ${by} wrote ${text({ type, bytes, checksum })}`,
      );
    }
    if (known.before !== undefined && before !== undefined && known.before !== before) {
      throw new Violation(
        this.name,
        `two histories of the entry at index ${index} of term ${term}: before it ${known.by} has ` +
          `an entry of term ${known.before}, ${by} one of term ${before}`,
      );
    }
    known.before ??= before;
  }

  #forget(): void {
    for (; this.#oldest < this.#newest - INDEXES_KEPT; this.#oldest++) {
      this.#places.delete(this.#oldest);
    }
  }
}

function text({ type, bytes, checksum }: Pick<Place, 'type' | 'bytes' | 'checksum'>): string {
  return `${bytes} bytes of type ${type} with checksum ${checksum.toString(16).padStart(8, '0')}`;
}
