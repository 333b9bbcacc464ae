/**
 * A cluster of real daemons in a temporary folder, on free ports: started, killed with kill -9, started
 * again, asked for their status. Nothing here knows what is written into it.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts } from '../free-ports.ts';
import { until } from '../waiting.ts';
import { CommandProcess } from './daemon-process.ts';

export interface NodeFacts {
  readonly id: string;
  readonly peers: string;
  readonly clients: string;
  readonly http: string;
  readonly folder: string;
  readonly config: string;
}

/** The fields of `/v1/status` that are looked at. */
export interface NodeReport {
  readonly nodeId: string;
  readonly raftId: number;
  readonly role: string;
  readonly phase: string;
  readonly term: number;
  readonly appliedIndex: number;
  readonly commitIndex: number;
  readonly revision: number;
  readonly stateHash: string;
  readonly version: string;
  readonly members: readonly { readonly nodeId: string; readonly role: string }[];
}

export interface ClusterOptions {
  readonly name: string;
  readonly nodes?: number;
  /** Further nodes, n4 and so on, which join by the founding ones when they are started. */
  readonly newcomers?: number;
  /** Further groups of the configuration, as YAML. */
  readonly extra?: string;
}

const READY_MS = 30_000;

export class Cluster {
  readonly folder: string;
  readonly #known: readonly NodeFacts[];
  readonly #present: Set<string>;
  readonly #processes = new Map<string, CommandProcess>();

  private constructor(folder: string, known: readonly NodeFacts[], present: Set<string>) {
    this.folder = folder;
    this.#known = known;
    this.#present = present;
  }

  static async make(options: ClusterOptions): Promise<Cluster> {
    const { name, nodes: count = 3, newcomers = 0, extra = '' } = options;
    const folder = mkdtempSync(join(tmpdir(), `quorate-${name}-`));
    const ports = await freePorts((count + newcomers) * 3);
    const facts = Array.from({ length: count + newcomers }, (_, i): NodeFacts => {
      const id = `n${i + 1}`;
      const at = (door: number): string => `127.0.0.1:${ports[i * 3 + door]}`;
      const own = join(folder, id);
      mkdirSync(own);
      return {
        id,
        peers: at(0),
        clients: at(1),
        http: at(2),
        folder: own,
        config: join(own, 'config.yaml'),
      };
    });
    const founders = facts.slice(0, count);
    const members = founders.map((node) => `    - { id: ${node.id}, address: "${node.peers}" }`);
    const founding = ['  members:', ...members];
    const joining = ['  join:', ...founders.map((node) => `    - "${node.clients}"`)];
    for (const [i, node] of facts.entries()) {
      const origin = i < count ? founding : joining;
      writeFileSync(node.config, configText(name, origin, node, extra));
    }
    return new Cluster(folder, facts, new Set(founders.map((node) => node.id)));
  }

  /**
   * Before the nodes start: they will know each other by these addresses, where somebody passes on what
   * comes to where they listen.
   */
  behind(addresses: ReadonlyMap<string, string>): void {
    for (const { config } of this.#known) {
      let text = readFileSync(config, 'utf8');
      for (const { id, peers } of this.#known) {
        const line = (address: string): string => `{ id: ${id}, address: "${address}" }`;
        text = text.replace(line(peers), line(addresses.get(id) ?? peers));
      }
      writeFileSync(config, text);
    }
  }

  /** Those that count as members at present: the founding ones, at first. */
  get nodes(): readonly NodeFacts[] {
    return this.#known.filter((node) => this.#present.has(node.id));
  }

  joined(id: string): void {
    this.#present.add(this.node(id).id);
  }

  left(id: string): void {
    this.#present.delete(id);
  }

  get clientAddresses(): string[] {
    return this.nodes.map((node) => node.clients);
  }

  node(id: string): NodeFacts {
    const found = this.#known.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  process(id: string): CommandProcess | undefined {
    return this.#processes.get(id);
  }

  start(id: string, flags: readonly string[] = []): CommandProcess {
    return this.keep(id, new CommandProcess(['start', '--config', this.node(id).config, ...flags]));
  }

  /** A node that was started by other means. */
  keep(id: string, started: CommandProcess): CommandProcess {
    this.#processes.set(id, started);
    return started;
  }

  async startAll(): Promise<void> {
    const started = this.nodes.map((node) => this.start(node.id));
    await Promise.all(started.map((one) => one.ready(READY_MS)));
  }

  async startAndWait(id: string): Promise<void> {
    await this.start(id).ready(READY_MS);
  }

  /** kill -9; resolves when the process is gone. */
  async kill(id: string): Promise<void> {
    const running = this.#processes.get(id);
    if (running === undefined || running.isOver) throw new Error(`${id} does not run`);
    running.kill('SIGKILL');
    await running.exit;
  }

  async killAll(): Promise<void> {
    const running = [...this.#processes.values()].filter((one) => !one.isOver);
    for (const one of running) one.kill('SIGKILL');
    await Promise.all(running.map((one) => one.exit));
  }

  async report(id: string): Promise<NodeReport | undefined> {
    try {
      const signal = AbortSignal.timeout(2_000);
      const response = await fetch(`http://${this.node(id).http}/v1/status`, { signal });
      return response.ok ? ((await response.json()) as NodeReport) : undefined;
    } catch {
      return undefined;
    }
  }

  async leader(): Promise<string> {
    return await until('a leader', 15_000, async () => {
      const reports = await Promise.all(this.nodes.map((node) => this.report(node.id)));
      const leaders = reports.filter((report) => report?.role === 'leader');
      leaders.sort((a, b) => (b?.term ?? 0) - (a?.term ?? 0));
      return leaders[0]?.nodeId;
    });
  }

  /** The last lines of a node's log, for messages about what went wrong. */
  logTail(id: string, lines = 15): string {
    try {
      const text = readFileSync(join(this.node(id).folder, 'log'), 'utf8');
      return text.split('\n').slice(-lines).join('\n');
    } catch {
      return '';
    }
  }

  /** kill -9 for all, and the folder is gone. */
  async remove(): Promise<void> {
    await this.killAll();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function configText(
  name: string,
  origin: readonly string[],
  node: NodeFacts,
  extra: string,
): string {
  return [
    `cluster:\n  name: ${name}`,
    ...origin,
    `node: { id: ${node.id}, dataDir: data }`,
    `listen: { peers: "${node.peers}", clients: "${node.clients}", http: "${node.http}" }`,
    'log: { file: log }',
    extra,
    '',
  ].join('\n');
}
