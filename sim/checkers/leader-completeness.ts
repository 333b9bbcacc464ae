/**
 * Leader completeness (paper, figure 3): what was committed in a term is in the log of every leader of a later
 * term, from the first thing that it does as leader. What becomes known later is held against it then.
 *
 * What is committed, and in which term at the latest, says the ledger. The leader's log is what it handed to
 * its storage: the core hands out an entry before it does anything else that rests on it. One case is left
 * out: a node that is being given a snapshot holds it in memory before the storage has it, and is not judged
 * until it has.
 */
import { type LogIndex, type Message, MessageType, type Term } from '../../src/raft/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import { type Checker, Violation } from './checker.ts';
import { ClusterRecords, nameOf } from './cluster-records.ts';
import type { MachineRecord } from './machine-record.ts';

export class LeaderCompleteness implements Checker {
  readonly name = 'leader completeness';
  readonly #records: ClusterRecords;
  /** The newest term in which the machine was judged as leader, and up to which entry. */
  readonly #judged: Map<string, { readonly term: Term; readonly upTo: LogIndex }> = new Map();

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
    const judged = this.#judged.get(event.node) ?? { term: 0, upTo: 0 };
    if (judged.term > term) return;
    const record = this.#records.of(event.node);
    if (record.offered !== undefined) return;
    const from = judged.term === term ? judged.upTo : 0;
    this.#judge(event, record, term, from);
    const upTo = this.#records.ledger.lastKnownIn;
    if (from !== upTo) this.#judged.set(event.node, { term, upTo });
  }

  #judge(event: SimEvent, { memory }: MachineRecord, term: Term, from: LogIndex): void {
    const { ledger } = this.#records;
    for (let index = ledger.lastKnownIn; index > Math.max(memory.baseIndex, from); index--) {
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
