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
 * of those may lead. So an id that was not minted yet, as far as this node knows, is let in and talked to:
 * else its log could never come here. That gives it no say. It is counted in no election and for no commit
 * before the log names it; and what makes a leader of it are the votes of those who do know it. An id that
 * never was a member's has none, and a configuration of its own that names nobody.
 */
import { ClusterError } from '../errors.ts';
import type { ConfChangeV2, RaftId } from '../raft/index.ts';
import type { Storage } from '../storage/index.ts';
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
  readonly #incarnations = new Map<RaftId, string>();
  /** Writes one after the other: each holds everything that is known by then. */
  #written: Promise<void> = Promise.resolve();

  /** Somebody called whom this node did not know. */
  onIntroduced: () => void = () => undefined;

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

  /** Durable when it resolves. @throws ClusterError MEMBER_UNKNOWN, MEMBER_REMOVED, MEMBER_WIPED. */
  async admit(peer: PeerIdentity): Promise<void> {
    this.#checkMember(peer);
    this.#checkIncarnation(peer);
    if (this.#incarnations.get(peer.raftId) !== peer.incarnation) {
      this.#incarnations.set(peer.raftId, peer.incarnation);
      this.#written = this.#written.then(() => this.#write());
    }
    await this.#written;
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
    const names =
      named === undefined ? [this.#incarnations.get(raftId), member?.firstSeen] : [named];
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
  #introduce({ raftId, nodeId, address }: PeerIdentity): void {
    if (this.#members.contacts().some((contact) => contact.raftId === raftId)) return;
    this.#members.introduce({ raftId, nodeId, address });
    this.onIntroduced();
  }

  #checkMember(peer: PeerIdentity): void {
    const { raftId, nodeId } = peer;
    const member = this.#recordOf(raftId);
    if (member?.nodeId === nodeId) return;
    // A node that joins knows no members yet, and has nothing that a stranger could spoil.
    if (this.#members.isEmpty || this.#members.mayBeNewer(raftId, nodeId)) {
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

  async #write(): Promise<void> {
    await writeFact(this.#storage, FACT, { incarnations: [...this.#incarnations] });
  }
}
