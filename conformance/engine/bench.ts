/**
 * What a case of the engine suite works with: clusters of engines with a journal for a state machine,
 * which writes down every command, and knows on which node it is.
 */
import type { CommandResult, Invitation, StateMachine } from '../../src/consensus/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { ClusterError } from '../../src/errors.ts';
import type { SnapshotReader, SnapshotSection } from '../../src/storage/index.ts';
import { begun, type Checks, codeOf, giveBack, pollUntil } from '../kit/index.ts';
import { checkCluster, type EngineCluster, type EngineRig } from './rig.ts';

const PATIENCE_MS_DEFAULT = 15_000;
const SECTION = 'app.journal';

/** Code of the result for a command that the journal rejects. */
export const REJECTED = 7;
/** A command that its `check` refuses. */
export const REFUSED = '?';

/** Writes down each command; answers which one it was. */
export class Journal implements StateMachine {
  readonly nodeId: string;
  /** As latin1, so that any bytes are kept as they are. */
  commands: string[] = [];

  constructor(nodeId: string) {
    this.nodeId = nodeId;
  }

  check(command: Uint8Array): void {
    if (Buffer.from(command).toString('latin1') !== REFUSED) return;
    throw new ClusterError('REQUEST_INVALID', 'the journal takes no question');
  }

  applyBatch(commands: readonly Uint8Array[]): readonly CommandResult[] {
    return commands.map((command) => this.#apply(Buffer.from(command).toString('latin1')));
  }

  snapshot(): readonly SnapshotSection[] {
    return [{ name: SECTION, chunks: [Buffer.from(JSON.stringify(this.commands))] }];
  }

  async restore(reader: Pick<SnapshotReader, 'section'>): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader.section(SECTION) ?? []) chunks.push(chunk);
    this.commands = JSON.parse(Buffer.concat(chunks).toString()) as string[];
  }

  count(command: string): number {
    return this.commands.filter((one) => one === command).length;
  }

  /** `!...` is rejected; `bug in <node>` is one, there. */
  #apply(command: string): CommandResult {
    if (command === `bug in ${this.nodeId}`) throw new Error('a bug in the state machine');
    if (command.startsWith('!')) return { code: REJECTED, bytes: bytesOf(`refused ${command}`) };
    this.commands.push(command);
    return { code: 0, bytes: bytesOf(`${this.commands.length} ${command.slice(0, 40)}`) };
  }
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** One life of one node. */
export interface Node {
  readonly engine: Engine;
  readonly journal: Journal;
}

export class EngineBench {
  readonly #rig: EngineRig;
  readonly #clusters: EngineCluster[] = [];
  readonly #nodes: Node[] = [];
  readonly patienceMs: number;

  constructor(rig: EngineRig) {
    this.#rig = rig;
    this.patienceMs = rig.patienceMs ?? PATIENCE_MS_DEFAULT;
  }

  async cluster(size: number): Promise<EngineCluster> {
    const cluster = await this.#rig.cluster(size);
    checkCluster(cluster, size, this.#rig.offers);
    this.#clusters.push(cluster);
    return cluster;
  }

  async node(cluster: EngineCluster, nodeId: string): Promise<Node> {
    const journal = new Journal(nodeId);
    const node = { engine: await cluster.engine(nodeId, journal), journal };
    this.#nodes.push(node);
    return node;
  }

  async startAll(cluster: EngineCluster): Promise<Node[]> {
    const nodes: Node[] = [];
    for (const nodeId of cluster.nodeIds) nodes.push(await this.node(cluster, nodeId));
    await Promise.all(nodes.map(({ engine }) => begun(() => engine.start())));
    return nodes;
  }

  async joining(cluster: EngineCluster, invitation: Invitation): Promise<Node> {
    const journal = new Journal(invitation.nodeId);
    const engine = await cluster.invited?.(invitation, journal);
    if (engine === undefined)
      throw new Error('the rig offers `join`, its cluster has no `invited`');
    const node = { engine, journal };
    this.#nodes.push(node);
    return node;
  }

  /** Three nodes that agree on a leader; the leader comes first. */
  async trio(checks: Checks): Promise<[Node, Node, Node]> {
    const nodes = await this.startAll(await this.cluster(3));
    const leader = await this.leader(checks, nodes);
    const [one, other] = nodes.filter((node) => node !== leader);
    if (one === undefined || other === undefined) throw new Error('the rig made fewer than three');
    return [leader, one, other];
  }

  /** One of them leads, and all know it. */
  async leader(checks: Checks, nodes: readonly Node[]): Promise<Node> {
    let leader: Node | undefined;
    await this.reach(checks, 'a majority that can talk elects one leader', () => {
      const leaders = nodes.filter(({ engine }) => engine.isLeader);
      leader = leaders[0];
      const name = leader?.engine.nodeId;
      return leaders.length === 1 && nodes.every(({ engine }) => engine.leader?.nodeId === name);
    });
    return leader as Node;
  }

  async reach(checks: Checks, clause: string, isReached: () => boolean): Promise<void> {
    checks.current = clause;
    const isSo = await pollUntil(isReached, this.patienceMs);
    checks.holds(clause, isSo, `within ${this.patienceMs} ms`, 'it did not come true');
  }

  /** Proposes until it is accepted: for cases that are about something else than a proposal. */
  async write(checks: Checks, { engine }: Node, command: string): Promise<void> {
    await checks.resolves(
      `a proposal on ${engine.nodeId} is accepted`,
      () => engine.propose(bytesOf(command), { timeoutMs: this.patienceMs }),
      this.patienceMs,
    );
  }

  /** What a node holds after a barrier. */
  async read(checks: Checks, { engine, journal }: Node): Promise<string[]> {
    await checks.resolves(
      `a barrier on ${engine.nodeId} resolves`,
      () => engine.readBarrier({ timeoutMs: this.patienceMs }),
      this.patienceMs,
    );
    return [...journal.commands];
  }

  async close(): Promise<void> {
    const stopping = this.#nodes.map(({ engine }) => begun(() => engine.stop()));
    const steps = [
      () => Promise.all(stopping),
      ...this.#clusters.map((one) => () => one.close?.()),
    ];
    await giveBack(steps, this.patienceMs);
  }
}

/** Code of the error with which it rejects; `resolved` when it does not. */
export async function codeOfFailure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'resolved';
  } catch (error) {
    return codeOf(error) ?? String(error);
  }
}
