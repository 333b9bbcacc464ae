/**
 * Whom this node talks to. A peer is known by its raft id, its name and the incarnation of its data
 * folder; the first incarnation that is seen of a member is made durable before the peer is answered,
 * and any other one is refused from then on.
 *
 * The rule that it protects: a voter that lost its data has forgotten its votes and what it
 * acknowledged. Let back in under its old id it could vote twice in a term, or help to commit over
 * entries that it had acknowledged. It must come back as a new member.
 *
 * What each node has seen first is not enough for a member that joined: two that were started with one
 * invitation could be let in by different members, and both vote. So its promotion names the data
 * folder in the log; whoever counts the vote has applied that, and it outweighs what was seen.
 *
 * The other way round, who joined has not seen the founders from the beginning, and would let in one that
 * lost its data before. So the first promotion after a founder was seen names its data folder, too. That
 * does not outweigh what another founder has seen: where the two differ, somebody has forgotten something,
 * and neither is let in.
 *
 * Who is not in the table may be in the log of the others: a node that was away has missed who came, and one
 * of those may lead. So while it knows no leader, an id that was not minted yet, as far as this node knows, is
 * let in and talked to: else its log could never come here. That gives it no say. It is counted in no election
 * and for no commit before the log names it; and what makes a leader of it are the votes of those who do know
 * it. An id that never was a member's has none, and a configuration of its own that names nobody.
 *
 * Anybody can claim such an id. So a guest like that leaves no trace: what it came with is held in memory,
 * until it goes (`forget`) or the log names it (`settle`), and there is a bound on how many there are.
 */
import { ClusterError } from '../errors.ts';
import { type ConfChangeV2, NONE, type RaftId } from '../raft/index.ts';
import type { Storage } from '../storage/index.ts';
import { parseAddress } from '../transport/index.ts';
import { readFact, writeFact } from './facts.ts';
import { type Founder, isNamed, type MemberRecord, type MemberTable } from './members.ts';
import { addVoterChange } from './membership-changes.ts';

const FACT = 'incarnations';

export interface PeerIdentity {
  readonly raftId: RaftId;
  readonly nodeId: string;
  readonly incarnation: string;
  /** Where it says that it is to be dialed. */
  readonly address: string;
}

/** The change that gives a member its vote, with what is known here of data folders. */
export function promotionOf(member: MemberRecord, admission: Admission): ConfChangeV2 {
  const { raftId } = member;
  return addVoterChange(member, admission.incarnationOf(raftId), admission.unnamedFounders());
}

export class Admission {
  readonly #storage: Storage;
  readonly #members: MemberTable;
  /** Of members, and of those who were announced: by the log that minted their ids, or by an invitation. */
  readonly #incarnations = new Map<RaftId, string>();
  /** Let in on their own word. */
  readonly #guests = new Map<RaftId, PeerIdentity>();
  /** What of `#incarnations` is on the disk. */
  #durable: ReadonlyMap<RaftId, string> = new Map();
  #writing: Promise<void> = Promise.resolve();
  /** Begins when `#writing` is done, and holds everything that is known by then. */
  #nextWrite: Promise<void> | undefined;

  /** Somebody called whom this node did not know. */
  onIntroduced: () => void = () => undefined;
  /** Who leads, as far as this node knows; `NONE`: nobody. */
  leaderId: () => RaftId = () => NONE;

  constructor(storage: Storage, members: MemberTable) {
    this.#storage = storage;
    this.#members = members;
  }

  async load(): Promise<void> {
    const fact = await readFact(this.#storage, FACT);
    if (fact === undefined) return;
    const known = fact['incarnations'];
    if (!Array.isArray(known)) {
      throw new ClusterError('DATA_CORRUPT', `fact ${FACT} holds no list of them`);
    }
    for (const [raftId, incarnation] of known as [RaftId, string][]) {
      this.#incarnations.set(raftId, incarnation);
    }
    this.#durable = new Map(this.#incarnations);
  }

  /** Whether the member has ever come with a data folder. */
  hasSeen(raftId: RaftId): boolean {
    return this.incarnationOf(raftId) !== undefined;
  }

  /** The data folder that it must come with; `undefined`: any, it has not come yet. */
  incarnationOf(raftId: RaftId): string | undefined {
    const member = this.#recordOf(raftId);
    return member?.incarnation ?? this.#incarnations.get(raftId) ?? member?.firstSeen;
  }

  /** The founders that the log does not name yet, by their data folders; this node may be one of them. */
  unnamedFounders(): Founder[] {
    const founders: Founder[] = [];
    for (const record of this.#members.records()) {
      const { raftId } = record;
      const isSelf = raftId === this.#storage.identity?.raftId;
      const seen = isSelf ? this.#storage.identity?.incarnation : this.#incarnations.get(raftId);
      if (seen !== undefined && !isNamed(record) && this.#votes(raftId))
        founders.push([raftId, seen]);
    }
    return founders;
  }

  /** Whether another one than the log names was let in under that id. From now on it is not. */
  expel(raftId: RaftId): boolean {
    const seen = this.#incarnations.get(raftId);
    const { incarnation, firstSeen } = this.#recordOf(raftId) ?? {};
    const named = incarnation ?? firstSeen;
    if (named === undefined || seen === undefined || seen === named) return false;
    if (incarnation !== undefined) this.#incarnations.set(raftId, incarnation);
    return true;
  }

  /** Whether it was let in on its own word, and the log does not name it yet. */
  isGuest(raftId: RaftId): boolean {
    return this.#guests.has(raftId);
  }

  /** The guest has gone. */
  forget(raftId: RaftId): void {
    if (this.#guests.delete(raftId)) this.#members.dismiss(raftId);
  }

  /** The log has come further: it may name guests as members, or give their ids to others. */
  settle(): void {
    for (const { raftId, nodeId, incarnation } of this.#guests.values()) {
      if (this.#members.introducedOf(raftId) !== undefined) continue;
      this.#guests.delete(raftId);
      if (this.#recordOf(raftId)?.nodeId !== nodeId || this.#incarnations.has(raftId)) continue;
      this.#incarnations.set(raftId, incarnation);
      // What fails is written with the next one. Its vote is named in the log, by its data folder.
      void this.#write().catch(() => undefined);
    }
  }

  /**
   * What is known of a member by then is durable when it resolves.
   * @throws ClusterError MEMBER_UNKNOWN, MEMBER_REMOVED, MEMBER_WIPED; for a guest also OVERLOADED,
   *   PEER_ADDRESS_INVALID.
   */
  async admit(peer: PeerIdentity): Promise<void> {
    this.#checkMember(peer);
    this.#checkIncarnation(peer);
    const { raftId, incarnation } = peer;
    if (this.#guests.has(raftId)) return;
    if (this.#durable.get(raftId) === incarnation) return;
    this.#incarnations.set(raftId, incarnation);
    await this.#write();
    // Meanwhile the log may have named another one.
    this.#checkIncarnation(peer);
  }

  #recordOf(raftId: RaftId): MemberRecord | undefined {
    return this.#members.get(raftId) ?? this.#members.leavingOf(raftId);
  }

  /** One that joined and learns is named by its own promotion. */
  #votes(raftId: RaftId): boolean {
    return this.#members.confState.voters.includes(raftId);
  }

  #checkIncarnation({ raftId, nodeId, incarnation }: PeerIdentity): void {
    const member = this.#recordOf(raftId);
    const named = member?.incarnation;
    const seen = this.#incarnations.get(raftId) ?? this.#guests.get(raftId)?.incarnation;
    const names = named === undefined ? [seen, member?.firstSeen] : [named];
    const known = names.find((name) => name !== undefined && name !== incarnation);
    if (known === undefined) return;
    throw new ClusterError(
      'MEMBER_WIPED',
      `node ${nodeId} (raft id ${raftId}) came with data folder ${incarnation}, ` +
        `but is known with ${known}: it lost its data, or another one runs under its id. ` +
        'Remove the member, then add it anew: it can not come back under the same id',
      { details: { nodeId, known, found: incarnation } },
    );
  }

  /** Any member of the cluster may be the leader that brings the log, also one that came since. */
  #introduce({ raftId, nodeId, incarnation, address }: PeerIdentity): void {
    const isMinted = this.#members.isMintedFor(raftId, nodeId);
    if (!isMinted) parseAddress(address);
    if (!this.#members.introduce({ raftId, nodeId, address })) {
      throw new ClusterError(
        'OVERLOADED',
        `node ${nodeId} (raft id ${raftId}) is not known here, and neither are many others that are ` +
          'connected and say that they are members: find out who they are',
        { details: { nodeId, raftId } },
      );
    }
    if (isMinted) this.#guests.delete(raftId);
    else this.#guests.set(raftId, { raftId, nodeId, incarnation, address });
    this.onIntroduced();
  }

  /**
   * A node that joins knows no members yet, and has nothing that a stranger could spoil. Others need nobody
   * whom they do not know while they have a leader: it brings the log, which names all. Only one that
   * votes gives up a leader of whom it hears nothing more, so only of such a one does that hold.
   */
  #mayBeNeeded({ raftId, nodeId }: PeerIdentity): boolean {
    if (this.#members.isEmpty || this.#members.isMintedFor(raftId, nodeId)) return true;
    if (!this.#members.mayBeNewer(raftId, nodeId)) return false;
    const leader = this.leaderId();
    if (leader === NONE || leader === raftId) return true;
    const self = this.#storage.identity?.raftId;
    return self === undefined || (leader !== self && !this.#votes(self));
  }

  #checkMember(peer: PeerIdentity): void {
    const { raftId, nodeId } = peer;
    const member = this.#recordOf(raftId) ?? this.#members.introducedOf(raftId);
    if (member?.nodeId === nodeId) return;
    const isFree = member === undefined || this.#members.isMintedFor(raftId, nodeId);
    if (isFree && this.#mayBeNeeded(peer)) {
      this.#introduce(peer);
      return;
    }
    if (this.#members.wasRemoved(raftId)) {
      throw new ClusterError(
        'MEMBER_REMOVED',
        `node ${nodeId} (raft id ${raftId}) was removed from the cluster: ` +
          'empty its data folder and add it as a new member',
        { details: { nodeId, raftId } },
      );
    }
    throw new ClusterError(
      'MEMBER_UNKNOWN',
      `node ${nodeId} (raft id ${raftId}) is not a member here` +
        `${member === undefined ? '' : `; that id belongs to ${member.nodeId}`}: ` +
        'check cluster.members, which must be the same list on all founding members; a node that ' +
        'joins must have been added first',
      { details: { nodeId, raftId } },
    );
  }

  /** Resolves when all that is known now is durable. One write at a time; all who wait share the next. */
  #write(): Promise<void> {
    this.#nextWrite ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#writing = this.#writeNow();
        this.#nextWrite = undefined;
        return this.#writing;
      });
    return this.#nextWrite;
  }

  async #writeNow(): Promise<void> {
    const known = new Map(this.#incarnations);
    await writeFact(this.#storage, FACT, { incarnations: [...known] });
    this.#durable = known;
  }
}
