/**
 * Puts together what exists from a node's start on: the core over the stored log, the loop around it,
 * and those who listen to the transport. Wiring only; each part's rules stand in its own file.
 */
import type { ClusterError } from '../errors.ts';
import { NONE, type RaftId, RawNode, StateType } from '../raft/index.ts';
import type { Identity } from '../storage/index.ts';
import { promotionOf } from './admission.ts';
import { CommitNotices } from './commit-notices.ts';
import { DiskWatch } from './disk-watch.ts';
import { handOver } from './handing-over.ts';
import { Incoming } from './incoming.ts';
import { Loop } from './loop.ts';
import { Neighbours } from './neighbours.ts';
import type { NodeParts } from './node-parts.ts';
import { Promotion } from './promotion.ts';
import { hashText } from './replica.ts';
import { Settling } from './settling.ts';
import { Snapshots } from './snapshots.ts';
import { type StateClaim, StateHashes } from './state-hashes.ts';
import { unlessUnknownPeer } from './step-errors.ts';
import { Succession } from './succession.ts';

/** Committed bytes applied in one round, so that applying never holds the loop for long. */
const APPLY_BYTES_MAX = 1024 * 1024;

/** What exists from `start` on. */
export interface Live {
  readonly identity: Identity;
  readonly core: RawNode;
  readonly loop: Loop;
  readonly notices: CommitNotices;
  readonly incoming: Incoming;
  readonly snapshots: Snapshots;
  readonly diskWatch: DiskWatch;
  readonly succession: Succession;
  readonly neighbours: Neighbours;
  readonly promotion: Promotion;
  readonly settling: Settling;
}

export function assemble(parts: NodeParts, identity: Identity): Live {
  const core = newCore(parts, identity.raftId);
  const snapshots = new Snapshots({
    ...parts,
    clock: parts.world.clock,
    isLeader: () => loop.role === StateType.Leader,
    term: () => core.term,
    progressOf: (follower) => core.status().progress.get(follower),
    sendBulk: (message, source) => parts.transport.sendBulk(message, source),
    stepSnapshot: (message) => loop.step(message),
    reportSnapshot: (to, ok) => loop.guard(() => core.reportSnapshot(to, ok)),
  });
  const diskWatch = new DiskWatch(
    {
      logger: parts.logger,
      isLeader: () => loop.role === StateType.Leader,
      handOver: () => handOver(parts, live)?.nodeId,
    },
    parts.config.electionTicks,
  );
  const stateHashes = newStateHashes(parts, core.id, (to, claim) => loop.sendStateClaim(to, claim));
  const notices = new CommitNotices({
    clock: parts.world.clock,
    guard: (input) => loop.guard(input),
    term: () => core.term,
    send: (message) => unlessUnknownPeer(() => parts.transport.send(message)),
    flush: () => parts.transport.flush(),
  });
  const loop: Loop = new Loop({
    ...parts,
    core,
    notices,
    snapshots,
    diskWatch,
    stateHashes,
    clock: parts.world.clock,
    loadBytesMax: parts.config.maxBytesPerMessage,
    membersChanged: () => {
      neighbours.sync();
      // Raft ids are never used again: who was removed leads nobody any more, whatever it believes.
      const { leaderId } = loop;
      if (leaderId !== NONE && parts.replica.members.wasRemoved(leaderId)) succession.leaderGone();
      // The leader's name may be known only now.
      parts.leadershipChanged();
      parts.membersChanged();
    },
  });
  const incoming = new Incoming({ ...parts, core, loop, stateHashes });
  const succession = newSuccession(parts, core, loop);
  const neighbours: Neighbours = new Neighbours({
    ...parts,
    clock: parts.world.clock,
    self: identity.raftId,
    members: parts.replica.members,
    succession,
    reportUnreachable: (peer) => loop.guard(() => core.reportUnreachable(peer)),
    greet: (peer) => {
      const { newest } = stateHashes;
      if (newest !== undefined) loop.sendStateClaim(peer, newest);
    },
  });
  parts.admission.onIntroduced = () => neighbours.sync();
  parts.admission.leaderId = () => loop.leaderId;
  const promotion = newPromotion(parts, core, loop);
  const settling = newSettling(parts, core, loop);
  const live: Live = {
    identity,
    core,
    loop,
    notices,
    incoming,
    snapshots,
    diskWatch,
    succession,
    neighbours,
    promotion,
    settling,
  };
  return live;
}

function newStateHashes(
  { replica, diverged }: NodeParts,
  self: RaftId,
  send: (to: RaftId, claim: StateClaim) => void,
): StateHashes {
  return new StateHashes({
    self,
    voters: () => replica.members.confState.voters,
    broadcast: (claim) => {
      for (const { raftId } of replica.members.records()) if (raftId !== self) send(raftId, claim);
    },
    judged: (verdict, index, claims) => {
      const named = [...claims].map(([raftId, hash]) => {
        return [replica.members.get(raftId)?.nodeId ?? String(raftId), hashText(hash)] as const;
      });
      diverged(verdict, { index, hashes: Object.fromEntries(named) });
    },
  });
}

function newPromotion(
  { replica, admission, logger }: NodeParts,
  core: RawNode,
  loop: Loop,
): Promotion {
  return new Promotion({
    members: replica.members,
    status: () => core.status(),
    isLeader: () => loop.role === StateType.Leader,
    promote: (member) => {
      const change = promotionOf(member, admission);
      const place = loop.placeOf(() => core.proposeConfChange(change));
      if (place === undefined) return;
      logger.info('member.promoting', { member: member.nodeId, index: place.index });
      loop.askTurn();
    },
  });
}

function newSettling({ replica, logger }: NodeParts, core: RawNode, loop: Loop): Settling {
  const { members } = replica;
  return new Settling({
    members,
    isLeader: () => loop.role === StateType.Leader,
    confirm: (change) => {
      const place = loop.placeOf(() => core.proposeConfChange(change));
      if (place === undefined) return;
      const raftIds = change.changes.map(({ nodeId }) => nodeId);
      logger.info('member.settling', { raftIds, index: place.index });
      loop.askTurn();
    },
  });
}

/** Nothing that these parts have put off happens any more, and nothing is waited for. */
export function endLive(
  { succession, neighbours, notices, snapshots }: Live,
  why: ClusterError,
): void {
  snapshots.interrupt(why);
  succession.stop();
  neighbours.stop();
  notices.stop();
}

function newCore({ config, storage, replica, world }: NodeParts, id: RaftId): RawNode {
  return new RawNode({
    id,
    electionTick: config.electionTicks,
    heartbeatTick: config.heartbeatTicks,
    storage,
    applied: replica.appliedIndex,
    asyncStorageWrites: true,
    maxSizePerMsg: config.maxBytesPerMessage,
    maxCommittedSizePerReady: APPLY_BYTES_MAX,
    maxUncommittedEntriesSize: config.maxUncommittedBytes,
    maxInflightMsgs: config.maxInflightMessages,
    maxInflightBytes: config.maxInflightBytes,
    preVote: config.preVote,
    checkQuorum: config.checkQuorum,
    lateFirstAppends: true,
    disableProposalForwarding: true,
    stepDownOnRemoval: true,
    tellCommitInVotes: true,
    postponeCampaigns: true,
    random: (bound) => world.random.below(bound),
  });
}

function newSuccession(
  { config, world, replica }: NodeParts,
  core: RawNode,
  loop: Loop,
): Succession {
  return new Succession(
    {
      clock: world.clock,
      random: world.random,
      sparesLiving: config.preVote && config.checkQuorum,
      leaderId: () => loop.leaderId,
      voters: () => replica.members.confState.voters,
      forgetLeader: () => loop.guard(() => core.forgetLeader()),
      candidacy: () => (loop.role === StateType.Candidate ? core.term : undefined),
      campaign: () => loop.guard(() => core.campaign()),
    },
    core.id,
  );
}

export async function startTransport(parts: NodeParts, live: Live): Promise<void> {
  const { config, transport, replica, admission } = parts;
  const { identity, loop, incoming, snapshots, neighbours } = live;
  const { raftId } = identity;
  const self = config.cluster.members.find((member) => member.nodeId === identity.nodeId);
  const own = self ?? replica.members.contacts().find((contact) => contact.raftId === raftId);
  const address = own?.address ?? '';
  neighbours.sync();
  await transport.start(
    { ...identity, address },
    {
      messages: (from, messages) => incoming.messages(from, messages),
      frame: (from, kind, payload) => incoming.frame(from, kind, payload),
      connected: (peer) => neighbours.connected(peer),
      unreachable: (peer, reason, error) => {
        loop.guard(() => neighbours.unreachable(peer, reason));
        if (reason === 'rejected') neighbours.refused(peer, error);
      },
      bulk: (from, message) => snapshots.receive(from, message),
      admit: (peer) => admission.admit(peer),
    },
  );
}
