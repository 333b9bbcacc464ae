/**
 * What a node has from its making on: its doors to the world, and those who keep what is waited for. They
 * reach back to the node through the few calls of `PartsOwner`, which are made once the node lives.
 */
import { ClusterError } from '../errors.ts';
import type { LogIndex } from '../raft/index.ts';
import type { Storage } from '../storage/index.ts';
import type { Transport } from '../transport/index.ts';
import type { Logger, World } from '../world/index.ts';
import { Admission } from './admission.ts';
import type { Live } from './assemble.ts';
import type { RaftNodeConfig } from './config.ts';
import { waitedForRestore, waitedInVain } from './explain.ts';
import { interruptibleReader } from './interruptible.ts';
import { type LeaderCall, LeaderCalls, type LeaderCallsHost } from './leader-calls.ts';
import { MembershipChanges } from './membership-changes.ts';
import { type ProposalHost, Proposals } from './proposals.ts';
import { type ReadHost, Reads } from './reads.ts';
import { ReadyObservers } from './ready-observers.ts';
import { Replica } from './replica.ts';
import type { StateVerdict } from './state-hashes.ts';
import type { Divergence, NodeStatus, StateMachine } from './types.ts';

/**
 * Numbers of what is asked of other nodes begin at a multiple of this, drawn anew at each start. Two lives
 * would have to draw the same, or one ask so often in between, to be taken for each other; the largest
 * number is far from where they are no longer exact (2^53).
 */
const IDS_PER_MARK = 2 ** 20;

/** What a node is made of: the doors to the world, and the state that is replicated. */
export interface RaftNodeParts {
  readonly world: World;
  /** Opened, and the node's own from now on: `stop` closes it. */
  readonly storage: Storage;
  readonly transport: Transport;
  readonly machine: StateMachine;
}

/** The node, as its parts see it. */
export interface PartsOwner {
  /** False once the node has failed or stopped: then nothing changes and nothing leaves. */
  readonly takesPart: boolean;
  /** @throws ClusterError NOT_STARTED. */
  readonly started: Live;
  status(): NodeStatus;
  /** Does here, while this node leads, what another one asks for. */
  perform(call: LeaderCall, timeoutMs: number): Promise<unknown>;
  leadershipChanged(): void;
  membersChanged(): void;
  diverged(verdict: StateVerdict, divergence: Divergence): void;
  fail(error: unknown): void;
  /** Throws when nobody waits for a state any more that is being restored. */
  checkIsLiving(): void;
}

export interface NodeParts {
  readonly config: RaftNodeConfig;
  readonly world: World;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly machine: StateMachine;
  readonly replica: Replica;
  readonly proposals: Proposals;
  readonly changes: MembershipChanges;
  readonly reads: Reads;
  readonly admission: Admission;
  readonly observers: ReadyObservers;
  readonly leaderCalls: LeaderCalls;
  takesPart(): boolean;
  leadershipChanged(): void;
  membersChanged(): void;
  diverged(verdict: StateVerdict, divergence: Divergence): void;
  /** The state machine takes over the newest snapshot of the storage. */
  restoreNewest(): Promise<void>;
  fail(error: unknown): void;
}

export function makeParts(
  config: RaftNodeConfig,
  { world, storage, transport, machine }: RaftNodeParts,
  node: PartsOwner,
): NodeParts {
  const replica = new Replica(machine);
  const now = (): number => world.clock.now();
  const appliedIndex = (): LogIndex => replica.appliedIndex;
  // An answer reaches whoever runs as that member now: what this life asks is told apart by that.
  const lifeMark = world.random.below(2 ** 32);
  const firstId = lifeMark * IDS_PER_MARK;
  const proposalHost: ProposalHost = {
    now,
    appliedIndex,
    append: (envelope) => node.started.loop.propose(envelope),
    forward: (to, batch) =>
      !config.disableProposalForwarding && node.started.loop.forward(to, batch),
    answer: (to, answer) => node.started.loop.answer(to, answer),
    explainWaiting: (stage) => waitedInVain(node.status(), stage),
  };
  const readHost: ReadHost = {
    now,
    appliedIndex,
    isRestoring: () => replica.isRestoring,
    askReadIndex: (context) => node.started.loop.askReadIndex(context),
    explainWaiting: () =>
      replica.isRestoring
        ? waitedForRestore(config.nodeId, replica.appliedIndex)
        : waitedInVain(node.status(), 'read'),
  };
  const leaderCallsHost: LeaderCallsHost = {
    now,
    appliedIndex,
    send: (to, kind, bytes) => node.takesPart && node.started.loop.sendFrame(to, kind, bytes),
    perform: (call, timeoutMs) => node.perform(call, timeoutMs),
    fail: (error) => node.fail(error),
  };
  return {
    config,
    world,
    storage,
    transport,
    logger: world.logger,
    machine,
    replica,
    proposals: new Proposals(proposalHost, firstId),
    changes: new MembershipChanges(),
    reads: new Reads(readHost, lifeMark, 2 * config.heartbeatTicks + 1),
    admission: new Admission(storage, replica.members),
    observers: new ReadyObservers(),
    leaderCalls: new LeaderCalls(leaderCallsHost, firstId),
    takesPart: () => node.takesPart,
    leadershipChanged: () => node.leadershipChanged(),
    membersChanged: () => node.membersChanged(),
    diverged: (verdict, divergence) => node.diverged(verdict, divergence),
    restoreNewest: () => restoreNewest(storage, replica, () => node.checkIsLiving()),
    fail: (error) => node.fail(error),
  };
}

/** Everybody who waits for something is told why nothing will come of it here. */
export function failCalls(
  {
    proposals,
    reads,
    changes,
    leaderCalls,
  }: Pick<NodeParts, 'proposals' | 'reads' | 'changes' | 'leaderCalls'>,
  error: ClusterError,
): void {
  proposals.failAll(error);
  reads.failAll(error);
  changes.failAll(error);
  leaderCalls.failAll(error);
}

async function restoreNewest(
  storage: Storage,
  replica: Replica,
  checkIsWanted: () => void,
): Promise<void> {
  const newest = storage.newestSnapshot;
  if (newest === undefined) {
    throw new ClusterError('DATA_CORRUPT', 'the data folder holds no snapshot to start from');
  }
  const reader = await storage.openSnapshot(newest);
  try {
    await replica.restore(interruptibleReader(reader, checkIsWanted));
  } finally {
    await reader.close();
  }
}
