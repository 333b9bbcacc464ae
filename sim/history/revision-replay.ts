/**
 * Replays the writes of a history in the order of their revisions and compares every answer.
 *
 * Missing revisions are filled with writes of unknown outcome where `placed` says so; where it does not,
 * a missing revision changes nothing for now. The replay stops at the first answer that does not fit, and
 * says which keys would have had to hold something else: that is where a write is missing.
 */

import {
  type HistoryOperation,
  operationText,
  type RangeOutput,
  rangeOutput,
  takenSteps,
  txnOutput,
} from './operation.ts';
import { keysOf } from './register-parts.ts';
import type { RevisionEvents } from './revision-events.ts';
import { StoreModel } from './store-model.ts';

/** A key that did not hold what an answer shows. */
export interface Blame {
  readonly key: string;
  /** Undefined: anything else than what it held. */
  readonly needed: string | null | undefined;
  /** It is about the key's version or revisions: every write to it shows in them, however long ago. */
  readonly isDeep: boolean;
}

export interface Mismatch {
  readonly revision: number;
  readonly operation: HistoryOperation;
  readonly blames: readonly Blame[];
  /** It is a placed write that would change nothing there. */
  readonly isPlaced: boolean;
  readonly lines: readonly string[];
}

export class RevisionReplay {
  readonly store: StoreModel;
  readonly placed: Map<number, HistoryOperation> = new Map();
  readonly #events: RevisionEvents;
  #steps = 0;

  constructor(events: RevisionEvents, history: readonly HistoryOperation[]) {
    this.#events = events;
    this.store = new StoreModel(keysOf(history));
  }

  /** Operations replayed. */
  get steps(): number {
    return this.#steps;
  }

  /** From the state before `revision` on. */
  run(revision: number): Mismatch | undefined {
    this.store.rewind(revision);
    for (let at = revision; at < this.#events.writers.length; at++) {
      const writer = this.#events.writers[at];
      const wrong = writer === undefined ? this.#fill(at) : this.#compare(writer, at);
      if (wrong !== undefined) return wrong;
      for (const reader of this.#events.readers.get(at) ?? []) {
        const wrongRead = this.#compare(reader, at);
        if (wrongRead !== undefined) return wrongRead;
      }
    }
    return undefined;
  }

  #fill(revision: number): Mismatch | undefined {
    const operation = this.placed.get(revision);
    if (operation === undefined) return undefined;
    this.#steps++;
    const { wrote } = this.store.execute(operation, revision);
    if (wrote) return undefined;
    const blames = inputsOf(operation);
    const text = operationText(operation);
    const lines = [
      `revision ${revision} belongs to no answered write, and this one does nothing:`,
      text,
    ];
    return { revision, operation, blames, isPlaced: true, lines };
  }

  #compare(operation: HistoryOperation, revision: number): Mismatch | undefined {
    this.#steps++;
    // A reader that "wrote" here shows as a difference of answers, and the caller goes back.
    const { output } = this.store.execute(operation, revision);
    const blames = differences(operation, output, this.store, revision);
    if (blames.length === 0) return undefined;
    const lines = [
      `at revision ${revision} an answer does not fit what all writes up to it make of the store:`,
      `  answered: ${operationText(operation)}`,
      `  replayed: ${output === undefined ? 'refused' : JSON.stringify(output)}`,
    ];
    for (const { key } of blames.slice(0, 3)) {
      const value = this.store.valueBefore(key, this.#before(operation, revision));
      lines.push(
        `  ${JSON.stringify(key)} holds ${value === null ? 'no value' : JSON.stringify(value)}`,
      );
    }
    return { revision, operation, blames, isPlaced: false, lines };
  }

  /** Writers see what is before their revision, readers what is after it. */
  #before(operation: HistoryOperation, revision: number): number {
    return this.#events.writers[revision] === operation ? revision : revision + 1;
  }
}

function isSameRange(one: RangeOutput, other: RangeOutput): boolean {
  if (one.more !== other.more || one.items.length !== other.items.length) return false;
  return one.items.every(({ key, value }, i) => {
    const item = other.items[i];
    return key === item?.key && value === item.value;
  });
}

/** What it depends on, whether and what an operation writes. */
export function inputsOf(operation: HistoryOperation): Blame[] {
  const { op, key, guards = [] } = operation;
  if (op !== 'txn') return [{ key, needed: undefined, isDeep: false }];
  const guarded = new Set(guards.map((guard) => guard.key));
  const others = [...keysOf([operation])].filter((one) => !guarded.has(one));
  return [
    ...guardInputs(operation),
    ...others.map((one) => ({ key: one, needed: undefined, isDeep: false })),
  ];
}

function guardInputs({ guards = [] }: HistoryOperation): Blame[] {
  return guards.map(({ key, target }) => ({ key, needed: undefined, isDeep: target !== 'value' }));
}

/** The keys on which a told answer and the replayed one differ. */
function differences(
  operation: HistoryOperation,
  output: unknown,
  store: StoreModel,
  revision: number,
): Blame[] {
  const { op, key, expect } = operation;
  const told = operation.output ?? null;
  switch (op) {
    case 'put':
      return [];
    case 'get':
      return told === output ? [] : [{ key, needed: told as string | null, isDeep: false }];
    case 'cas':
      return told === output
        ? []
        : [{ key, needed: told === true ? expect : undefined, isDeep: false }];
    case 'delete':
      return told === output
        ? []
        : [{ key, needed: told === false ? null : undefined, isDeep: false }];
    case 'increment':
      return told === output ? [] : [{ key, needed: undefined, isDeep: false }];
    case 'range':
      return rangeDifferences(operation, output, store);
    case 'txn':
      return txnDifferences(operation, output, store, revision);
  }
}

function rangeDifferences(
  operation: HistoryOperation,
  output: unknown,
  store: StoreModel,
): Blame[] {
  const told = rangeOutput(operation);
  if (isSameRange(told, output as RangeOutput)) return [];
  const values = new Map(told.items.map((item) => [item.key, item.value]));
  const blames: Blame[] = [];
  const last = told.items.at(-1)?.key;
  let isBehind = told.more && last === undefined;
  for (const key of store.keysIn(operation.key, operation.end)) {
    const needed = isBehind ? undefined : (values.get(key) ?? null);
    if (isBehind ? store.value(key) === null : store.value(key) !== needed) {
      blames.push({ key, needed, isDeep: false });
    }
    if (told.more && key === last) isBehind = true;
  }
  // Items that stand in no order, twice, or that nobody ever wrote: nothing can be missing to mend that.
  return blames.length > 0 ? blames : [{ key: operation.key, needed: undefined, isDeep: false }];
}

function txnDifferences(
  operation: HistoryOperation,
  output: unknown,
  store: StoreModel,
  revision: number,
): Blame[] {
  const told = txnOutput(operation);
  if (output === undefined) return inputsOf(operation);
  const replayed = output as typeof told;
  if (replayed.succeeded !== told.succeeded) return guardInputs(operation);
  const own = new Set<string>();
  for (const [i, { step, output: answer }] of takenSteps(operation).entries()) {
    const isSame = replayed.steps[i] === answer;
    if (!isSame) {
      const isPlain = step.op === 'get' && !own.has(step.key);
      const isStale = isPlain && store.valueBefore(step.key, revision) !== answer;
      return [
        { key: step.key, needed: isStale ? (answer as string | null) : undefined, isDeep: false },
      ];
    }
    if (step.op !== 'get') own.add(step.key);
  }
  return [];
}
