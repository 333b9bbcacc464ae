/**
 * What a history says about revisions, before anything is replayed: who wrote which revision, who read at
 * which, which revisions nobody owned up to, and who may have written those.
 *
 * Two things are judged here already, because they need no state. A revision belongs to one write. And
 * revisions respect real time: whoever is called after another has returned sees a revision not below the
 * other's, and a write one above it.
 */
import { type HistoryOperation, isRead, operationText, takenSteps } from './operation.ts';

/** A write that may have taken a revision without our being told which. */
export interface Candidate {
  readonly operation: HistoryOperation;
  /** The highest revision that was told to anybody before it was called; its own is above. */
  readonly above: number;
}

export interface RevisionEvents {
  /** By revision; undefined: a missing one. Revision 0 is the empty store. */
  readonly writers: readonly (HistoryOperation | undefined)[];
  readonly readers: ReadonlyMap<number, readonly HistoryOperation[]>;
  readonly missing: readonly number[];
  readonly candidates: readonly Candidate[];
  /** Operations that told a revision. */
  readonly told: number;
  /** Operations that were answered without one: this says nothing about them. */
  readonly untold: number;
}

/** `isComplete`: all writes are in the history, so missing revisions must be those of unknown ones. */
export function revisionEvents(
  history: readonly HistoryOperation[],
  isComplete: boolean,
): RevisionEvents | { readonly lines: readonly string[] } {
  const readers = new Map<number, HistoryOperation[]>();
  const byRevision = new Map<number, HistoryOperation>();
  let highest = 0;
  let told = 0;
  let untold = 0;
  for (const operation of history) {
    const { revision } = operation;
    if (revision === undefined || !isTold(operation)) {
      if (operation.ok === true && operation.consistency !== 'local') untold++;
      continue;
    }
    told++;
    highest = Math.max(highest, revision);
    if (!wroteByAnswer(operation)) {
      const list = readers.get(revision);
      if (list === undefined) readers.set(revision, [operation]);
      else list.push(operation);
      continue;
    }
    const other = byRevision.get(revision);
    if (other !== undefined) return twoWriters(revision, other, operation);
    byRevision.set(revision, operation);
  }
  const late = checkRealTime(history);
  if ('lines' in late) return late;
  const { candidates } = late;
  if (!isComplete) return { writers: [], readers, missing: [], candidates, told, untold };
  // Far more missing than could be filled: not worth listing them.
  if (highest - byRevision.size > candidates.length) {
    return tooManyMissing(highest, byRevision, candidates.length);
  }
  const writers: (HistoryOperation | undefined)[] = [undefined];
  const missing: number[] = [];
  for (let revision = 1; revision <= highest; revision++) {
    const writer = byRevision.get(revision);
    writers.push(writer);
    if (writer === undefined) missing.push(revision);
  }
  return { writers, readers, missing, candidates, told, untold };
}

/** Its answer says what it did, and at which revision. */
function isTold(operation: HistoryOperation): boolean {
  if (operation.ok !== true || operation.revision === undefined) return false;
  return operation.op !== 'delete' || operation.output !== null;
}

/** Whether what it answered means that it changed something. */
export function wroteByAnswer(operation: HistoryOperation): boolean {
  switch (operation.op) {
    case 'put':
    case 'increment':
      return true;
    case 'cas':
    case 'delete':
      return operation.output === true;
    case 'txn':
      return takenSteps(operation).some(
        ({ step, output }) => step.op !== 'get' && output !== false,
      );
    default:
      return false;
  }
}

function isCandidate(operation: HistoryOperation): boolean {
  if (isRead(operation) || operation.ok === false) return false;
  if (operation.ok === true) return !isTold(operation) && operation.output !== false;
  if (operation.op !== 'txn') return true;
  return [...(operation.then ?? []), ...(operation.else ?? [])].some(({ op }) => op !== 'get');
}

interface Moment {
  readonly at: number;
  readonly isCall: boolean;
  readonly operation: HistoryOperation;
}

/** Goes through time once; also finds for each candidate what it must lie above. */
function checkRealTime(
  history: readonly HistoryOperation[],
): { readonly candidates: Candidate[] } | { readonly lines: readonly string[] } {
  const moments: Moment[] = [];
  for (const operation of history) {
    moments.push({ at: operation.call, isCall: true, operation });
    if (operation.return === null || !isTold(operation)) continue;
    moments.push({ at: operation.return, isCall: false, operation });
  }
  // At one time calls come first: what is simultaneous is in no order.
  moments.sort((a, b) => a.at - b.at || Number(b.isCall) - Number(a.isCall));
  const candidates: Candidate[] = [];
  let newest: HistoryOperation | undefined;
  for (const { isCall, operation } of moments) {
    const above = newest?.revision ?? 0;
    const { revision = 0 } = operation;
    if (!isCall) {
      if (newest === undefined || revision > above) newest = operation;
      continue;
    }
    if (isCandidate(operation)) candidates.push({ operation, above });
    if (newest === undefined || !isTold(operation) || operation.consistency === 'local') continue;
    const isWrite = wroteByAnswer(operation);
    if (revision > above || (revision === above && !isWrite)) continue;
    return {
      lines: [
        `revisions run against time: revision ${above} was told, and afterwards came a call that`,
        `${isWrite ? 'wrote' : 'read'} revision ${revision}`,
        `  first:      ${operationText(newest)}`,
        `  afterwards: ${operationText(operation)}`,
      ],
    };
  }
  return { candidates };
}

function twoWriters(
  revision: number,
  one: HistoryOperation,
  other: HistoryOperation,
): { readonly lines: readonly string[] } {
  return {
    lines: [
      `revision ${revision} was told to two writes:`,
      `  ${operationText(one)}`,
      `  ${operationText(other)}`,
    ],
  };
}

function tooManyMissing(
  highest: number,
  byRevision: ReadonlyMap<number, HistoryOperation>,
  candidates: number,
): { readonly lines: readonly string[] } {
  let first = 1;
  while (byRevision.has(first)) first++;
  return {
    lines: [
      `revisions up to ${highest} were told, ${highest - byRevision.size} of them belong to no write`,
      `that was answered (the first is ${first}), but only ${candidates} writes have an unknown outcome`,
    ],
  };
}
