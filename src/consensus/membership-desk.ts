/**
 * What may be asked about the members, on any node: adding, promoting, removing, and who is to
 * lead. The leader does it: each is one change in the log. Another node asks its leader, and says
 * that it is done only when it has applied the change itself; where its caller's time ends before
 * that, the caller is to ask again.
 */
import { ClusterError } from '../errors.ts';
import { type ConfChangeV2, type RaftId, StateType } from '../raft/index.ts';
import { parseAddress } from '../transport/index.ts';
import { promotionOf } from './admission.ts';
import {
  abandoned,
  checkNotAborted,
  notLeader,
  unknownMember,
  unlessAborted,
} from './complaints.ts';
import { CommandKind } from './envelope.ts';
import { nobodyLeads } from './explain.ts';
import { hasGivenUp } from './handing-over.ts';
import { type AddCall, type LeaderCall, unpackAnswer } from './leader-calls.ts';
import { checkNodeId, type MemberRecord } from './members.ts';
import {
  addLearnerChange,
  checkHeirIsTold,
  checkIsNew,
  checkKeepsQuorum,
  checkLeavesVoter,
  removeChange,
} from './membership-changes.ts';
import type { NodeLife } from './node-life.ts';
import { decodeNumber } from './replica.ts';
import { NodeResultCode } from './sessions.ts';
import type { Invitation, WaitOptions } from './types.ts';

/** Between two tries to get a place for a change, in ms: about what a change takes. */
const RETRY_MS = 10;

/** See the file's head. */
export class MembershipDesk {
  readonly #life: NodeLife;

  constructor(life: NodeLife) {
    this.#life = life;
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
    checkNotAborted(options.signal);
    const call = { op: 'add', nodeId, address, wantsVote } as const;
    if (this.#isElsewhere()) return (await this.#askLeader(call, options)) as Invitation;
    const deadline = this.#life.deadline(options.timeoutMs);
    const { members } = this.#life.parts.replica;
    const invited = this.#invited(call);
    if (invited !== undefined) return this.#invitation(invited);
    const check = (): void => checkIsNew(members, nodeId, address);
    check();
    const name = Buffer.from(nodeId);
    const minted = await this.#life.proposeOwn(CommandKind.MintMember, name, options);
    if (minted.code === NodeResultCode.MemberExists) {
      const added = this.#invited(call);
      if (added !== undefined) return this.#invitation(added);
      check();
      // It came and went. The id in the answer was that member's, and is not given again.
      throw new ClusterError(
        'CHANGE_IN_PROGRESS',
        `node ${nodeId} was removed just now; try again`,
      );
    }
    const raftId = decodeNumber(minted.bytes);
    const plain: MemberRecord = { raftId, nodeId, address };
    const member: MemberRecord = wantsVote ? { ...plain, wantsVote } : plain;
    await this.#change(addLearnerChange(member), deadline, options.signal, check);
    return this.#invitation(plain);
  }

  /**
   * Asked again, because the first answer was lost: it was added, and nobody has come yet. A voter may
   * have voted where this node did not see it, and may not begin anew with an empty folder.
   */
  #invited({ nodeId, address, wantsVote }: AddCall): MemberRecord | undefined {
    const { replica, admission } = this.#life.parts;
    const known = replica.members.byNodeId(nodeId);
    if (known?.address !== address || (known.wantsVote === true) !== wantsVote) return undefined;
    return this.#votes(known.raftId) || admission.hasSeen(known.raftId) ? undefined : known;
  }

  /** What the member must know to join. */
  #invitation({ raftId, nodeId }: MemberRecord): Invitation {
    const { clusterName, clusterId } = this.#life.started.identity;
    const members = this.#life.parts.replica.members.list();
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

  /** Resolves when its vote counts, whatever the others forget. */
  async promote(nodeId: string, options: WaitOptions): Promise<void> {
    checkNodeId(nodeId, 'nodeId');
    checkNotAborted(options.signal);
    const deadline = this.#life.deadline(options.timeoutMs);
    if (this.#isElsewhere()) await this.#askLeader({ op: 'promote', nodeId }, options);
    else await this.#promoteHere(nodeId, deadline, options.signal);
  }

  async #promoteHere(
    nodeId: string,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const member = this.#memberNamed(nodeId);
    const { members } = this.#life.parts.replica;
    const check = (): void => {
      // The name may be another member's by now.
      if (members.get(member.raftId) === undefined) throw unknownMember(nodeId, members.records());
      const votersAfter = [...members.confState.voters, member.raftId];
      checkKeepsQuorum(members, votersAfter, `with the vote of node ${nodeId}`, this.#reachable());
    };
    const isDone = (): boolean => this.#votes(member.raftId);
    if (!isDone()) {
      const change = promotionOf(member, this.#life.parts.admission);
      await this.#change(change, deadline, signal, check, isDone);
    }
    const isSettled = (): boolean => !members.arriving.includes(member.raftId);
    const lacking = 'has its vote, but not enough of the others have written that down yet';
    await this.#untilSettled(nodeId, isSettled, lacking, deadline, signal);
    // What settled it may have been its removal.
    if (!isDone()) throw unknownMember(nodeId, members.records());
  }

  /** Resolves when the others can do without it, whatever they forget: then it may be switched off. */
  async remove(nodeId: string, options: WaitOptions): Promise<boolean> {
    checkNodeId(nodeId, 'nodeId');
    checkNotAborted(options.signal);
    const deadline = this.#life.deadline(options.timeoutMs);
    const wasMember = this.#isElsewhere()
      ? await this.#askToRemove(nodeId, options)
      : await this.#removeHere(nodeId, deadline, options.signal);
    const { members } = this.#life.parts.replica;
    const isSettled = (): boolean => members.leaving.every((member) => member.nodeId !== nodeId);
    const lacking =
      'is no member any more, but the others may still need its vote, because not enough of them ' +
      'have written that down yet: leave it running';
    // A node that removes itself can not know it: it runs on, and ends when the others tell it.
    if (nodeId !== this.#life.nodeId) {
      await this.#untilSettled(nodeId, isSettled, lacking, deadline, options.signal);
    }
    return wasMember;
  }

  async #removeHere(
    nodeId: string,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { members } = this.#life.parts.replica;
    const member = members.byNodeId(nodeId);
    if (member === undefined) return false;
    const { raftId } = member;
    const check = (): void => {
      checkLeavesVoter(members, member);
      const { voters } = members.confState;
      const votersAfter = voters.filter((voter) => voter !== raftId);
      if (votersAfter.length === voters.length) return;
      checkKeepsQuorum(members, votersAfter, `without node ${nodeId}`, this.#reachable());
      if (raftId === this.#life.started.core.id) checkHeirIsTold(members, votersAfter, member);
    };
    const isDone = (): boolean => members.get(raftId) === undefined;
    await this.#change(removeChange(raftId), deadline, signal, check, isDone);
    return true;
  }

  /** @throws ClusterError OUTCOME_UNKNOWN: it is done, but the power might still undo it. */
  async #untilSettled(
    nodeId: string,
    isSettled: () => boolean,
    lacking: string,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (isSettled()) return;
    this.#life.started.settling.hurry();
    await this.#life.waitUntil(() => isSettled() || signal?.aborted === true, deadline);
    if (isSettled()) return;
    if (signal?.aborted === true) throw abandoned(signal);
    const text = `node ${nodeId} ${lacking}; ask again`;
    throw new ClusterError('OUTCOME_UNKNOWN', text, { details: { nodeId } });
  }

  /** Whom this node has a connection with, at this moment. */
  #reachable(): (voter: RaftId) => boolean {
    const peers = this.#life.parts.transport.status().filter((peer) => peer.connected);
    const reached = new Set([this.#life.started.core.id, ...peers.map((peer) => peer.raftId)]);
    return (voter) => reached.has(voter);
  }

  async transferLeadership(toNodeId: string, options: WaitOptions): Promise<void> {
    const life = this.#life;
    checkNodeId(toNodeId, 'toNodeId');
    life.checkTakesPart();
    const { signal } = options;
    checkNotAborted(signal);
    const { core, loop } = life.started;
    if (life.leader !== undefined && life.leader.nodeId === toNodeId) return;
    if (this.#isElsewhere()) {
      await this.#askLeader({ op: 'transfer', nodeId: toNodeId }, options);
      return;
    }
    const deadline = life.deadline(options.timeoutMs);
    const { raftId } = this.#memberNamed(toNodeId);
    this.#checkVotes(raftId, toNodeId);
    if (!this.#reachable()(raftId)) {
      throw new ClusterError(
        'TRANSFER_TIMED_OUT',
        `${toNodeId} can not take over: ${life.nodeId}, which leads, has no connection with it. Nothing ` +
          'was begun: start it, or mend the network, then try again',
        { details: { nodeId: toNodeId } },
      );
    }
    // Deposed in this turn: it would be another one's to do, and to answer.
    if (core.softState.state !== StateType.Leader) throw notLeader(undefined);
    loop.guard(() => core.transferLeadership(raftId));
    const isDone = (): boolean => loop.leaderId === raftId;
    const isOver = (): boolean =>
      isDone() || hasGivenUp(core.basicStatus(), raftId) || signal?.aborted === true;
    await life.waitUntil(isOver, deadline);
    if (isDone()) return;
    if (signal?.aborted === true) throw abandoned(signal);
    life.checkTakesPart();
    throw new ClusterError(
      'TRANSFER_TIMED_OUT',
      `${toNodeId} did not take over in time; ${life.leader?.nodeId ?? 'nobody'} leads: ` +
        'see whether it is running and has caught up, then try again',
    );
  }

  /** On behalf of another node. */
  async perform(call: LeaderCall, timeoutMs: number): Promise<unknown> {
    // It was sent to the leader; where another one leads by now, the caller looks again.
    this.#life.checkLeads();
    const options = { timeoutMs };
    if (call.op === 'add')
      return await this.add(call.nodeId, call.address, call.wantsVote, options);
    if (call.op === 'promote') return await this.promote(call.nodeId, options);
    if (call.op === 'remove') return await this.remove(call.nodeId, options);
    return await this.transferLeadership(call.nodeId, options);
  }

  /** Whether another node leads, and may be asked. @throws ClusterError NO_LEADER, NOT_LEADER. */
  #isElsewhere(): boolean {
    const { parts, leader } = this.#life;
    this.#life.checkTakesProposals();
    const { core, loop } = this.#life.started;
    if (loop.leaderId === core.id) return false;
    if (parts.config.disableProposalForwarding) this.#life.checkLeads();
    if (leader === undefined) throw nobodyLeads(this.#life.status());
    return true;
  }

  /** A node that removes itself hears of it by its own end, or from the leader: whichever comes first. */
  async #askToRemove(nodeId: string, options: WaitOptions): Promise<boolean> {
    try {
      return (await this.#askLeader({ op: 'remove', nodeId }, options)) === true;
    } catch (error) {
      if (nodeId !== this.#life.nodeId || !isRemoval(error)) throw error;
      return true;
    }
  }

  /**
   * Resolves when this node has applied what was done there. @throws ClusterError OUTCOME_UNKNOWN,
   * ABORTED.
   */
  async #askLeader(call: LeaderCall, { signal, timeoutMs }: WaitOptions): Promise<unknown> {
    const deadline = this.#life.deadline(timeoutMs);
    const { leaderCalls, replica } = this.#life.parts;
    const { promise, abandon } = leaderCalls.ask(this.#life.started.loop.leaderId, call, deadline);
    const answer = await unlessAborted(signal, promise, abandon);
    const value = unpackAnswer(answer);
    const isApplied = (): boolean => replica.appliedIndex >= answer.index;
    await this.#life.waitUntil(() => isApplied() || signal?.aborted === true, deadline);
    // Of its own removal a node may never hear but by its end.
    if (isApplied() || (call.op === 'remove' && call.nodeId === this.#life.nodeId)) return value;
    if (signal?.aborted === true) throw abandoned(signal);
    const text = `the leader has done it, and node ${this.#life.nodeId} has not applied it yet`;
    throw new ClusterError('OUTCOME_UNKNOWN', `${text}: ask again, that is safe`);
  }

  /**
   * Makes the change, again while it gets no place because another one is not finished yet: nothing was
   * changed then. `check` is run in the step in which it gets its place: the members can not change
   * between. `isDone` says that somebody else has done it meanwhile.
   */
  async #change(
    change: ConfChangeV2,
    deadline: number,
    signal: AbortSignal | undefined,
    check: () => void,
    isDone: () => boolean = () => false,
  ): Promise<void> {
    const { clock } = this.#life.parts.world;
    for (;;) {
      try {
        await this.#changeOnce(change, deadline, signal, check);
        return;
      } catch (error) {
        const mayCome = this.#life.isLeader && clock.now() + RETRY_MS < deadline;
        if (!isForLater(error) || !mayCome) throw error;
      }
      await this.#life.pauses.pause(RETRY_MS);
      if (isDone()) return;
    }
  }

  async #changeOnce(
    change: ConfChangeV2,
    deadline: number,
    signal: AbortSignal | undefined,
    check: () => void,
  ): Promise<void> {
    this.#life.checkTakesProposals();
    this.#life.checkLeads();
    checkNotAborted(signal);
    check();
    const { core, loop } = this.#life.started;
    const place = loop.placeOf(() => core.proposeConfChange(change));
    if (place === undefined) {
      throw new ClusterError(
        'PROPOSAL_DROPPED',
        'the leader takes no proposals at this moment (leadership is being handed over, or too ' +
          'much is uncommitted); try again',
      );
    }
    loop.askTurn();
    const { changes } = this.#life.parts;
    const waiting = changes.wait(place.index, place.term, deadline);
    await unlessAborted(signal, waiting.promise, (error) => changes.abandon(waiting.change, error));
  }

  #memberNamed(nodeId: string): MemberRecord {
    const { members } = this.#life.parts.replica;
    const member = members.byNodeId(nodeId);
    if (member !== undefined) return member;
    throw unknownMember(nodeId, members.records());
  }

  #votes(raftId: RaftId): boolean {
    const { voters } = this.#life.parts.replica.members.confState;
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

/** Nothing was changed, and after a while it may go. */
function isForLater(error: unknown): boolean {
  if (!(error instanceof ClusterError)) return false;
  return error.code === 'CHANGE_IN_PROGRESS' || error.code === 'PROPOSAL_DROPPED';
}

/** The node ended because it was removed. */
function isRemoval(error: unknown): boolean {
  if (!(error instanceof ClusterError)) return false;
  return error.code === 'MEMBER_REMOVED' || isRemoval(error.cause);
}
