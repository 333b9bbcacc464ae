/**
 * What may be asked about the members: adding, promoting, removing, and who is to lead. Only the leader
 * does any of it; each is one change in the log, and resolves when this node has applied it.
 */
import { ClusterError } from '../errors.ts';
import type { ConfChangeV2, RaftId } from '../raft/index.ts';
import { parseAddress } from '../transport/index.ts';
import type { Live, NodeParts } from './assemble.ts';
import { abandoned, checkNotAborted, unknownMember, unlessAborted } from './complaints.ts';
import { CommandKind, encodePart } from './envelope.ts';
import { checkNodeId, type MemberRecord } from './members.ts';
import {
  addLearnerChange,
  addVoterChange,
  checkIsNew,
  checkKeepsQuorum,
  checkLeavesVoter,
  removeChange,
} from './membership-changes.ts';
import { decodeNumber } from './replica.ts';
import { NodeResultCode } from './sessions.ts';
import type { Invitation, Member, ProposeResult, WaitOptions } from './types.ts';

export interface MembershipDeskHost {
  readonly parts: NodeParts;
  readonly leader: Member | undefined;
  /** @throws ClusterError NOT_STARTED. */
  live(): Live;
  /** @throws ClusterError NODE_FAILED, NODE_STOPPED, NOT_STARTED. */
  checkTakesPart(): void;
  /** As `checkTakesPart`, and also while the node stops. */
  checkTakesProposals(): void;
  /** @throws ClusterError NOT_LEADER, and as `checkTakesPart`. */
  checkLeads(): void;
  deadline(options: WaitOptions): number;
  proposePart(part: Uint8Array, repeatable: boolean, options: WaitOptions): Promise<ProposeResult>;
  /** Resolves when the condition holds, at the latest at `until`. */
  waitUntil(condition: () => boolean, until: number): Promise<void>;
}

export class MembershipDesk {
  readonly #host: MembershipDeskHost;

  constructor(host: MembershipDeskHost) {
    this.#host = host;
  }

  async add(
    nodeId: string,
    address: string,
    wantsVote: boolean,
    options: WaitOptions,
  ): Promise<Invitation> {
    checkNodeId(nodeId, 'nodeId');
    // Once committed, an address that is none would be every member's to live with.
    parseAddress(address);
    this.#host.checkLeads();
    const deadline = this.#host.deadline(options);
    const { replica, admission } = this.#host.parts;
    const { members } = replica;
    const known = members.byNodeId(nodeId);
    // Asked again, because the first answer was lost: it was added, and nobody has come yet.
    if (known?.address === address && !admission.hasSeen(known.raftId)) {
      return this.#invitation(known);
    }
    const check = (): void => checkIsNew(members, nodeId, address);
    check();
    const part = encodePart(CommandKind.MintMember, Buffer.from(nodeId), undefined);
    const minted = await this.#host.proposePart(part, false, options);
    if (minted.code === NodeResultCode.MemberExists) check();
    const raftId = decodeNumber(minted.bytes);
    const plain: MemberRecord = { raftId, nodeId, address };
    const member: MemberRecord = wantsVote ? { ...plain, wantsVote } : plain;
    await this.#change(addLearnerChange(member), deadline, options.signal, check);
    return this.#invitation(plain);
  }

  /** What the member must know to join. */
  #invitation({ raftId, nodeId }: MemberRecord): Invitation {
    const { clusterName, clusterId } = this.#host.live().identity;
    const members = this.#host.parts.replica.members.list();
    return {
      clusterName,
      clusterId,
      nodeId,
      raftId,
      members: members.map((member) => {
        return { raftId: member.raftId, nodeId: member.nodeId, address: member.address };
      }),
    };
  }

  async promote(nodeId: string, options: WaitOptions): Promise<void> {
    const member = this.#memberNamed(nodeId);
    if (this.#votes(member.raftId)) {
      this.#host.checkLeads();
      return;
    }
    await this.#change(addVoterChange(member), this.#host.deadline(options), options.signal);
  }

  async remove(nodeId: string, options: WaitOptions): Promise<boolean> {
    this.#host.checkLeads();
    const { replica, transport } = this.#host.parts;
    const member = replica.members.byNodeId(nodeId);
    if (member === undefined) return false;
    const check = (): void => {
      checkLeavesVoter(replica.members, member);
      const peers = transport.status().filter((peer) => peer.connected);
      const reached = new Set([this.#host.live().core.id, ...peers.map((peer) => peer.raftId)]);
      checkKeepsQuorum(replica.members, member, (voter) => reached.has(voter));
    };
    const change = removeChange(member.raftId);
    await this.#change(change, this.#host.deadline(options), options.signal, check);
    return true;
  }

  async transferLeadership(toNodeId: string, options: WaitOptions): Promise<void> {
    const host = this.#host;
    host.checkTakesPart();
    const { signal } = options;
    checkNotAborted(signal);
    const deadline = host.deadline(options);
    const { core, loop } = host.live();
    const { raftId } = this.#memberNamed(toNodeId);
    if (loop.leaderId === raftId) return;
    host.checkLeads();
    this.#checkVotes(raftId, toNodeId);
    loop.guard(() => core.transferLeadership(raftId));
    await host.waitUntil(() => loop.leaderId === raftId || signal?.aborted === true, deadline);
    if (loop.leaderId === raftId) return;
    if (signal?.aborted === true) throw abandoned(signal);
    throw new ClusterError(
      'TRANSFER_TIMED_OUT',
      `${toNodeId} did not take over in time; ${host.leader?.nodeId ?? 'nobody'} leads: ` +
        'see whether it is running and has caught up, then try again',
    );
  }

  /** `check` is run in the step in which the change gets its place: the members can not change between. */
  async #change(
    change: ConfChangeV2,
    deadline: number,
    signal: AbortSignal | undefined,
    check?: () => void,
  ): Promise<void> {
    this.#host.checkTakesProposals();
    this.#host.checkLeads();
    checkNotAborted(signal);
    check?.();
    const { core, loop } = this.#host.live();
    const place = loop.placeOf(() => core.proposeConfChange(change));
    if (place === undefined) {
      throw new ClusterError(
        'PROPOSAL_DROPPED',
        'the leader takes no proposals at this moment (leadership is being handed over, or too ' +
          'much is uncommitted); try again',
      );
    }
    loop.askTurn();
    const { changes } = this.#host.parts;
    const waiting = changes.wait(place.index, place.term, deadline);
    await unlessAborted(signal, waiting.promise, (error) => changes.abandon(waiting.change, error));
  }

  #memberNamed(nodeId: string): MemberRecord {
    const { members } = this.#host.parts.replica;
    const member = members.byNodeId(nodeId);
    if (member !== undefined) return member;
    throw unknownMember(nodeId, members.records());
  }

  #votes(raftId: RaftId): boolean {
    const { voters } = this.#host.parts.replica.members.confState;
    return voters.includes(raftId);
  }

  #checkVotes(raftId: RaftId, nodeId: string): void {
    if (this.#votes(raftId)) return;
    throw new ClusterError(
      'CONF_CHANGE_INVALID',
      `node ${nodeId} is a learner and can not lead: promote it first`,
      { details: { nodeId } },
    );
  }
}
