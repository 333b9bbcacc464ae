/**
 * An engine for tests of the doors: several fake nodes over one key-value machine, which apply at once.
 * Sessions work as in the real one (a repeated request is applied once), and faults are switched on by hand.
 */
import type {
  Invitation,
  LeaderChange,
  Member,
  MembersChange,
  NodeStatus,
  ProposalListener,
  ProposeOptions,
  ProposeResult,
  RequestId,
  WaitOptions,
} from '../../src/consensus/index.ts';
import type { Engine, ReadOptions } from '../../src/engine/index.ts';
import { ClusterError } from '../../src/errors.ts';
import { KvMachine } from '../../src/state/index.ts';

export class FakeCluster {
  readonly kv: KvMachine;
  readonly sessions: Map<number, Map<number, ProposeResult>> = new Map();
  index = 0;
  applied = 0;
  #session = 0;

  constructor(kv: KvMachine = new KvMachine()) {
    this.kv = kv;
  }

  apply(command: Uint8Array, request?: RequestId): ProposeResult {
    const window = request === undefined ? undefined : this.sessions.get(request.session);
    if (request !== undefined && window === undefined) {
      throw new ClusterError('SESSION_EXPIRED', `session ${request.session} is gone`);
    }
    if (request !== undefined && window !== undefined) {
      for (const sequence of window.keys()) {
        if (sequence < (request.acknowledgedBelow ?? 0)) window.delete(sequence);
      }
      const known = window.get(request.sequence);
      if (known !== undefined) return known;
    }
    const index = ++this.index;
    this.applied++;
    const [result] = this.kv.applyBatch([new Uint8Array(command)], { index, term: 1 });
    // Not spread: the bytes of a result may be made only when they are asked for.
    const answer = { index, code: result!.code, bytes: result!.bytes };
    if (request !== undefined) window?.set(request.sequence, answer);
    return answer;
  }

  openSession(): number {
    const session = ++this.#session;
    this.sessions.set(session, new Map());
    return session;
  }
}

export type FakeMode = 'serving' | 'no-leader' | 'hanging' | 'apply-then-unknown' | 'failed';

export class FakeEngine implements Engine {
  readonly nodeId: string;
  readonly cluster: FakeCluster;
  readonly failed: Promise<Error> = new Promise(() => {});
  mode: FakeMode = 'serving';
  barriers = 0;
  proposals: RequestId[] = [];
  /** Of members, in words. */
  readonly changes: string[] = [];
  readonly waits: WaitOptions[] = [];
  /** Hung calls, to be let go by the test. */
  readonly hung: (() => void)[] = [];

  constructor(nodeId: string, cluster: FakeCluster = new FakeCluster()) {
    this.nodeId = nodeId;
    this.cluster = cluster;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}

  async propose(command: Uint8Array, options: ProposeOptions = {}): Promise<ProposeResult> {
    this.waits.push(options);
    if (options.request !== undefined) this.proposals.push(options.request);
    await this.#gate();
    const result = this.cluster.apply(command, options.request);
    if (this.mode === 'apply-then-unknown') {
      throw new ClusterError('OUTCOME_UNKNOWN', 'the leader was lost on the way');
    }
    return result;
  }

  submit(command: Uint8Array, options: ProposeOptions, listener: ProposalListener): void {
    this.cluster.kv.check(command);
    // The caller's bytes are his again when this returns.
    this.propose(new Uint8Array(command), options).then(
      ({ index, ...result }) => listener.applied(index, result),
      (error: Error) => listener.failed(error),
    );
  }

  async readBarrier(options: ReadOptions = {}): Promise<void> {
    if (options.consistency === 'local') {
      if (this.mode === 'failed') throw new ClusterError('NODE_FAILED', 'the fake has failed');
      return;
    }
    this.barriers++;
    this.waits.push(options);
    await this.#gate();
  }

  async openSession(): Promise<number> {
    await this.#gate();
    return this.cluster.openSession();
  }

  async closeSession(session: number): Promise<void> {
    await this.#gate();
    this.cluster.sessions.delete(session);
  }

  get isLeader(): boolean {
    return this.mode === 'serving';
  }

  get leader(): Member | undefined {
    return this.mode === 'no-leader' ? undefined : this.#member;
  }

  async *leaderChanges(): AsyncIterable<LeaderChange> {}

  status(): NodeStatus {
    const failure =
      this.mode === 'failed' ? { code: 'DISK_FULL', message: 'no space left' } : undefined;
    const hasQuorum = this.mode !== 'no-leader';
    return {
      nodeId: this.nodeId,
      raftId: 1,
      clusterName: 'test',
      clusterId: 'c1',
      incarnation: 'i1',
      phase: failure === undefined ? 'running' : 'failed',
      role: this.isLeader ? 'leader' : 'follower',
      term: 1,
      leader: this.leader,
      commitIndex: this.cluster.index,
      appliedIndex: this.cluster.index,
      firstIndex: 1,
      lastIndex: this.cluster.index,
      durableIndex: this.cluster.index,
      snapshotIndex: 0,
      snapshotFailure: undefined,
      leaving: false,
      stateHash: '00',
      divergence: undefined,
      members: [
        { ...this.#member, connected: true },
        {
          raftId: 2,
          nodeId: 'other',
          address: '127.0.0.1:7101',
          role: 'voter',
          connected: hasQuorum,
        },
      ],
      quorum: { needed: 2, reached: hasQuorum ? 2 : 1 },
      sessions: this.cluster.sessions.size,
      failure,
    };
  }

  async transferLeadership(to: string): Promise<void> {
    if (to !== 'other') throw new ClusterError('MEMBER_UNKNOWN', `no member ${to}`);
  }

  async *memberChanges(): AsyncGenerator<MembersChange> {
    yield { sequence: 1, index: 1, members: [this.#member] };
  }

  async addNode(nodeId: string, address: string): Promise<Invitation> {
    await this.#gate();
    this.changes.push(`add ${nodeId}`);
    return this.#invitation(nodeId, address);
  }

  async addLearner(nodeId: string, address: string): Promise<Invitation> {
    await this.#gate();
    this.changes.push(`learner ${nodeId}`);
    return this.#invitation(nodeId, address);
  }

  #invitation(nodeId: string, address: string): Invitation {
    const members = [this.#member, { raftId: 9, nodeId, address }];
    return { clusterName: 'fake', clusterId: '0'.repeat(32), nodeId, raftId: 9, members };
  }

  async promoteLearner(nodeId: string): Promise<void> {
    this.changes.push(`promote ${nodeId}`);
  }

  async removeNode(nodeId: string): Promise<boolean> {
    const isMember = nodeId !== 'nobody';
    if (isMember) this.changes.push(`remove ${nodeId}`);
    await this.#gate();
    return isMember;
  }

  get #member(): Member {
    return { raftId: 1, nodeId: this.nodeId, address: '127.0.0.1:7100', role: 'voter' };
  }

  async #gate(): Promise<void> {
    if (this.mode === 'no-leader') {
      throw new ClusterError('NO_LEADER', 'no leader was known before the deadline');
    }
    if (this.mode === 'failed') throw new ClusterError('NODE_FAILED', 'the disk is full');
    if (this.mode === 'hanging') await new Promise<void>((resolve) => this.hung.push(resolve));
  }
}
