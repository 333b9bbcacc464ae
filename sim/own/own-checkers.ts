/**
 * What is asked of a user's state machine while a run goes on, in his words. They stand before the checkers
 * of the cluster, which would find the same faults a moment later and speak of logs and hashes.
 *
 * - `SameResults`: who applies an entry gets the results that the first one got. Commands that differ at one
 *   index are none of the machine's doing; that is left to the cluster's own checkers.
 * - `MachineFailures`: no machine throws, and none answers what is no result.
 */
import type { CommandResult } from '../../src/consensus/index.ts';
import { ClusterError } from '../../src/errors.ts';
import type { LogIndex } from '../../src/raft/index.ts';
import type { Storage } from '../../src/storage/index.ts';
import { type Checker, Violation } from '../checkers/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { bytesText, bytesTexts } from './bytes-text.ts';
import { WatchedMachine } from './watched-machine.ts';

export const SAME_RESULTS = 'same results on every node';
export const MACHINE_FAILURES = 'a machine that takes every command';

/** One command as one process applied it. */
interface Answer {
  readonly node: string;
  readonly life: number;
  readonly command: Uint8Array;
  readonly result: CommandResult;
  /** Of the snapshot that its machine began with; 0: it has applied everything itself. */
  readonly origin: LogIndex;
}

/** Where one process is in the list. */
interface Cursor {
  index: LogIndex;
  /** Commands of that entry so far; one entry may come in several runs. */
  commands: number;
  origin: LogIndex;
}

type Applied = Extract<SimEvent, { kind: 'applied' }>;

export class SameResults implements Checker {
  readonly name: string = SAME_RESULTS;
  readonly #answers: Map<LogIndex, Answer[]> = new Map();
  readonly #cursors: Map<string, Cursor> = new Map();
  readonly #storages: Map<string, Storage> = new Map();
  /** A snapshot below it holds no command: every cluster begins with such a one. */
  #firstIndex: LogIndex | undefined;

  event(event: SimEvent, cluster: SimCluster): void {
    if (event.kind === 'opened') this.#storages.set(event.node, event.storage);
    else if (event.kind === 'began') this.#begin(event.node, 0);
    else if (event.kind === 'restored') this.#restored(event.node);
    else if (event.kind === 'applied') this.#applied(event, cluster);
  }

  #restored(node: string): void {
    const index = this.#storages.get(node)?.newestSnapshot?.index ?? 0;
    this.#begin(node, this.#firstIndex !== undefined && index >= this.#firstIndex ? index : 0);
  }

  #begin(node: string, origin: LogIndex): Cursor {
    const cursor: Cursor = { index: 0, commands: 0, origin };
    this.#cursors.set(node, cursor);
    return cursor;
  }

  #applied({ node, life, index, commands, results }: Applied, cluster: SimCluster): void {
    const cursor = this.#cursors.get(node) ?? this.#begin(node, 0);
    this.#firstIndex ??= index;
    if (cursor.index !== index) Object.assign(cursor, { index, commands: 0 });
    const answers = this.#answers.get(index) ?? [];
    this.#answers.set(index, answers);
    for (const [at, command] of commands.entries()) {
      const result = results[at];
      if (result === undefined) return;
      const answer = { node, life, command, result, origin: cursor.origin };
      const known = answers[cursor.commands];
      if (known === undefined) answers.push(answer);
      else if (isEqual(known.command, command) && !isSame(known.result, result)) {
        throw new Violation(this.name, differenceText(index, known, answer, cluster));
      }
      cursor.commands += 1;
    }
  }
}

export class MachineFailures implements Checker {
  readonly name: string = MACHINE_FAILURES;

  event(event: SimEvent): void {
    if (event.kind !== 'ended') return;
    for (let error: unknown = event.error; error instanceof Error; error = error.cause) {
      if (!(error instanceof ClusterError) || error.code !== 'STATE_MACHINE_FAILED') continue;
      throw new Violation(
        this.name,
        `the state machine of ${nameOf(event)} ended its node: ${error.message}`,
      );
    }
  }
}

function differenceText(index: LogIndex, one: Answer, other: Answer, cluster: SimCluster): string {
  const results = bytesTexts([one.result.bytes, other.result.bytes]);
  const lines = [
    `${nameOf(one)} and ${nameOf(other)} applied entry ${index} and gave different results:`,
    `  the command  ${bytesText(one.command)}`,
    ...[one, other].map((answer, at) => `  ${answerText(answer, results[at])}`),
    'The machine is not deterministic: the same commands in the same order must give the same results on ' +
      'every node, also after a restart and from a snapshot on.',
    ...causesLines('Seen in this run:', seenCauses(one, other, cluster)),
    ...causesLines('Usual causes:', USUAL_CAUSES),
  ];
  return lines.join('\n');
}

function answerText({ node, life, result: { code }, origin }: Answer, bytes = ''): string {
  const from = origin === 0 ? '' : `, from the snapshot at ${origin} on`;
  return `${nameOf({ node, life })}${from}: code ${code}, ${bytes}`;
}

/** Where to look when nothing was seen. None of them is claimed. */
const USUAL_CAUSES: readonly string[] = [
  'snapshot() leaves out something that results depend on, or restore() does not put it back, in the same order',
  'state that machines of one process share: a variable of the module, a buffer that is used again for results',
  "chance or a clock that is Node's own (node:crypto, process.hrtime), or a Date.now kept in a variable",
  'a timer, or anything else that changes the state outside of apply',
];

function causesLines(title: string, causes: readonly string[]): string[] {
  return causes.length === 0 ? [] : [title, ...causes.map((cause) => `  - ${cause}`)];
}

/** What was noted of these two; it need not be the cause. */
function seenCauses(one: Answer, other: Answer, cluster: SimCluster): string[] {
  const seen: string[] = [];
  const looks = looksText(lookedAt(one.node, cluster));
  if (looks !== undefined) seen.push(looks);
  if (one.origin !== other.origin) {
    const [least, most] = [one, other].sort((a, b) => a.origin - b.origin) as [Answer, Answer];
    const since =
      least.origin === 0 ? 'from the beginning' : `from the snapshot at ${least.origin}`;
    seen.push(
      `${nameOf(most)} began with the snapshot at ${most.origin}, ${nameOf(least)} has applied more itself, ${since} on`,
    );
  }
  return seen;
}

function lookedAt(node: string, cluster: SimCluster): ReadonlyMap<string, string> {
  const machine = cluster.machines.get(node)?.process?.machine;
  return machine instanceof WatchedMachine ? machine.looked : new Map();
}

/** What was looked at and by which function first; `undefined`: nothing. */
export function looksText(looked: ReadonlyMap<string, string>): string | undefined {
  if (looked.size === 0) return undefined;
  const looks = [...looked].map(([what, where]) => `${what} in ${where}`).join(', ');
  return (
    `the machine looked at ${looks}: it differs from node to node (put the value into the command, before it ` +
    'is proposed)'
  );
}

/** `n2`, and which start of it where that is not the first. */
export function nameOf({ node, life }: { readonly node: string; readonly life: number }): string {
  return life === 1 ? node : `${node} (start ${life})`;
}

function isSame(a: CommandResult, b: CommandResult): boolean {
  return a.code === b.code && isEqual(a.bytes, b.bytes);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
