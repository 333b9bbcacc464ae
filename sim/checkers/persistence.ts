/**
 * What was durable is there again: at each opening of a data folder the disk holds everything that any earlier
 * life was told is durable, and nothing that it was never given (paper, figure 2; NASTY 38).
 *
 * What is found must be the durable log, term and vote, with none, some or all of the batches and installs
 * that were under way when the process went, whole and in order: whatever else is there, a crash has made
 * up. So nothing goes back behind an installed snapshot, no vote is forgotten, and none appears that was
 * never given. The identity is the same one, incarnation included.
 *
 * What was applied does not go back either, in so far as that is a promise of the disk: the newest snapshot
 * found is no older than one that was said to be in force (unless bits on that disk were flipped, which may
 * make it unreadable), and the commit index does not go back behind the last batch that held more than it:
 * alone it is worth no write, since it is learnt again. What lies between the two is applied again, and
 * that it is the same is the business of state-machine-safety.ts.
 *
 * Within a life, too: what is handed to the storage never lowers term or commit index.
 */
import type { HardState } from '../../src/raft/index.ts';
import type { Identity, Storage } from '../../src/storage/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import { type Checker, Violation } from './checker.ts';
import { ClusterRecords, nameOf } from './cluster-records.ts';
import { MachineLog } from './machine-log.ts';
import { afterWrite, type LeftBehind } from './machine-record.ts';

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
    } else if (event.kind === 'snapshot-installing' && event.hardState !== undefined) {
      this.#checkRises(event, event.hardState);
    }
  }

  #opened(event: SimEvent, storage: Storage): void {
    const { hardState } = storage.initialState();
    this.#states.set(event.node, hardState);
    const { left, isDiskRotten } = this.#records.of(event.node);
    if (left === undefined) return;
    this.#checkIdentity(event, left.identity, storage.identity);
    this.#checkContents(event, left, MachineLog.of(storage), hardState);
    const newest = storage.newestSnapshot?.index ?? 0;
    if (newest >= left.snapshotIndex || isDiskRotten) return;
    this.#fail(
      event,
      `opened with a snapshot at ${newest} as the newest; one at ${left.snapshotIndex} was in force`,
    );
  }

  #checkIdentity(event: SimEvent, left: Identity | undefined, found: Identity | undefined): void {
    if (left === undefined) return;
    if (left.raftId === found?.raftId && left.incarnation === found.incarnation) return;
    this.#fail(event, `opened as ${identityText(found)}; ${identityText(left)} was made durable`);
  }

  /** One of the states that the writes under way make, one after the other, must be the one that is found. */
  #checkContents(event: SimEvent, left: LeftBehind, found: MachineLog, state: HardState): void {
    const log = left.log.copy();
    let wanted = left.hardState;
    let hasLog = false;
    for (const write of [undefined, ...left.pending]) {
      if (write !== undefined) wanted = afterWrite(log, wanted, write);
      if (log.firstDifference(found) !== undefined) continue;
      hasLog = true;
      const isSame = state.term === wanted.term && state.vote === wanted.vote;
      if (isSame && state.commit >= left.hardState.commit) return;
    }
    if (!hasLog) this.#failLog(event, left, found);
    this.#failState(event, left, state);
  }

  #failLog(event: SimEvent, { log, pending }: LeftBehind, found: MachineLog): never {
    const first = log.firstDifference(found) ?? 0;
    this.#fail(
      event,
      `opened a log that is not what was made durable: at ${first} it has ` +
        `${entryText(found, first)}, and should have ${entryText(log, first)}; it reaches from ` +
        `${found.baseIndex + 1} to ${found.lastIndex}, the durable one from ${log.baseIndex + 1} to ` +
        `${log.lastIndex}, and ${pending.length} writes were under way`,
    );
  }

  #failState(event: SimEvent, { hardState: left, pending }: LeftBehind, found: HardState): never {
    if (found.term < left.term) {
      this.#fail(event, `opened with term ${found.term}; term ${left.term} was made durable`);
    }
    if (found.commit < left.commit) {
      this.#fail(
        event,
        `opened with commit index ${found.commit}; ${left.commit} was made durable`,
      );
    }
    this.#fail(
      event,
      `opened with ${voteText(found)}; ${voteText(left)} was made durable, and of the ` +
        `${pending.length} writes under way none makes the one of the other with this log`,
    );
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

function voteText({ term, vote }: HardState): string {
  return `${vote === 0 ? 'no vote' : `a vote for raft id ${vote}`} in term ${term}`;
}

function identityText(identity: Identity | undefined): string {
  if (identity === undefined) return 'nobody';
  return `raft id ${identity.raftId} with incarnation ${identity.incarnation}`;
}
