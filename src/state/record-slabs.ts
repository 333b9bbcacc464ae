/**
 * Memory for keys and values: records, written one behind the other into slabs of our own.
 *
 * Why not an object for each key: a million keys would be some five million objects for the garbage
 * collector to walk through, and a value that is a slice of a socket's chunk pins the whole chunk. Here
 * a key costs its bytes, a header of 32 and the number (`RecordRef`) that its slot holds.
 * What that comes to: docs/internals/performance.md.
 *
 * A record never changes once it is written; a new value is a new record, and the old one is released.
 * So whoever holds the table of slabs as it was (a snapshot) goes on reading it while writes go on.
 * A slab whose last record is released is dropped; one that is less than half alive is `sparse`. While
 * more than half as much again as what is alive is held, the store moves elsewhere what is left of the
 * sparse ones, a bounded piece after each batch. Writes thus pay for at most one moved byte per byte given
 * back, and memory stays below twice what is alive.
 *
 * Layout, in words of 8 bytes: key length u32, value length u32 · createRevision f64 · modRevision f64
 * · version f64 · key · value, filled up to a word. In memory only: byte order is the machine's.
 */
import { assert } from '../errors.ts';
import { SLAB_BYTES, SLAB_RECORD_BYTES_MAX } from '../limits.ts';
import { hashKey, NO_BYTES } from './bytes.ts';
import type { KeyValue } from './types.ts';

/** Slot of the slab times 2^16, plus the word in it: a small integer up to 16 GiB, exact far beyond. */
export type RecordRef = number;

const WORD_BYTES = 8;
const HEADER_WORDS = 4;
const HEADER_BYTES = HEADER_WORDS * WORD_BYTES;
/** Memory held beyond this share of what is alive is given back. */
const HELD_SHARE_MAX = 1.5;
/** The slab that is being filled. */
const HELD_SPARE_BYTES: number = SLAB_BYTES;
/** A loop over the bytes of a longer key would cost more than a view of it. */
const KEY_BYTES_LOOPED_MAX = 64;
const SLOT_STEP = 65_536;
const WORD_MASK = 0xffff;

interface Slab {
  readonly slot: number;
  readonly bytes: Uint8Array;
  readonly lengths: Uint32Array;
  readonly numbers: Float64Array;
  /** Words written; only ever grows. */
  usedWords: number;
  /** Words of records that were not released. */
  liveWords: number;
  /** Somebody captured the records: its memory is not used again. */
  isShared: boolean;
}

/** What is needed to write a record. */
export interface RecordFields {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

/** Where key and value lie in bytes that hold both. */
export interface RecordPlace {
  readonly keyStart: number;
  readonly keyLength: number;
  readonly valueStart: number;
  readonly valueLength: number;
}

/** Reads records of a table of slabs: the living one, or one that was captured. */
export class RecordReader {
  protected readonly slabs: (Slab | undefined)[];

  constructor(slabs: (Slab | undefined)[]) {
    this.slabs = slabs;
  }

  /** Order of `key` and the record's key. */
  compareKey(key: Uint8Array, ref: RecordRef): number {
    return this.compare(key, 0, key.length, ref);
  }

  /** Order of `bytes` from `start` to `end` and the record's key. */
  compare(bytes: Uint8Array, start: number, end: number, ref: RecordRef): number {
    const slab = this.#slab(ref);
    const word = ref & WORD_MASK;
    const own = slab.bytes;
    const ownLength = slab.lengths[word * 2] as number;
    const length = Math.min(end - start, ownLength);
    const ownStart = word * WORD_BYTES + HEADER_BYTES;
    for (let i = 0; i < length; i++) {
      const difference = (bytes[start + i] as number) - (own[ownStart + i] as number);
      if (difference !== 0) return difference;
    }
    return end - start - ownLength;
  }

  /** Whether the record's key is `bytes` from `start` to `end`. */
  isKey(bytes: Uint8Array, start: number, end: number, ref: RecordRef): boolean {
    const slab = this.#slab(ref);
    const word = ref & WORD_MASK;
    if (slab.lengths[word * 2] !== end - start) return false;
    const own = slab.bytes;
    let at = word * WORD_BYTES + HEADER_BYTES;
    while (start < end) if (own[at++] !== bytes[start++]) return false;
    return true;
  }

  /** A view; never to be changed or kept. */
  key(ref: RecordRef): Uint8Array {
    const slab = this.#slab(ref);
    const word = ref & WORD_MASK;
    const start = word * WORD_BYTES + HEADER_BYTES;
    return slab.bytes.subarray(start, start + (slab.lengths[word * 2] as number));
  }

  /** A view; never to be changed or kept. */
  value(ref: RecordRef): Uint8Array {
    const slab = this.#slab(ref);
    const word = ref & WORD_MASK;
    const start = word * WORD_BYTES + HEADER_BYTES + (slab.lengths[word * 2] as number);
    return slab.bytes.subarray(start, start + (slab.lengths[word * 2 + 1] as number));
  }

  /** As `hashKey` of the record's key. */
  keyHash(ref: RecordRef): number {
    const slab = this.#slab(ref);
    const word = ref & WORD_MASK;
    const start = word * WORD_BYTES + HEADER_BYTES;
    return hashKey(slab.bytes, start, start + (slab.lengths[word * 2] as number));
  }

  createRevision(ref: RecordRef): number {
    return this.#slab(ref).numbers[(ref & WORD_MASK) + 1] as number;
  }

  modRevision(ref: RecordRef): number {
    return this.#slab(ref).numbers[(ref & WORD_MASK) + 2] as number;
  }

  version(ref: RecordRef): number {
    return this.#slab(ref).numbers[(ref & WORD_MASK) + 3] as number;
  }

  /** Bytes of key and value. */
  payloadBytes(ref: RecordRef): number {
    const { lengths } = this.#slab(ref);
    const word = ref & WORD_MASK;
    return (lengths[word * 2] as number) + (lengths[word * 2 + 1] as number);
  }

  /** A copy, to be handed out. */
  item(ref: RecordRef, keyOnly = false): KeyValue {
    const { bytes, lengths, numbers } = this.#slab(ref);
    const word = ref & WORD_MASK;
    const start = word * WORD_BYTES + HEADER_BYTES;
    const keyEnd = start + (lengths[word * 2] as number);
    const valueEnd = keyEnd + (lengths[word * 2 + 1] as number);
    return {
      // Of the slab, which is no Buffer: copies at once, without views of it.
      key: bytes.slice(start, keyEnd),
      value: keyOnly ? NO_BYTES : bytes.slice(keyEnd, valueEnd),
      createRevision: numbers[word + 1] as number,
      modRevision: numbers[word + 2] as number,
      version: numbers[word + 3] as number,
    };
  }

  #slab(ref: RecordRef): Slab {
    // References come from a tree that was captured together with this table: the slab is there.
    return this.slabs[Math.floor(ref / SLOT_STEP)] as Slab;
  }
}

export class RecordSlabs extends RecordReader {
  readonly #freeSlots: number[] = [];
  /** Of those that are there, the ones less than half alive, in the order in which they became so. */
  readonly #sparse: Set<Slab> = new Set();
  #current: Slab | undefined;
  /**
   * Of the last slab that was dropped: memory that is new costs a fault for each page of it. One at
   * most, and not in `heldBytes`, which is weighed against what is alive.
   */
  #spare: Uint8Array | undefined;
  #heldBytes = 0;
  #liveBytes = 0;

  constructor() {
    super([]);
  }

  /** Memory taken, and how much of it holds records that count. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Slabs that are worth to be emptied; of those that are there. */
  get sparseSlabs(): number {
    return this.#sparse.size;
  }

  /** The records as they are now, for ever: what is written later does not touch them. */
  capture(): RecordReader {
    for (const slab of this.slabs) if (slab !== undefined) slab.isShared = true;
    return new RecordReader(this.slabs.slice());
  }

  write(fields: RecordFields): RecordRef {
    const { key, value } = fields;
    const slab = this.#slabFor(recordWords(key.length, value.length));
    const start = slab.usedWords * WORD_BYTES + HEADER_BYTES;
    slab.bytes.set(key, start);
    slab.bytes.set(value, start + key.length);
    const { createRevision, modRevision, version } = fields;
    return this.#enter(slab, key.length, value.length, createRevision, modRevision, version);
  }

  /**
   * As `write`, of bytes that hold the key and end with the value, and little else. Views of the two
   * would cost more than all else here; so the bytes are copied whole, in such a way that the value comes
   * to lie where it belongs. What is in front of it falls on the header, and the key and then the header
   * are written over it.
   */
  writeFrom(
    bytes: Uint8Array,
    place: RecordPlace,
    createRevision: number,
    modRevision: number,
    version: number,
  ): RecordRef {
    const { keyStart, keyLength, valueStart, valueLength } = place;
    const slab = this.#slabFor(recordWords(keyLength, valueLength));
    const start = slab.usedWords * WORD_BYTES + HEADER_BYTES;
    assert(valueStart <= keyLength + HEADER_BYTES, 'what is in front falls on the header');
    const own = slab.bytes;
    own.set(bytes, start + keyLength - valueStart);
    if (keyLength > KEY_BYTES_LOOPED_MAX) {
      own.set(bytes.subarray(keyStart, keyStart + keyLength), start);
    } else {
      for (let at = 0; at < keyLength; at++) own[start + at] = bytes[keyStart + at] as number;
    }
    return this.#enter(slab, keyLength, valueLength, createRevision, modRevision, version);
  }

  /** The same record once more, elsewhere. */
  copy(ref: RecordRef): RecordRef {
    const from = this.slabs[Math.floor(ref / SLOT_STEP)] as Slab;
    const word = ref & WORD_MASK;
    const keyLength = from.lengths[word * 2] as number;
    const valueLength = from.lengths[word * 2 + 1] as number;
    const start = word * WORD_BYTES;
    const payload = from.bytes.subarray(
      start + HEADER_BYTES,
      start + HEADER_BYTES + keyLength + valueLength,
    );
    const slab = this.#slabFor(recordWords(keyLength, valueLength));
    slab.bytes.set(payload, slab.usedWords * WORD_BYTES + HEADER_BYTES);
    const { numbers } = from;
    const createRevision = numbers[word + 1] as number;
    const modRevision = numbers[word + 2] as number;
    const version = numbers[word + 3] as number;
    return this.#enter(slab, keyLength, valueLength, createRevision, modRevision, version);
  }

  /** The record counts no longer. Whoever captured it reads it still. */
  release(ref: RecordRef): void {
    const slab = this.slabs[Math.floor(ref / SLOT_STEP)];
    assert(slab !== undefined, 'a record is released once', { ref });
    const word = ref & WORD_MASK;
    const words = recordWords(
      slab.lengths[word * 2] as number,
      slab.lengths[word * 2 + 1] as number,
    );
    slab.liveWords -= words;
    this.#liveBytes -= words * WORD_BYTES;
    assert(slab.liveWords >= 0, 'no more is released than was written', { ref });
    if (slab === this.#current) return;
    this.#weigh(slab);
  }

  /**
   * Empties sparse slabs, those first that have been it longest, until about `bytesMax` were moved or
   * little memory would be won: where keys are written again in the order in which they were written,
   * slabs become empty by themselves, and whatever is moved is moved for nothing. `move` is shown every
   * record of such a slab, released ones too; it writes anew what counts still, and releases the old one.
   */
  compact(bytesMax: number, move: (ref: RecordRef) => void): void {
    let left = bytesMax;
    for (const slab of this.#sparse) {
      if (left <= 0) return;
      if (this.#heldBytes <= this.#liveBytes * HELD_SHARE_MAX + HELD_SPARE_BYTES) return;
      left -= slab.liveWords * WORD_BYTES;
      for (let word = 0; word < slab.usedWords && slab.liveWords > 0; ) {
        const keyLength = slab.lengths[word * 2] as number;
        const valueLength = slab.lengths[word * 2 + 1] as number;
        move(slab.slot * SLOT_STEP + word);
        word += recordWords(keyLength, valueLength);
      }
      assert(slab.liveWords === 0, 'a sparse slab is empty once its records were moved', {
        liveWords: slab.liveWords,
      });
    }
  }

  /** The record whose bytes stand behind what `slab` uses is one now. */
  #enter(
    slab: Slab,
    keyLength: number,
    valueLength: number,
    createRevision: number,
    modRevision: number,
    version: number,
  ): RecordRef {
    const word = slab.usedWords;
    slab.lengths[word * 2] = keyLength;
    slab.lengths[word * 2 + 1] = valueLength;
    slab.numbers[word + 1] = createRevision;
    slab.numbers[word + 2] = modRevision;
    slab.numbers[word + 3] = version;
    const words = recordWords(keyLength, valueLength);
    slab.usedWords += words;
    slab.liveWords += words;
    this.#liveBytes += words * WORD_BYTES;
    return slab.slot * SLOT_STEP + word;
  }

  #slabFor(words: number): Slab {
    if (words * WORD_BYTES > SLAB_RECORD_BYTES_MAX) return this.#open(words * WORD_BYTES);
    const current = this.#current;
    if (current !== undefined) {
      if ((current.usedWords + words) * WORD_BYTES <= current.bytes.length) return current;
      this.#current = undefined;
      // Nothing watched it while it was being filled.
      this.#weigh(current);
    }
    this.#current = this.#open(SLAB_BYTES);
    return this.#current;
  }

  #open(size: number): Slab {
    const slot = this.#freeSlots.pop() ?? this.slabs.length;
    const slab = newSlab(slot, this.#spareOf(size) ?? new Uint8Array(size));
    this.slabs[slot] = slab;
    this.#heldBytes += size;
    return slab;
  }

  #spareOf(size: number): Uint8Array | undefined {
    const spare = this.#spare;
    if (spare?.length !== size) return undefined;
    this.#spare = undefined;
    return spare;
  }

  /** It is not written to any more. */
  #weigh(slab: Slab): void {
    if (slab.liveWords === 0) this.#drop(slab);
    else if (slab.liveWords * 2 < slab.usedWords) this.#sparse.add(slab);
  }

  #drop(slab: Slab): void {
    this.#sparse.delete(slab);
    this.slabs[slab.slot] = undefined;
    this.#freeSlots.push(slab.slot);
    this.#heldBytes -= slab.bytes.length;
    if (slab.bytes.length === SLAB_BYTES && !slab.isShared) this.#spare = slab.bytes;
  }
}

function newSlab(slot: number, bytes: Uint8Array): Slab {
  return {
    slot,
    bytes,
    lengths: new Uint32Array(bytes.buffer),
    numbers: new Float64Array(bytes.buffer),
    usedWords: 0,
    liveWords: 0,
    isShared: false,
  };
}

function recordWords(keyLength: number, valueLength: number): number {
  return HEADER_WORDS + Math.ceil((keyLength + valueLength) / WORD_BYTES);
}
