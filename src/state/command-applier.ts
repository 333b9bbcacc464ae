/**
 * What each command does to the keys and to the history.
 *
 * A request is applied as revision `history.revision + 1`, and that revision is taken only if the
 * request wrote something: its change is then appended to the history, as one. The result of a
 * command that wrote nothing names the present revision.
 */
import { RANGE_ITEMS_MAX, TRANSACTION_READ_BYTES_MAX } from '../limits.ts';
import { compareBytes, copyBytes } from './bytes.ts';
import { ChangeWriter } from './change-codec.ts';
import type { ChangeHistory } from './change-history.ts';
import { isInt64 } from './command-shape.ts';
import type { KvStore } from './kv-store.ts';
import type { PutLayout } from './put-command.ts';
import type { Rejection, RejectionList } from './rejections.ts';
import type {
  Compare,
  CompareOperator,
  KeyRange,
  KvCommand,
  KvResult,
  StepResult,
  TransactionStep,
} from './types.ts';
import type { WatchIndex } from './watch-index.ts';

const DECIMAL = /^-?[0-9]+$/;
/** More digits than any 64-bit number has, leading zeros aside. */
const DECIMAL_CHARS_MAX = 64;
const COMMAND = { list: 'command', index: 0 } as const;

interface Place {
  readonly list: RejectionList;
  readonly index: number;
}

type TransactionCommand = Extract<KvCommand, { kind: 'transaction' }>;

/** A step of a transaction was refused; carries out of it why. */
class StepRefused {
  readonly rejection: Rejection;

  constructor(rejection: Rejection) {
    this.rejection = rejection;
  }
}

export class CommandApplier {
  readonly #store: KvStore;
  readonly #history: ChangeHistory;
  readonly #watches: WatchIndex;
  readonly #change: ChangeWriter = new ChangeWriter();
  /** Keys that the request under way has changed; kept for watches only. */
  #touched: Uint8Array[] = [];

  constructor(store: KvStore, history: ChangeHistory, watches: WatchIndex) {
    this.#store = store;
    this.#history = history;
    this.#watches = watches;
  }

  /** The command is within its limits: `checkCommand` has said so. */
  apply(command: KvCommand): KvResult | Rejection {
    switch (command.kind) {
      case 'put':
        this.#put(command.key, command.value);
        return { kind: 'put', revision: this.#commit() };
      case 'delete': {
        const deleted = this.#delete(command.range);
        return { kind: 'delete', revision: this.#commit(), deleted };
      }
      case 'compareAndSet':
        return this.#compareAndSet(command.key, command.expected, command.value);
      case 'increment': {
        const outcome = this.#increment(command.key, command.by, COMMAND);
        if (typeof outcome !== 'bigint') return outcome;
        return { kind: 'increment', revision: this.#commit(), value: outcome };
      }
      case 'transaction':
        return this.#transaction(command);
      case 'compact':
        return this.#compact(command.revision);
    }
  }

  /** As `apply`, of the bytes of a put; answers the revision that it took. */
  put(command: Uint8Array, put: PutLayout): number {
    const revision = this.#nextRevision;
    const { records } = this.#store;
    const ref = this.#store.putFrom(command, put, revision);
    this.#history.appendPut(command, records.createRevision(ref), records.version(ref));
    if (this.#watches.size > 0) this.#watches.note(records.key(ref), revision);
    return revision;
  }

  get #nextRevision(): number {
    return this.#history.revision + 1;
  }

  /** Ends a request; answers the revision that it took, or the present one if it changed nothing. */
  #commit(): number {
    if (this.#change.count === 0) return this.#history.revision;
    const revision = this.#nextRevision;
    this.#history.append(this.#change.finish(revision));
    for (const key of this.#touched) this.#watches.note(key, revision);
    if (this.#touched.length > 0) this.#touched = [];
    return revision;
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    const ref = this.#store.put(key, value, this.#nextRevision);
    this.#change.put(ref, this.#store.records);
    if (this.#watches.size > 0) this.#touched.push(key);
  }

  #delete(range: KeyRange): number {
    return this.#store.delete(range, (key) => {
      this.#change.delete(key);
      if (this.#watches.size > 0) this.#touched.push(key);
    });
  }

  #compareAndSet(key: Uint8Array, expected: Uint8Array | undefined, value: Uint8Array): KvResult {
    const kind = 'compareAndSet';
    const ref = this.#store.find(key);
    const actual = ref === undefined ? undefined : this.#store.records.value(ref);
    const isAsExpected =
      actual === undefined || expected === undefined
        ? actual === expected
        : compareBytes(actual, expected) === 0;
    if (isAsExpected) {
      this.#put(key, value);
      return { kind, revision: this.#commit(), swapped: true };
    }
    const revision = this.#history.revision;
    if (actual === undefined) return { kind, revision, swapped: false };
    return { kind, revision, swapped: false, actual: copyBytes(actual) };
  }

  #increment(key: Uint8Array, by: bigint, place: Place): bigint | Rejection {
    const ref = this.#store.find(key);
    const present = ref === undefined ? 0n : parseDecimal(this.#store.records.value(ref));
    const refused = { ...place, field: 'by', key: copyBytes(key) } as const;
    if (present === undefined) return { code: 'NOT_A_NUMBER', ...refused };
    const sum = present + by;
    if (!isInt64(present) || !isInt64(sum)) return { code: 'NUMBER_OUT_OF_RANGE', ...refused };
    this.#put(key, decimalBytes(sum));
    return sum;
  }

  #transaction(command: TransactionCommand): KvResult | Rejection {
    const kind = 'transaction';
    const succeeded = command.compare.every((compare) => this.#holds(compare));
    const list = succeeded ? 'then' : 'else';
    this.#store.begin();
    let steps: StepResult[];
    try {
      steps = this.#steps(command[list], list);
    } catch (error) {
      this.#store.undo();
      this.#change.clear();
      this.#touched = [];
      if (error instanceof StepRefused) return error.rejection;
      throw error;
    }
    this.#store.keep();
    return { kind, revision: this.#commit(), succeeded, steps };
  }

  #steps(steps: readonly TransactionStep[], list: 'then' | 'else'): StepResult[] {
    const results: StepResult[] = [];
    let bytesLeft = TRANSACTION_READ_BYTES_MAX;
    for (const [index, step] of steps.entries()) {
      if (step.kind !== 'get') {
        results.push(this.#write(step, { list, index }));
        continue;
      }
      // Once the bytes are used up, a read answers nothing but whether there is anything.
      const limit = bytesLeft > 0 ? (step.limit ?? RANGE_ITEMS_MAX) : 0;
      const { items, more, bytes } = this.#store.range(step.range, { limit, bytesMax: bytesLeft });
      bytesLeft -= bytes;
      results.push({ kind: 'get', items, more });
    }
    return results;
  }

  #write(step: Exclude<TransactionStep, { kind: 'get' }>, place: Place): StepResult {
    switch (step.kind) {
      case 'put':
        this.#put(step.key, step.value);
        return { kind: 'put' };
      case 'delete':
        return { kind: 'delete', deleted: this.#delete(step.range) };
      case 'increment': {
        const outcome = this.#increment(step.key, step.by, place);
        if (typeof outcome !== 'bigint') throw new StepRefused(outcome);
        return { kind: 'increment', value: outcome };
      }
    }
  }

  #holds(compare: Compare): boolean {
    const ref = this.#store.find(compare.key);
    const { records } = this.#store;
    if (compare.target === 'value') {
      if (ref === undefined) return false;
      return isOrdered(compareBytes(records.value(ref), compare.operand), compare.operator);
    }
    const actual = ref === undefined ? 0 : records[compare.target](ref);
    return isOrdered(actual - compare.operand, compare.operator);
  }

  #compact(revision: number): KvResult | Rejection {
    const place = { ...COMMAND, field: 'revision', actual: revision } as const;
    const { revision: newest, compactedRevision } = this.#history;
    if (revision > newest) return { code: 'REVISION_FUTURE', ...place, bound: newest };
    if (revision <= compactedRevision) {
      return { code: 'REVISION_COMPACTED', ...place, bound: compactedRevision };
    }
    this.#history.dropBelow(revision);
    return { kind: 'compact', revision: newest };
  }
}

function isOrdered(order: number, operator: CompareOperator): boolean {
  switch (operator) {
    case 'equal':
      return order === 0;
    case 'notEqual':
      return order !== 0;
    case 'less':
      return order < 0;
    case 'greater':
      return order > 0;
  }
}

/** `undefined`: it is not a whole number in decimal digits. */
function parseDecimal(bytes: Uint8Array): bigint | undefined {
  if (bytes.length === 0 || bytes.length > DECIMAL_CHARS_MAX) return undefined;
  const text = String.fromCharCode(...bytes);
  return DECIMAL.test(text) ? BigInt(text) : undefined;
}

function decimalBytes(value: bigint): Uint8Array {
  const text = value.toString();
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
