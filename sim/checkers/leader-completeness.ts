/**
 * Leader completeness (paper, figure 3): what was committed in a term is in the log of every leader of a later
 * term, from the first thing that it does as leader.
 *
 * What is committed, and in which term at the latest, says the ledger. The leader's log is what it handed to
 * its storage: the core hands out an entry before it does anything else that rests on it. One case is left
 * out: a node that is being given a snapshot holds it in memory before the storage has it, and is not judged
 * until it has.
 */
import { type Message, MessageType, type Term } from '../../src/raft/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import { type Checker, Violation } from './checker.ts';
import { ClusterRecords, type MachineRecord, nameOf } from './cluster-records.ts';

export class LeaderCompleteness implements Checker {
  readonly name = 'leader completeness';
  readonly #records: ClusterRecords;
  /** The newest term in which the machine was judged as leader. */
  readonly #judged: Map<string, Term> = new Map();

  constructor(records: ClusterRecords = new ClusterRecords()) {
    this.#records = records;
  }

  event(event: SimEvent): void {
    this.#records.see(event);
    if (event.kind === 'sent') this.#sent(event, event.message);
  }

  #sent(event: SimEvent, { type, term }: Message): void {
    const isLeaders = type === MessageType.App || type === MessageType.Heartbeat;
    if (!isLeaders && type !== MessageType.Snap) return;
    if ((this.#judged.get(event.node) ?? 0) >= term) return;
    this.#judged.set(event.node, term);
    const record = this.#records.of(event.node);
    if (record.offered === 0) this.#judge(event, record, term);
  }

  #judge(event: SimEvent, { memory }: MachineRecord, term: Term): void {
    const { ledger } = this.#records;
    for (let index = ledger.lastKnownIn; index > memory.baseIndex; index--) {
      const knownIn = ledger.knownIn(index) ?? term;
      const committed = ledger.termAt(index);
      if (knownIn >= term || committed === undefined) continue;
      const own = memory.termAt(index);
      if (own === committed) continue;
      const has = own === undefined ? `its log ends at ${memory.lastIndex}` : `it has term ${own}`;
      throw new Violation(
        this.name,
        `${nameOf(event)} leads term ${term} without entry ${index} of term ${committed}, which was ` +
          `known to be committed in term ${knownIn}: ${has} there`,
      );
    }
  }
}
