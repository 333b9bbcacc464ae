/**
 * Members are who the log says they are (paper 6; NASTY 30 to 34).
 *
 * - A raft id belongs to one node name for ever, and to one data folder: a node that lost its data and founds
 *   again under its old id may exist, but nobody may listen to its promises once those of the first folder
 *   were heard.
 * - Whoever says which members there are at an index (a snapshot that is saved or installed) says what the
 *   committed log makes of it by the checkers' own reckoning.
 * - At the end no joint configuration is left, and all nodes name the same members.
 */
import { type ConfState, type Message, MessageType, type RaftId } from '../../src/raft/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { type Checker, Violation } from './checker.ts';
import { ClusterRecords, nameOf } from './cluster-records.ts';
import { configurationText } from './configurations.ts';

/** Promises on their way whose sender is remembered, while one raft id has several data folders. */
const PROMISES_KEPT = 4_096;

interface Holder {
  readonly nodeId: string;
  /** Data folders that were founded with the id, in order. */
  readonly incarnations: string[];
  /** The one whose promise was heard first. */
  heard: string | undefined;
}

export class MembershipChecker implements Checker {
  readonly name = 'members are as the log says';
  readonly #records: ClusterRecords;
  readonly #holders: Map<RaftId, Holder> = new Map();
  /** Sender's incarnation by promise, for ids with several data folders. */
  readonly #promises: Map<string, string> = new Map();

  constructor(records: ClusterRecords = new ClusterRecords()) {
    this.#records = records;
  }

  event(event: SimEvent): void {
    this.#records.see(event);
    switch (event.kind) {
      case 'founded':
        this.#founded(event, event.identity.raftId, event.identity.incarnation);
        return;
      case 'sent':
        this.#sent(event.node, event.message);
        return;
      case 'received':
        this.#received(event, event.message);
        return;
      case 'snapshot-installed': {
        const { index, confState } = event.snapshot.metadata;
        this.#checkMembers(event, index, confState);
        return;
      }
      case 'snapshot-saved': {
        const newest = this.#records.of(event.node).storage?.newestSnapshot;
        if (newest?.index === event.index) this.#checkMembers(event, event.index, newest.confState);
        return;
      }
    }
  }

  end(cluster: SimCluster): void {
    const newest = this.#records.configurations.newest;
    if (newest === undefined) return;
    const { state } = newest;
    if (state.votersOutgoing.length > 0) {
      throw new Violation(
        this.name,
        `the joint configuration of entry ${newest.index} was never left: ${configurationText(state)}`,
      );
    }
    const wanted = [
      ...state.voters.map((id) => `${id} votes`),
      ...state.learners.map((id) => `${id} learns`),
    ];
    const expected = wanted.sort().join(', ');
    for (const process of cluster.processes) {
      if (!process.isStarted) continue;
      const { members, raftId } = process.engine.status();
      const isMember = state.voters.includes(raftId) || state.learners.includes(raftId);
      const own = members.map(
        (one) => `${one.raftId} ${one.role === 'voter' ? 'votes' : 'learns'}`,
      );
      const found = own.sort().join(', ');
      if (!isMember || found === expected) continue;
      this.#fail(process, `names as members ${found}; by the log they are ${expected}`);
    }
  }

  #founded(event: SimEvent, raftId: RaftId, incarnation: string): void {
    const known = this.#holders.get(raftId);
    if (known === undefined) {
      const nodeId = event.node;
      this.#holders.set(raftId, { nodeId, incarnations: [incarnation], heard: undefined });
      return;
    }
    if (known.nodeId !== event.node) {
      this.#fail(event, `was given raft id ${raftId}, which is that of ${known.nodeId} for ever`);
    }
    if (!known.incarnations.includes(incarnation)) known.incarnations.push(incarnation);
  }

  #sent(node: string, message: Message): void {
    if (!isPromise(message)) return;
    const holder = this.#holders.get(message.from);
    if (holder === undefined || holder.incarnations.length < 2) return;
    const incarnation = this.#records.of(node).identity?.incarnation;
    if (incarnation === undefined) return;
    this.#promises.set(keyOf(message), incarnation);
    if (this.#promises.size <= PROMISES_KEPT) return;
    const [oldest] = this.#promises.keys();
    if (oldest !== undefined) this.#promises.delete(oldest);
  }

  #received(event: SimEvent, message: Message): void {
    if (!isPromise(message)) return;
    const holder = this.#holders.get(message.from);
    if (holder === undefined) return;
    const isOnly = holder.incarnations.length === 1;
    if (isOnly && holder.heard !== undefined) return;
    const [first] = holder.incarnations as [string];
    const sender = isOnly ? first : (this.#promises.get(keyOf(message)) ?? first);
    holder.heard ??= sender;
    if (holder.heard === sender) return;
    this.#fail(
      event,
      `heard a promise of raft id ${message.from} (${holder.nodeId}) with incarnation ${sender}; one of ` +
        `incarnation ${holder.heard} was heard before, and may have been forgotten with its disk`,
    );
  }

  #checkMembers(event: SimEvent, index: number, state: ConfState): void {
    const known = this.#records.configurations.at(index);
    if (known === undefined || index > this.#records.ledger.last) return;
    const [own, wanted] = [configurationText(state), configurationText(known.state)];
    if (own === wanted) return;
    this.#fail(event, `has a snapshot at ${index} with ${own}; by the log there are ${wanted}`);
  }

  #fail(who: { readonly node: string; readonly life: number }, what: string): never {
    throw new Violation(this.name, `${nameOf(who)} ${what}`);
  }
}

function isPromise({ type, reject }: Message): boolean {
  return !reject && (type === MessageType.AppResp || type === MessageType.VoteResp);
}

function keyOf({ type, from, to, term, index }: Message): string {
  return `${type}/${from}/${to}/${term}/${index}`;
}
