/**
 * The key-value store as src/state/types.ts promises it, in its plainest form: a map, a revision for each
 * request that changed something, and a way back to any revision.
 *
 * It is written from the promise, not from the store's code, and shares nothing with it: it judges it.
 */
import {
  compareKeys,
  type HistoryGuard,
  type HistoryOperation,
  type HistoryStep,
  type RangeOutput,
  rangeHoldsKey,
  rangeOutput,
  type TxnOutput,
  wholeNumber,
} from './operation.ts';

export interface StoredItem {
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

export interface Executed {
  /** Undefined: it is refused, and changes nothing. */
  readonly output: unknown;
  /** It changed something, so it takes a revision. */
  readonly wrote: boolean;
}

interface Change {
  readonly revision: number;
  readonly previous: StoredItem | undefined;
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

export class StoreModel {
  readonly #items = new Map<string, StoredItem>();
  /** What each change replaced: by key, and which keys changed in which order. */
  readonly #changes = new Map<string, Change[]>();
  readonly #journal: { readonly revision: number; readonly key: string }[] = [];
  readonly #sortedKeys: readonly string[];

  /** `keys`: all that will ever be named. */
  constructor(keys: Iterable<string>) {
    this.#sortedKeys = [...keys].sort(compareKeys);
  }

  value(key: string): string | null {
    return this.#items.get(key)?.value ?? null;
  }

  /** What was there before the change of `revision`. */
  valueBefore(key: string, revision: number): string | null {
    const changes = this.#changes.get(key) ?? [];
    let low = 0;
    let high = changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((changes[middle] as Change).revision < revision) low = middle + 1;
      else high = middle;
    }
    const change = changes[low];
    return change === undefined ? this.value(key) : (change.previous?.value ?? null);
  }

  /** Keys that were named, in order, from `start` to `end` as a range means it. */
  keysIn(start: string, end: string | undefined): string[] {
    return this.#sortedKeys.filter((key) => rangeHoldsKey(start, end, key));
  }

  /** Back to the state before the change of `revision`. */
  rewind(revision: number): void {
    for (let last = this.#journal.at(-1); last !== undefined; last = this.#journal.at(-1)) {
      if (last.revision < revision) return;
      this.#journal.pop();
      const change = this.#changes.get(last.key)?.pop();
      if (change?.previous === undefined) this.#items.delete(last.key);
      else this.#items.set(last.key, change.previous);
    }
  }

  /** Does it, as the change of `revision` if it changes anything. */
  execute(operation: HistoryOperation, revision: number): Executed {
    const { op, key, value, expect } = operation;
    switch (op) {
      case 'get':
        return { output: this.value(key), wrote: false };
      case 'range':
        return { output: this.#range(operation), wrote: false };
      case 'cas': {
        const isAsExpected = this.value(key) === expect;
        if (isAsExpected) this.#set(key, value ?? '', revision);
        return { output: isAsExpected, wrote: isAsExpected };
      }
      case 'txn':
        return this.#transaction(operation, revision);
      default: {
        const output = this.#step({ op, key, value }, revision);
        return { output, wrote: output !== undefined && output !== false };
      }
    }
  }

  /** `undefined`: it is refused. */
  #step({ op, key, value }: HistoryStep, revision: number): string | boolean | null | undefined {
    switch (op) {
      case 'get':
        return this.value(key);
      case 'put':
        this.#set(key, value ?? '', revision);
        return null;
      case 'delete':
        return this.#delete(key, revision);
      case 'increment': {
        const present = wholeNumber(this.value(key));
        if (present === undefined) return undefined;
        const sum = present + BigInt(value ?? '0');
        if (sum > INT64_MAX || sum < INT64_MIN) return undefined;
        this.#set(key, sum.toString(), revision);
        return sum.toString();
      }
    }
  }

  #transaction(operation: HistoryOperation, revision: number): Executed {
    const succeeded = (operation.guards ?? []).every((guard) => this.holds(guard));
    const steps: (string | boolean | null)[] = [];
    let wrote = false;
    for (const step of (succeeded ? operation.then : operation.else) ?? []) {
      const output = this.#step(step, revision);
      if (output === undefined) {
        this.rewind(revision);
        return { output: undefined, wrote: false };
      }
      steps.push(output);
      if (step.op !== 'get' && output !== false) wrote = true;
    }
    return { output: { succeeded, steps } satisfies TxnOutput, wrote };
  }

  holds({ key, target, operator, operand }: HistoryGuard): boolean {
    const item = this.#items.get(key);
    let order: number;
    if (target === 'value') {
      if (item === undefined) return false;
      order = compareKeys(item.value, String(operand));
    } else order = (item?.[target] ?? 0) - Number(operand);
    if (operator === 'equal') return order === 0;
    if (operator === 'notEqual') return order !== 0;
    return operator === 'less' ? order < 0 : order > 0;
  }

  /** As many items as the answer has, if it says that there are more. */
  #range(operation: HistoryOperation): RangeOutput {
    const told = rangeOutput(operation);
    const items: { key: string; value: string }[] = [];
    for (const key of this.keysIn(operation.key, operation.end)) {
      const value = this.value(key);
      if (value === null) continue;
      if (told.more && items.length === told.items.length) return { items, more: true };
      items.push({ key, value });
    }
    return { items, more: false };
  }

  #set(key: string, value: string, revision: number): void {
    const previous = this.#items.get(key);
    this.#note(key, revision, previous);
    const { createRevision, version } = previous ?? { createRevision: revision, version: 0 };
    const item = { value, createRevision, modRevision: revision, version: version + 1 };
    this.#items.set(key, item);
  }

  #delete(key: string, revision: number): boolean {
    const previous = this.#items.get(key);
    if (previous === undefined) return false;
    this.#note(key, revision, previous);
    this.#items.delete(key);
    return true;
  }

  #note(key: string, revision: number, previous: StoredItem | undefined): void {
    this.#journal.push({ revision, key });
    const changes = this.#changes.get(key);
    if (changes === undefined) this.#changes.set(key, [{ revision, previous }]);
    else changes.push({ revision, previous });
  }
}
