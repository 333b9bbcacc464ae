/**
 * State machine safety (paper, figure 3): all nodes apply the same commands at the same indexes, in order, and
 * get the same results.
 *
 * The first node to apply an index says which term, commands and results belong there, and which indexes hold
 * any commands at all (an entry may hold none: an election's, a change of members, a repeated request). Every
 * other node, in every life, must follow the same list step by step: nothing skipped, nothing twice, nothing
 * else. The only jump is to the place of a snapshot that its machine has been restored from. One entry may
 * come in several runs of commands.
 *
 * Memory: some forty bytes an applied entry, for as long as the run lasts.
 */
import { crc32 } from 'node:zlib';
import type { CommandResult } from '../../src/consensus/index.ts';
import type { LogIndex, Term } from '../../src/raft/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import { type Checker, Violation } from './checker.ts';
import { ClusterRecords, nameOf } from './cluster-records.ts';

interface Run {
  readonly commands: number;
  readonly commandHash: number;
  readonly resultHash: number;
}

interface Step {
  readonly index: LogIndex;
  readonly term: Term;
  readonly runs: Run[];
  readonly by: string;
}

/** Where one life is in the list. */
interface Cursor {
  /** Of the step that was begun last, in the list; -1 before the first. */
  at: number;
  /** Runs of it that were applied. */
  runs: number;
  /** A restored snapshot covers everything up to here. */
  restored: LogIndex;
}

type Applied = Extract<SimEvent, { kind: 'applied' }>;

export class StateMachineSafety implements Checker {
  readonly name = 'state machine safety';
  readonly #records: ClusterRecords;
  readonly #steps: Step[] = [];
  readonly #cursors: Map<string, Cursor> = new Map();

  constructor(records: ClusterRecords = new ClusterRecords()) {
    this.#records = records;
  }

  event(event: SimEvent): void {
    this.#records.see(event);
    if (event.kind === 'began') this.#cursors.set(event.node, { at: -1, runs: 0, restored: 0 });
    else if (event.kind === 'restored') this.#restored(event.node);
    else if (event.kind === 'applied') this.#applied(event);
  }

  /** The machine holds what the newest snapshot of its storage holds. */
  #restored(node: string): void {
    const index = this.#records.of(node).storage?.newestSnapshot?.index ?? 0;
    const at = this.#lastUpTo(index);
    const runs = this.#steps[at]?.runs.length ?? 0;
    this.#cursors.set(node, { at, runs, restored: index });
  }

  #applied(event: Applied): void {
    const cursor = this.#cursors.get(event.node) ?? { at: -1, runs: 0, restored: 0 };
    this.#cursors.set(event.node, cursor);
    const run = runOf(event.commands, event.results);
    const current = this.#steps[cursor.at];
    if (event.index === current?.index && event.index > cursor.restored) {
      this.#compare(event, current, run, cursor.runs);
      cursor.runs += 1;
      return;
    }
    this.#checkFollows(event, cursor, current);
    cursor.at += 1;
    cursor.runs = 1;
    const next = this.#steps[cursor.at];
    if (next === undefined) {
      const { index, term } = event;
      this.#steps.push({ index, term, runs: [run], by: nameOf(event) });
    } else this.#compare(event, next, run, 0);
  }

  /** The step after the cursor's must be that index, or be the first that anybody makes. */
  #checkFollows(event: Applied, cursor: Cursor, current: Step | undefined): void {
    const { index } = event;
    const done = Math.max(current?.index ?? 0, cursor.restored);
    if (index <= done) {
      this.#fail(
        event,
        `applied ${index} when it had applied ${done} before: nothing is applied twice`,
      );
    }
    if (
      current !== undefined &&
      cursor.runs < current.runs.length &&
      current.index > cursor.restored
    ) {
      this.#fail(
        event,
        `applied ${cursor.runs} runs of commands of entry ${current.index}, and then entry ${index}; ` +
          `${current.by} applied ${current.runs.length} runs`,
      );
    }
    const next = this.#steps[cursor.at + 1];
    if (next === undefined || next.index === index) return;
    const what =
      next.index < index
        ? `applied ${index} after ${done} and left out ${next.index}, which ${next.by} applied`
        : `applied commands at ${index} after ${done}; ${next.by} has none before ${next.index}`;
    this.#fail(event, what);
  }

  #compare(event: Applied, step: Step, run: Run, at: number): void {
    const { index, term } = event;
    if (term !== step.term) {
      this.#fail(event, `applied ${index} as of term ${term}; ${step.by} as of term ${step.term}`);
    }
    const known = step.runs[at];
    if (known === undefined) {
      // Another run of the entry that the first one to apply it is still at.
      const isFirst = step.by === nameOf(event) && step === this.#steps.at(-1);
      if (isFirst) step.runs.push(run);
      else this.#fail(event, `applied more runs of commands of entry ${index} than ${step.by} did`);
      return;
    }
    if (known.commands !== run.commands || known.commandHash !== run.commandHash) {
      this.#fail(
        event,
        `applied other commands at index ${index} of term ${term} than ${step.by} did`,
      );
    }
    if (known.resultHash !== run.resultHash) {
      this.#fail(
        event,
        `got other results than ${step.by} from the same commands at index ${index} of term ${term}: ` +
          'a machine that is not deterministic, or two states',
      );
    }
  }

  /** Position of the last step up to `index`, -1 when there is none. */
  #lastUpTo(index: LogIndex): number {
    let low = 0;
    let high = this.#steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#steps[middle]!.index <= index)
        low = middle + 1; // within bounds by the loop's condition
      else high = middle;
    }
    return low - 1;
  }

  #fail(event: SimEvent, what: string): never {
    throw new Violation(this.name, `${nameOf(event)} ${what}`);
  }
}

function runOf(commands: readonly Uint8Array[], results: readonly CommandResult[]): Run {
  let commandHash = 0;
  for (const command of commands)
    commandHash = (crc32(command, commandHash) + command.length) >>> 0;
  let resultHash = 0;
  for (const { code, bytes } of results) {
    resultHash = (crc32(bytes, resultHash) + Math.imul(code + 1, 31) + bytes.length) >>> 0;
  }
  return { commands: commands.length, commandHash, resultHash };
}
