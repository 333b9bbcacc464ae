/**
 * A cluster of daemons as users run it: `quorate start` with a configuration file, each a process with a
 * folder of its own, on free ports, with every default. What is measured is asked through the doors.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../test/free-ports.ts';
import { until } from '../../test/waiting.ts';
import { Child, makeFolder, removeFolder } from '../processes/child.ts';
import { quorateCommand } from '../processes/paths.ts';

const READY_MS_MAX = 60_000;
const LEADER_MS_MAX = 20_000;
const ASK_MS_MAX = 2_000;
const DOORS = 3;

export interface ClusterOptions {
  readonly members?: number;
  /** Further groups of the configuration file, as YAML. */
  readonly extra?: string;
  /** Flags of Node itself, such as those of its profilers. */
  readonly nodeFlags?: readonly string[];
}

/** The fields of `/v1/status` that are looked at. */
export interface NodeReport {
  readonly nodeId: string;
  readonly role: string;
  readonly term: number;
  readonly appliedIndex: number;
  readonly snapshotIndex: number;
}

interface NodeFacts {
  readonly id: string;
  readonly peers: string;
  readonly clients: string;
  readonly http: string;
  readonly folder: string;
}

export class QuorateCluster {
  readonly folder: string;
  readonly #nodes: readonly NodeFacts[];
  readonly #nodeFlags: readonly string[];
  readonly #children = new Map<string, Child>();

  private constructor(folder: string, nodes: readonly NodeFacts[], nodeFlags: readonly string[]) {
    this.folder = folder;
    this.#nodes = nodes;
    this.#nodeFlags = nodeFlags;
  }

  /** Ready, with a leader. */
  static async start(options: ClusterOptions = {}): Promise<QuorateCluster> {
    const { members = 3, extra = '', nodeFlags = [] } = options;
    const folder = makeFolder('cluster');
    const ports = await freePorts(members * DOORS);
    const nodes = Array.from({ length: members }, (_, at): NodeFacts => {
      const door = (number: number): string => `127.0.0.1:${ports[at * DOORS + number]}`;
      const id = `n${at + 1}`;
      return { id, peers: door(0), clients: door(1), http: door(2), folder: join(folder, id) };
    });
    for (const node of nodes) {
      mkdirSync(node.folder);
      writeFileSync(join(node.folder, 'config.yaml'), configText(node, nodes, extra));
    }
    const cluster = new QuorateCluster(folder, nodes, nodeFlags);
    await Promise.all(cluster.ids.map((id) => cluster.begin(id)));
    await Promise.all(cluster.ids.map((id) => cluster.ready(id)));
    await cluster.leader();
    return cluster;
  }

  get ids(): readonly string[] {
    return this.#nodes.map(({ id }) => id);
  }

  get pids(): readonly number[] {
    return this.ids.map((id) => this.child(id).pid);
  }

  child(id: string): Child {
    return this.#children.get(id)!;
  }

  folderOf(id: string): string {
    return this.#node(id).folder;
  }

  /** `host:port` of the client's door. */
  door(id: string): string {
    return this.#node(id).clients;
  }

  /** All doors, that one first: a client goes to the first that answers. */
  doorsFrom(first: string): readonly string[] {
    return [first, ...this.ids.filter((id) => id !== first)].map((id) => this.door(id));
  }

  /** Starts the process; see `ready`. */
  begin(id: string): void {
    const { folder } = this.#node(id);
    // Its input ends with this process, however that ends: nobody is left behind.
    const flags = ['--config', join(folder, 'config.yaml'), '--exit-on-stdin-close'];
    const args = [...this.#nodeFlags, quorateCommand(), 'start', ...flags];
    this.#children.set(id, new Child(process.execPath, args, { name: `node ${id}` }));
  }

  async ready(id: string): Promise<void> {
    await this.child(id).line((line) => line.startsWith('quorate ready '), READY_MS_MAX);
  }

  async restart(id: string): Promise<void> {
    this.begin(id);
    await this.ready(id);
  }

  async report(id: string): Promise<NodeReport | undefined> {
    try {
      const signal = AbortSignal.timeout(ASK_MS_MAX);
      const response = await fetch(`http://${this.#node(id).http}/v1/status`, { signal });
      return response.ok ? ((await response.json()) as NodeReport) : undefined;
    } catch {
      return undefined;
    }
  }

  /** The one that leads in the newest term. */
  async leader(): Promise<string> {
    return await until('a leader', LEADER_MS_MAX, async () => {
      const reports = await Promise.all(this.ids.map((id) => this.report(id)));
      const leaders = reports.filter((report) => report?.role === 'leader');
      return leaders.sort((a, b) => b!.term - a!.term)[0]?.nodeId;
    });
  }

  async followers(): Promise<readonly string[]> {
    const leader = await this.leader();
    return this.ids.filter((id) => id !== leader);
  }

  /** Until all have applied the same: nobody is behind when the next measurement begins. */
  async settled(): Promise<void> {
    await until('all nodes to have applied the same', LEADER_MS_MAX, async () => {
      const reports = await Promise.all(this.ids.map((id) => this.report(id)));
      const [first, ...others] = reports.map((report) => report?.appliedIndex);
      const isSame = first !== undefined && others.every((index) => index === first);
      return isSame ? true : undefined;
    });
  }

  /** All in good order: profilers write what they have seen. */
  async stopInOrder(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.stop()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.kill()));
    removeFolder(this.folder);
  }

  #node(id: string): NodeFacts {
    const found = this.#nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`there is no node ${id}`);
    return found;
  }
}

function configText(own: NodeFacts, all: readonly NodeFacts[], extra: string): string {
  const { id, peers, clients, http } = own;
  return [
    'cluster:',
    '  name: bench',
    '  members:',
    ...all.map((node) => `    - { id: ${node.id}, address: "${node.peers}" }`),
    `node: { id: ${id}, dataDir: data }`,
    `listen: { peers: "${peers}", clients: "${clients}", http: "${http}" }`,
    'log: { file: log }',
    extra,
    '',
  ].join('\n');
}
