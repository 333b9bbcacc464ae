/**
 * What was durable is there again: at each opening of a data folder the disk holds everything that any earlier
 * life was told is durable, and nothing that it was never given (paper, figure 2; NASTY 38).
 *
 * The log that is found must be the durable one, with none, some or all of the batches behind it that were
 * under way when the process went, whole and in order: whatever else is there, a crash has made up. A
 * snapshot whose installing was under way may have taken the place of all that. The term must not have
 * fallen, the vote of that term not be forgotten. Nor may the commit index have gone back behind the last
 * batch that held more than it: alone it is worth no write, since it is learnt again.
 *
 * Within a life, too: what is handed to the storage never lowers term or commit index.
 */
import type { HardState } from '../../src/raft/index.ts';
import type { Storage } from '../../src/storage/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import { type Checker, Violation } from './checker.ts';
import { ClusterRecords, type LeftBehind, nameOf } from './cluster-records.ts';
import { MachineLog } from './machine-log.ts';

export class Persistence implements Checker {
  readonly name = 'what was durable is there';
  readonly #records: ClusterRecords;
  readonly #states: Map<string, HardState> = new Map();

  constructor(records: ClusterRecords = new ClusterRecords()) {
    this.#records = records;
  }

  event(event: SimEvent): void {
    this.#records.see(event);
    if (event.kind === 'opened') this.#opened(event, event.storage);
    else if (event.kind === 'appended' && event.batch.hardState !== undefined) {
      this.#checkRises(event, event.batch.hardState);
    }
  }

  #opened(event: SimEvent, storage: Storage): void {
    const { hardState } = storage.initialState();
    this.#states.set(event.node, hardState);
    const { left } = this.#records.of(event.node);
    if (left === undefined) return;
    this.#checkLog(event, left, MachineLog.of(storage));
    this.#checkState(event, left.hardState, hardState);
  }

  #checkLog(event: SimEvent, left: LeftBehind, found: MachineLog): void {
    const { log, pending } = left;
    const first = log.firstDifference(found);
    if (first === undefined) return;
    const wanted = log.copy();
    for (const { entries } of pending) {
      wanted.replace(entries);
      if (wanted.firstDifference(found) === undefined) return;
    }
    const isInstalled =
      found.baseIndex > log.baseIndex &&
      log.termAt(found.baseIndex) !== found.termAt(found.baseIndex);
    if (isInstalled) return;
    this.#fail(
      event,
      `opened a log that is not what was made durable: at ${first} it has ` +
        `${entryText(found, first)}, and should have ${entryText(log, first)}; it reaches from ` +
        `${found.baseIndex + 1} to ${found.lastIndex}, the durable one from ${log.baseIndex + 1} to ` +
        `${log.lastIndex}, and ${pending.length} batches were under way`,
    );
  }

  #checkState(event: SimEvent, left: HardState, found: HardState): void {
    if (found.term < left.term) {
      this.#fail(event, `opened with term ${found.term}; term ${left.term} was made durable`);
    }
    if (found.term === left.term && left.vote !== 0 && found.vote !== left.vote) {
      const vote = found.vote === 0 ? 'no vote' : `a vote for raft id ${found.vote}`;
      this.#fail(
        event,
        `opened with ${vote} in term ${found.term}; one for raft id ${left.vote} was made durable`,
      );
    }
    if (found.commit < left.commit) {
      this.#fail(
        event,
        `opened with commit index ${found.commit}; ${left.commit} was made durable`,
      );
    }
  }

  #checkRises(event: SimEvent, state: HardState): void {
    const before = this.#states.get(event.node);
    this.#states.set(event.node, state);
    if (before === undefined) return;
    if (state.term < before.term) {
      this.#fail(event, `stores term ${state.term} after term ${before.term}: terms never fall`);
    }
    if (state.commit < before.commit) {
      this.#fail(
        event,
        `stores commit index ${state.commit} after ${before.commit}: it never goes back`,
      );
    }
  }

  #fail(event: SimEvent, what: string): never {
    throw new Violation(this.name, `${nameOf(event)} ${what}`);
  }
}

function entryText(log: MachineLog, index: number): string {
  const term = log.termAt(index);
  return term === undefined ? 'no entry' : `an entry of term ${term}`;
}
