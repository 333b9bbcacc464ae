/**
 * A few pure cores over logs in memory, for rules of raft that no whole node can be brought to need: the
 * layers above never make such a configuration. Nothing happens by itself; `settle` does all that can be
 * done without time passing. A core that is down loses nothing that it wrote.
 */
import {
  type ConfState,
  decodeConfChange,
  decodeConfChangeV2,
  EMPTY_CONF_STATE,
  type Entry,
  EntryType,
  MemoryLog,
  type Message,
  type RaftId,
  RawNode,
  StateType,
} from '../../src/raft/index.ts';
import type { SeededRandom } from '../world/seeded-random.ts';

const NO_BYTES = new Uint8Array(0);
/** What a core may refuse, with no effect. */
const REFUSALS: readonly unknown[] = ['STEP_PEER_UNKNOWN', 'PROPOSAL_DROPPED'];

export class Core {
  readonly id: RaftId;
  readonly log: MemoryLog = new MemoryLog();
  readonly #random: SeededRandom;
  raw: RawNode;
  members: ConfState = EMPTY_CONF_STATE;
  isDown = false;

  constructor(id: RaftId, founders: readonly RaftId[], random: SeededRandom) {
    this.id = id;
    this.#random = random;
    if (founders.includes(id)) {
      const confState = { ...EMPTY_CONF_STATE, voters: founders };
      this.log.applySnapshot({ metadata: { confState, index: 1, term: 1 }, data: NO_BYTES });
    }
    this.raw = this.#start();
  }

  get isLeader(): boolean {
    return !this.isDown && this.raw.basicStatus().softState.state === StateType.Leader;
  }

  /** Begins anew, with what it has written. */
  restart(): void {
    this.isDown = false;
    this.raw = this.#start();
  }

  /** All that it can do by itself; what it says to others. */
  work(): Message[] {
    const outgoing: Message[] = [];
    while (this.raw.hasReady()) {
      const { hardState, snapshot, entries, messages, committedEntries } = this.raw.ready();
      if (hardState !== undefined) this.log.setHardState(hardState);
      if (snapshot !== undefined) {
        this.log.applySnapshot(snapshot);
        this.members = snapshot.metadata.confState;
      }
      this.log.append(entries);
      for (const entry of committedEntries) this.#apply(entry);
      outgoing.push(...messages);
      this.raw.advance();
    }
    return outgoing;
  }

  #start(): RawNode {
    const { confState, index } = this.log.snapshot()?.metadata ?? {
      confState: undefined,
      index: 0,
    };
    this.members = confState ?? EMPTY_CONF_STATE;
    return new RawNode({
      id: this.id,
      storage: this.log,
      electionTick: 10,
      heartbeatTick: 1,
      preVote: true,
      checkQuorum: true,
      applied: index,
      random: (bound) => this.#random.below(bound),
    });
  }

  #apply({ type, data, index }: Entry): void {
    if (type === EntryType.Normal) return;
    const decode = type === EntryType.ConfChange ? decodeConfChange : decodeConfChangeV2;
    this.members = this.raw.applyConfChange(decode(data));
    // Whoever joins can use only a snapshot that names it.
    this.log.createSnapshot(index, this.members, NO_BYTES);
  }
}

export class CoreGroup {
  readonly cores: readonly Core[];
  /** Messages that get lost. */
  isLost: (message: Message) => boolean = () => false;
  #wire: Message[] = [];

  /** `ids`: all that there will ever be; `founders`: those that vote at first. */
  constructor(ids: readonly RaftId[], founders: readonly RaftId[], random: SeededRandom) {
    this.cores = ids.map((id) => new Core(id, founders, random.stream(`core ${id}`)));
  }

  core(id: RaftId): Core {
    const core = this.cores.find((it) => it.id === id);
    if (core === undefined) throw new Error(`there is no core ${id}`);
    return core;
  }

  get leader(): Core | undefined {
    return this.cores.find(({ isLeader }) => isLeader);
  }

  settle(): void {
    for (let isBusy = true; isBusy; ) {
      for (const core of this.cores) if (!core.isDown) this.#wire.push(...core.work());
      const wire = this.#wire;
      this.#wire = [];
      isBusy = wire.length > 0;
      for (const message of wire) this.#deliver(message);
    }
  }

  tick(times: number): void {
    for (let at = 0; at < times; at++) {
      for (const core of this.cores) if (!core.isDown) core.raw.tick();
      this.settle();
    }
  }

  #deliver(message: Message): void {
    const core = this.cores.find(({ id }) => id === message.to);
    if (core === undefined || core.isDown || this.isLost(message)) return;
    try {
      core.raw.step(message);
    } catch (error) {
      if (!REFUSALS.includes((error as { code?: unknown }).code)) throw error;
    }
  }
}
