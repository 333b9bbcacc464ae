/**
 * Committed entries are on a majority of disks, and never change or vanish (paper 5.3, 5.4).
 *
 * Whoever first says that an entry is committed (in the commit index that it stores or sends, or by applying
 * it) must be right: a majority of the voters has it durably at that moment, by the newest committed
 * configuration, or by the one before it while the claimer may not have applied the newest. What that first one says is committed is so for ever: whoever
 * speaks of it later has the same entry, no log takes it out again, and a snapshot of a peer is of committed
 * entries only.
 *
 * The founding snapshot is written by each founder by itself; up to there nobody needs a majority.
 */
import type { RaftId, Snapshot } from '../../src/raft/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import { type Checker, Violation } from './checker.ts';
import { ClusterRecords, type CommitClaim, nameOf } from './cluster-records.ts';
import { FOUNDING_INDEX } from './commit-ledger.ts';
import { configurationText, hasMajority } from './configurations.ts';
import type { MachineRecord } from './machine-record.ts';

export class CommittedEntries implements Checker {
  readonly name = 'committed entries stay';
  readonly #records: ClusterRecords;

  constructor(records: ClusterRecords = new ClusterRecords()) {
    this.#records = records;
  }

  event(event: SimEvent): void {
    this.#records.see(event);
    if (event.kind === 'appended') this.#appended(event);
    else if (event.kind === 'snapshot-installed') this.#installed(event, event.snapshot);
    if (this.#records.claim !== undefined) this.#claimed(event, this.#records.claim);
    if (event.kind === 'applied') this.#applied(event);
  }

  #claimed(event: SimEvent, claim: CommitClaim): void {
    const { by, index, ledgerBefore } = claim;
    const { ledger } = this.#records;
    if (index > by.memory.lastIndex) {
      // A snapshot that is being installed is in the core's memory first.
      if (by.offered !== undefined) return;
      this.#fail(event, `calls ${index} committed, and its own log ends at ${by.memory.lastIndex}`);
    }
    const own = by.memory.termAt(index);
    const committed = ledger.termAt(index);
    if (own !== undefined && committed !== undefined && own !== committed) {
      this.#fail(
        event,
        `calls its entry ${index} of term ${own} committed; the one that was committed there is of ` +
          `term ${committed}`,
      );
    }
    if (index > ledgerBefore && index > FOUNDING_INDEX) this.#checkMajority(event, claim);
  }

  #checkMajority(event: SimEvent, { index, inForce }: CommitClaim): void {
    const { ledger } = this.#records;
    const term = ledger.termAt(index);
    const has = (id: RaftId): boolean => {
      if (this.#records.byRaftId(id)?.durable.has(index, term) === true) return true;
      // Its word may be on its way, and whoever hears it can not know what became of the disk.
      const gone = this.#records.wiped.get(id);
      return gone !== undefined && index <= gone.acknowledged && gone.log.has(index, term);
    };
    if (inForce.length === 0 || inForce.some(({ state }) => hasMajority(state, has))) return;
    const [{ state }] = inForce as [(typeof inForce)[0]];
    const onDisk = [...this.#records.machines.values()].map(
      ({ name, identity, durable }) =>
        `${name} (raft id ${identity?.raftId ?? 'none'}) ` +
        `${durable.has(index, term) ? 'has it' : `has not: its disk ends at ${durable.lastIndex}`}`,
    );
    this.#fail(
      event,
      `calls entry ${index} of term ${term} committed, and no majority of ` +
        `${configurationText(state)} has it on disk: ${onDisk.join(', ')}`,
    );
  }

  #applied(event: Extract<SimEvent, { kind: 'applied' }>): void {
    const committed = this.#records.ledger.termAt(event.index);
    if (committed === undefined || committed === event.term) return;
    this.#fail(
      event,
      `applied entry ${event.index} of term ${event.term}; the one that was committed there is of ` +
        `term ${committed}`,
    );
  }

  /** What was taken out of a log must not have been committed, unless it was put in again. */
  #appended(event: Extract<SimEvent, { kind: 'appended' }>): void {
    const { cut, ledger } = this.#records;
    if (cut === undefined) return;
    const record: MachineRecord = this.#records.of(event.node);
    for (const [at, term] of cut.terms.entries()) {
      const index = cut.first + at;
      if (index > ledger.last) return;
      if (ledger.termAt(index) !== term || record.memory.termAt(index) === term) continue;
      this.#fail(event, `took entry ${index} of term ${term} out of its log, which is committed`);
    }
  }

  #installed(event: SimEvent, { metadata }: Snapshot): void {
    const { index, term } = metadata;
    const { ledger } = this.#records;
    if (index > ledger.last) {
      this.#fail(event, `installed a snapshot at ${index}; only ${ledger.last} is committed`);
    }
    const committed = ledger.termAt(index);
    if (committed === undefined || committed === term) return;
    this.#fail(
      event,
      `installed a snapshot at ${index} of term ${term}; the entry committed there is of term ${committed}`,
    );
  }

  #fail(event: SimEvent, what: string): never {
    throw new Violation(this.name, `${nameOf(event)} ${what}`);
  }
}
