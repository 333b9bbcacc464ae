/**
 * Three raft cores in memory, messages by function call, nothing else: no disk, no network, no clock. The same
 * steps as bench/peers/go/etcdcore, so that what differs is the core: synchronous mode, the log kept to its
 * last few thousand entries, messages marshalled or handed over. Whoever has unmarshalled a message has the data
 * of its entries at hand: etcd's in copies, ours as views of the message.
 */
import {
  decodeMessage,
  EMPTY_CONF_STATE,
  encodeMessage,
  MemoryLog,
  type Message,
  RawNode,
} from '../../src/raft/index.ts';

const MEMBERS = [1, 2, 3] as const;
const MIB = 2 ** 20;
/** Entries behind the applied one that are kept, and how often the others go. */
const KEPT_DEFAULT = 5_000;
const ENTRIES_BETWEEN_COMPACTIONS = 10_000;

interface Member {
  readonly node: RawNode;
  readonly log: MemoryLog;
  applied: number;
}

export interface CoreGroupOptions {
  /** Encodes and decodes every message, as if it travelled. */
  readonly marshals: boolean;
  /** Entries of the log that are never dropped. */
  readonly kept?: number;
}

export class CoreGroup {
  readonly #members: readonly Member[];
  readonly #marshals: boolean;
  readonly #kept: number;
  #compactedAt = 0;
  /** Committed with data, as the leader saw it. */
  entries = 0;

  constructor({ marshals, kept = KEPT_DEFAULT }: CoreGroupOptions) {
    this.#marshals = marshals;
    this.#kept = kept;
    this.#members = MEMBERS.map((id) => {
      const log = new MemoryLog();
      const confState = { ...EMPTY_CONF_STATE, voters: [...MEMBERS] };
      log.applySnapshot({ metadata: { confState, index: 1, term: 1 }, data: new Uint8Array(0) });
      const node = new RawNode({
        id,
        electionTick: 10,
        heartbeatTick: 1,
        storage: log,
        applied: 1,
        maxSizePerMsg: MIB,
        maxInflightMsgs: 256,
        maxUncommittedEntriesSize: 1024 * MIB,
        preVote: true,
        checkQuorum: true,
        random: () => id,
      });
      return { node, log, applied: 1 };
    });
    this.#members[0]!.node.campaign();
    this.settle();
  }

  get leader(): RawNode {
    return this.#members[0]!.node;
  }

  propose(data: Uint8Array, count: number): void {
    for (let at = 0; at < count; at++) this.leader.propose(data);
    this.settle();
  }

  proposeTogether(datas: readonly Uint8Array[]): void {
    this.leader.proposeEntries(datas);
    this.settle();
  }

  /** One tick of each, and what comes of it. */
  tick(): void {
    for (const { node } of this.#members) node.tick();
    this.settle();
  }

  /** Until none has anything to say. */
  settle(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (const member of this.#members) {
        if (!member.node.hasReady()) continue;
        isBusy = true;
        this.#handle(member);
      }
    }
    const { applied } = this.#members[0]!;
    if (applied <= this.#compactedAt + ENTRIES_BETWEEN_COMPACTIONS) return;
    this.#compactedAt = applied;
    for (const { log, applied: own } of this.#members) {
      if (own - this.#kept >= log.firstIndex()) log.compact(own - this.#kept);
    }
  }

  #handle(member: Member): void {
    const { node, log } = member;
    const { hardState, entries, messages, committedEntries } = node.ready();
    if (hardState !== undefined) log.setHardState(hardState);
    log.append(entries);
    for (const message of messages) this.#deliver(message);
    const last = committedEntries.at(-1);
    if (last !== undefined) {
      member.applied = last.index;
      if (member === this.#members[0]) {
        for (const { data } of committedEntries) if (data.length > 0) this.entries++;
      }
    }
    node.advance();
  }

  #deliver(message: Message): void {
    const received = this.#marshals ? decodeMessage(encodeMessage(message)) : message;
    this.#members[message.to - 1]!.node.step(received);
  }
}
