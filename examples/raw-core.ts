/**
 * The bare core, three times in one process, as docs/guides/raw-core.md explains it. The wire is a
 * list of bytes, the disk of a member is its `log`; a power cut takes away all else.
 */
import { toText } from 'quorate';
import * as raft from 'quorate/raft';

const VOTERS = [1, 2, 3];
const wire: Uint8Array[] = [];

class Member {
  readonly log = new raft.MemoryLog();
  words: string[] = [];
  core: raft.RawNode | undefined;

  constructor() {
    const confState = { ...raft.EMPTY_CONF_STATE, voters: VOTERS };
    this.log.applySnapshot({ metadata: { confState, index: 1, term: 1 }, data: Buffer.of() });
  }

  /** Also after a power cut: what comes after index 1 is applied again. */
  start(id: raft.RaftId): void {
    this.words = [];
    const random = (bound: number): number => Math.floor(Math.random() * bound);
    const ticks = { electionTick: 10, heartbeatTick: 1, random };
    this.core = new raft.RawNode({ id, storage: this.log, applied: 1, ...ticks });
  }

  /** Durable, sent, applied, advance. A snapshot never comes: nobody compacts a log here. */
  work(core: raft.RawNode): void {
    while (core.hasReady()) {
      const { hardState, entries, messages, committedEntries } = core.ready();
      if (hardState !== undefined) this.log.setHardState(hardState);
      this.log.append(entries);
      wire.push(...messages.map((message) => raft.encodeMessage(message)));
      for (const entry of committedEntries) this.#apply(core, entry);
      core.advance();
    }
  }

  #apply(core: raft.RawNode, { type, data }: raft.Entry): void {
    const { ConfChange, ConfChangeV2 } = raft.EntryType;
    if (type === ConfChange) core.applyConfChange(raft.decodeConfChange(data));
    else if (type === ConfChangeV2) core.applyConfChange(raft.decodeConfChangeV2(data));
    else if (data.length > 0) this.words.push(toText(data));
  }
}

const members = VOTERS.map(() => new Member());
const leader = (): raft.RaftId =>
  members.findIndex(({ core }) => core?.softState.state === raft.StateType.Leader) + 1;
const have = (count: number): number => members.filter((it) => it.words.length === count).length;

/** Time passes until it is so. */
function until(isSo: () => boolean): void {
  while (!isSo()) {
    for (const { core } of members) core?.tick();
    do {
      for (const member of members) if (member.core !== undefined) member.work(member.core);
      const messages = wire.splice(0).map((bytes) => raft.decodeMessage(bytes));
      for (const message of messages) members[message.to - 1]?.core?.step(message);
    } while (members.some(({ core }) => core?.hasReady()));
  }
}

for (const [at, member] of members.entries()) member.start(at + 1);
until(() => leader() > 0);
const first = leader();
members[first - 1]?.core?.proposeEntries([Buffer.from('red'), Buffer.from('green')]);
until(() => have(2) === 3);
members[first - 1]!.core = undefined; // the power of the leader fails
until(() => leader() > 0);
members[leader() - 1]?.core?.propose(Buffer.from('blue'));
until(() => have(3) === 2);
members[first - 1]!.start(first);
until(() => have(3) === 3);
for (const [at, { words }] of members.entries())
  console.log(`n${at + 1} applied ${words.join(', ')}`);
