/**
 * The history of a workload, with what only a simulator knows: which host asked which nodes, in
 * milliseconds of the run. The history is judged (sim/history); the rest is for the person who reads why.
 */
import {
  type AskedOperation,
  checkHistory,
  type HistoryOperation,
  type HistoryOutcome,
  HistoryRecorder,
  operationText,
} from '../history/index.ts';
import type { Findings } from './findings.ts';
import type { LoggedChange } from './revision-log.ts';
import type { SimClient } from './sim-client.ts';
import { withTrueRevisions } from './true-revisions.ts';

/** Operations of a key that a violation shows, the last ones. */
const SHOWN_MAX = 40;

interface Note {
  readonly who: string;
  /** Of a write: what was sent, as `commandName` has it. */
  readonly command: string | undefined;
  asked: readonly string[];
}

export type LedgerToken = ReturnType<HistoryRecorder['begin']>;

export class Ledger {
  /** The highest that any client was told. */
  revision = 0;
  readonly #recorder: HistoryRecorder = new HistoryRecorder();
  readonly #notes: Note[] = [];
  /** Times that a client gave up on an operation: it goes on under another number. */
  readonly #generations: Map<SimClient, number> = new Map();

  begin(client: SimClient, asked: Omit<AskedOperation, 'client'>, command?: string): LedgerToken {
    const generation = this.#generations.get(client) ?? 0;
    const number = client.number + 100 * generation;
    this.#notes.push({ who: client.name, command, asked: [] });
    return this.#recorder.begin({ ...asked, client: number }, nanoseconds(client));
  }

  end(client: SimClient, token: LedgerToken, outcome: HistoryOutcome): void {
    const note = this.#notes[token];
    if (note !== undefined) note.asked = client.asked;
    if (outcome.ok === true) this.revision = Math.max(this.revision, outcome.revision ?? 0);
    if (outcome.ok === null) {
      this.#generations.set(client, (this.#generations.get(client) ?? 0) + 1);
    }
    this.#recorder.end(token, outcome, nanoseconds(client));
  }

  operations(): HistoryOperation[] {
    return this.#recorder.operations();
  }

  /** The operations, with the revisions that unknown writes took by what was applied. */
  operationsAsApplied(changes: readonly LoggedChange[]): HistoryOperation[] {
    const commands = this.#notes.map(({ command }) => command);
    return withTrueRevisions(this.operations(), commands, changes);
  }

  /** @throws Violation when the history has no explanation, or none was found in time. */
  check(findings: Findings, changes: readonly LoggedChange[]): void {
    const report = checkHistory(this.operationsAsApplied(changes));
    if (report.isOk) return;
    const lines = report.findings.flatMap(({ key, lines }) => [
      ...lines,
      ...(key === undefined ? [] : ['its operations:', ...this.tellKey(key)]),
    ]);
    const rule = report.violations > 0 ? 'linearizability' : 'linearizability (undecided)';
    findings.found(rule, lines.join('\n'));
  }

  /** The last operations that name the key, one a line. */
  tellKey(key: string): string[] {
    return this.tell(
      ({ key: own, end, guards, then, else: other }) =>
        own === key ||
        end !== undefined ||
        [...(guards ?? []), ...(then ?? []), ...(other ?? [])].some((part) => part.key === key),
    );
  }

  tell(isWanted: (operation: HistoryOperation) => boolean): string[] {
    const lines: string[] = [];
    for (const [at, operation] of this.operations().entries()) {
      if (isWanted(operation)) lines.push(this.#line(at, operation));
    }
    const left = lines.length - SHOWN_MAX;
    return left <= 0 ? lines : [`(${left} earlier ones)`, ...lines.slice(left)];
  }

  #line(at: number, operation: HistoryOperation): string {
    const { who, asked } = this.#notes[at] as Note;
    const from = milliseconds(operation.call);
    const to = operation.return === null ? '?' : milliseconds(operation.return);
    const nodes = asked.length === 0 ? 'nobody' : asked.join(', ');
    return `  ${from}..${to} ms ${who} at ${nodes}: ${operationText(operation)}`;
  }
}

function nanoseconds(client: SimClient): number {
  return Math.round(client.nowMs * 1e6);
}

function milliseconds(ns: number): string {
  return (ns / 1e6).toFixed(3);
}
