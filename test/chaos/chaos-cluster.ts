/**
 * The daemons of a run, and the books on how each of them ended.
 *
 * The rule: no process ends without being expected to. Whoever kills, stops or starves a node says how it
 * will end; any other end is a finding, whatever the history says. A node is started again with all that
 * the run gives it: its doors, its small disk, the testing disk and clock.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Cluster, type NodeFacts, type NodeReport } from '../acceptance/cluster.ts';
import type { Exit } from '../acceptance/daemon-process.ts';
import { until } from '../waiting.ts';
import { Links } from './links.ts';
import { SmallDisk } from './small-disk.ts';

/** An exit code, or the signal that ends it. */
export type End = number | 'SIGKILL';

export interface ChaosClusterOptions {
  readonly nodes: number;
  /** Numbers in [0, 1). */
  readonly chance: () => number;
  readonly wantsSmallDisk: boolean;
}

const READY_MS = 60_000;
const AGREEMENT_MS = 30_000;
const ANSWER_MS_MAX = 3_000;
const STOP_MS = 25_000;
/** Often enough a snapshot that some node needs one. */
const EXTRA = 'raft: { snapshotIntervalEntries: 2000, snapshotCatchUpEntries: 500 }';

export class ChaosCluster {
  readonly cluster: Cluster;
  readonly links: Links;
  /** Of the last node. */
  readonly smallDisk: SmallDisk | undefined;
  /** Why there is none, if one was wanted. */
  readonly noSmallDisk: string | undefined;
  readonly findings: string[] = [];
  /** How often processes ended in which way. */
  readonly ends: Map<string, number> = new Map();
  readonly #expected = new Map<string, End>();
  #isOver = false;

  private constructor(cluster: Cluster, links: Links, disk: SmallDisk | string | undefined) {
    this.cluster = cluster;
    this.links = links;
    this.smallDisk = disk instanceof SmallDisk ? disk : undefined;
    this.noSmallDisk = typeof disk === 'string' ? disk : undefined;
  }

  static async make(options: ChaosClusterOptions): Promise<ChaosCluster> {
    const { nodes, chance, wantsSmallDisk } = options;
    const cluster = await Cluster.make({ name: 'chaos', nodes, extra: EXTRA });
    const listening = cluster.nodes.map(({ id, peers }) => ({ id, port: portOf(peers) }));
    const links = await Links.between(listening, chance);
    cluster.behind(new Map(links.ids.map((id) => [id, links.addressOf(id)])));
    const last = cluster.nodes.at(-1);
    let disk: SmallDisk | string | undefined;
    if (wantsSmallDisk && last !== undefined) {
      const path = dataOf(last);
      mkdirSync(path);
      disk = SmallDisk.mount(path);
    }
    return new ChaosCluster(cluster, links, disk);
  }

  get ids(): string[] {
    return this.cluster.nodes.map(({ id }) => id);
  }

  get majority(): number {
    return Math.floor(this.ids.length / 2) + 1;
  }

  /** The one with the small disk. */
  get smallDiskNode(): string {
    return this.ids.at(-1) ?? '';
  }

  // ---- processes --------------------------------------------------------------------------------

  async start(id: string, flags: readonly string[] = []): Promise<void> {
    const process = this.cluster.start(id, ['--testing-clock', 'stepped', ...flags]);
    await this.links.began(id);
    void process.exit.then((exit) => this.#ended(id, exit, process.stderr));
  }

  async startAll(): Promise<void> {
    await Promise.all(this.ids.map((id) => this.start(id)));
    await this.allReady();
  }

  isRunning(id: string): boolean {
    return this.cluster.process(id)?.isOver === false;
  }

  async ready(id: string): Promise<void> {
    const process = this.cluster.process(id);
    if (process === undefined) throw new Error(`${id} was never started`);
    await process.ready(READY_MS);
  }

  async allReady(): Promise<void> {
    await Promise.all(this.ids.map((id) => this.ready(id)));
  }

  /**
   * kill -9 for those of them that run, at once; answers which these are. Of the others nothing is
   * expected: it would excuse how they end another time.
   */
  async kill(...ids: readonly string[]): Promise<string[]> {
    const running = ids.filter((id) => this.isRunning(id));
    for (const id of running) this.expect(id, 'SIGKILL');
    for (const id of running) this.cluster.process(id)?.kill('SIGKILL');
    await Promise.all(running.map((id) => this.#end(id)));
    return running;
  }

  /** In good order. */
  async stop(id: string): Promise<void> {
    this.expect(id, 0);
    this.cluster.process(id)?.kill('SIGTERM');
    await this.#end(id);
  }

  signal(id: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.cluster.process(id)?.kill(signal);
  }

  /** It may end by itself, and then in this way. */
  expect(id: string, end: End): void {
    this.#expected.set(id, end);
  }

  /** It did not. */
  expectNothing(id: string): void {
    this.#expected.delete(id);
  }

  /** Waits for an end that was announced. */
  async end(id: string, timeoutMs: number): Promise<void> {
    await this.cluster.process(id)?.ended(timeoutMs);
  }

  /** Steps its wall clock; 0: as it should be. */
  setClock(id: string, offsetMs: number): void {
    writeFileSync(join(dataOf(this.cluster.node(id)), 'CLOCK-OFFSET'), String(offsetMs));
  }

  /** Everything that it has, as when its disk was replaced. */
  wipe(id: string): void {
    const data = dataOf(this.cluster.node(id));
    // What is in it: the folder itself may be a disk.
    for (const name of readdirSync(data)) {
      rmSync(join(data, name), { recursive: true, force: true });
    }
  }

  /** Whatever was done to it: it runs again as a member, on the machine's disk. */
  async revive(): Promise<void> {
    for (const id of this.ids) {
      if (this.isRunning(id)) this.signal(id, 'SIGCONT');
      else await this.start(id);
    }
  }

  // ---- what the nodes say -----------------------------------------------------------------------

  leader(): Promise<string> {
    return this.cluster.leader();
  }

  async follower(but: readonly string[] = []): Promise<string> {
    const leader = await this.leader();
    const found = this.ids.find((id) => id !== leader && !but.includes(id));
    if (found === undefined) throw new Error('there is no such follower');
    return found;
  }

  async reports(): Promise<(NodeReport | undefined)[]> {
    return await Promise.all(this.ids.map((id) => this.cluster.report(id)));
  }

  /** Every node says so, which it finds out by a linearizable read. */
  async areReady(): Promise<boolean> {
    const answers = this.cluster.nodes.map(async ({ http }) => {
      try {
        const signal = AbortSignal.timeout(ANSWER_MS_MAX);
        return (await fetch(`http://${http}/readyz`, { signal })).ok;
      } catch {
        return false;
      }
    });
    return (await Promise.all(answers)).every((isReady) => isReady);
  }

  /** All members vote, have applied the same and have the same state; answers what the state's hash is. */
  async agreement(): Promise<string> {
    let seen: (NodeReport | undefined)[] = [];
    try {
      return await until('agreement', AGREEMENT_MS, async () => {
        seen = await this.reports();
        const [first] = seen;
        if (first === undefined) return undefined;
        const isSame = seen.every(
          (one) =>
            one?.appliedIndex === first.appliedIndex &&
            one.stateHash === first.stateHash &&
            one.members.filter(({ role }) => role === 'voter').length === this.ids.length,
        );
        return isSame ? `${first.stateHash} at index ${first.appliedIndex}` : undefined;
      });
    } catch {
      const all = seen.map((one, i) =>
        one === undefined
          ? `${this.ids[i]} does not answer`
          : `${one.nodeId} ${one.phase} ${one.stateHash} at ${one.appliedIndex}`,
      );
      throw new Error(`the nodes do not agree: ${all.join('; ')}`);
    }
  }

  /** Terms in which somebody led, by the logs of all nodes. */
  elections(): number {
    const terms = new Set<number>();
    for (const id of this.ids) {
      for (const line of logLines(this.cluster.node(id))) {
        if (!line.includes('"leader.changed"')) continue;
        const { leader, term } = JSON.parse(line) as { leader?: unknown; term?: number };
        if (term !== undefined && leader !== undefined && leader !== null) terms.add(term);
      }
    }
    return terms.size;
  }

  /** All end at once, and nobody minds. */
  async halt(): Promise<void> {
    this.#isOver = true;
    await this.cluster.killAll();
    await this.links.close();
  }

  /** `keep`: the folder stays. */
  async close(keep: boolean): Promise<void> {
    await this.halt();
    if (keep) this.smallDisk?.copyTo(join(this.cluster.folder, this.smallDiskNode, 'data-was'));
    this.smallDisk?.unmount();
    if (!keep) await this.cluster.remove();
  }

  async #end(id: string): Promise<void> {
    await this.cluster.process(id)?.ended(STOP_MS);
  }

  #ended(id: string, { code, signal }: Exit, stderr: string): void {
    void this.links.ended(id);
    if (this.#isOver) return;
    const end = signal ?? String(code);
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
    const expected = this.#expected.get(id);
    this.#expected.delete(id);
    if (expected !== undefined && String(expected) === end) return;
    const wanted = expected === undefined ? 'it was not to end' : `expected ${expected}`;
    const said = stderr.trim().split('\n').slice(-6).join('\n  ');
    this.findings.push(`${id} ended with ${end} (${wanted}):\n  ${said}`);
  }
}

export function dataOf(node: NodeFacts): string {
  return join(node.folder, 'data');
}

function portOf(address: string): number {
  return Number(address.split(':')[1]);
}

function logLines(node: NodeFacts): string[] {
  try {
    return readFileSync(join(node.folder, 'log'), 'utf8').split('\n');
  } catch {
    return [];
  }
}
