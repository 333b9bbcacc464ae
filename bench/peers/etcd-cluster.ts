/**
 * Three processes of etcd with its defaults, durable as it is delivered: each in a folder of its own, on free
 * ports of 127.0.0.1. What is to be known of it is asked of the JSON gateway beside its clients' door.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../test/free-ports.ts';
import { until } from '../../test/waiting.ts';
import { Child, makeFolder, removeFolder } from '../processes/child.ts';

const READY_MS_MAX = 60_000;
const ASK_MS_MAX = 2_000;

interface Member {
  readonly name: string;
  readonly peers: string;
  readonly clients: string;
  readonly folder: string;
}

/** `undefined`: it is not installed. */
export function etcdVersion(): string | undefined {
  const { status, stdout } = spawnSync('etcd', ['--version'], { encoding: 'utf8' });
  return status === 0 ? /etcd Version: (\S+)/.exec(stdout)?.[1] : undefined;
}

export const ETCD_MISSING = 'etcd is not installed (Debian: etcd-server)';

export class EtcdCluster {
  readonly #members: readonly Member[];
  readonly #folder: string;
  readonly #children = new Map<string, Child>();

  private constructor(folder: string, members: readonly Member[]) {
    this.#folder = folder;
    this.#members = members;
  }

  static async start(count = 3): Promise<EtcdCluster> {
    const folder = makeFolder('etcd');
    const ports = await freePorts(2 * count);
    const members = Array.from({ length: count }, (_, at): Member => {
      const name = `e${at + 1}`;
      const own = join(folder, name);
      mkdirSync(own);
      const [peers, clients] = [ports[2 * at], ports[2 * at + 1]].map(
        (port) => `127.0.0.1:${port}`,
      );
      return { name, peers: peers!, clients: clients!, folder: own };
    });
    const cluster = new EtcdCluster(folder, members);
    for (const name of cluster.ids) cluster.begin(name);
    await until('etcd to serve', READY_MS_MAX, async () => {
      const served = await Promise.all(cluster.ids.map((id) => cluster.servesReads(id)));
      return served.every((isServing) => isServing) ? true : undefined;
    });
    return cluster;
  }

  get ids(): readonly string[] {
    return this.#members.map(({ name }) => name);
  }

  get pids(): readonly number[] {
    return this.ids.map((id) => this.child(id).pid);
  }

  child(id: string): Child {
    return this.#children.get(id)!;
  }

  /** `host:port` of the client's door. */
  door(id: string): string {
    return this.#member(id).clients;
  }

  begin(id: string): void {
    const { name, peers, clients, folder } = this.#member(id);
    const all = this.#members.map((member) => `${member.name}=http://${member.peers}`);
    const args = [
      `--name=${name}`,
      `--data-dir=${join(folder, 'data')}`,
      `--listen-peer-urls=http://${peers}`,
      `--initial-advertise-peer-urls=http://${peers}`,
      `--listen-client-urls=http://${clients}`,
      `--advertise-client-urls=http://${clients}`,
      `--initial-cluster=${all.join(',')}`,
      '--initial-cluster-token=bench',
      '--initial-cluster-state=new',
    ];
    this.#children.set(id, new Child('etcd', args, { name: id, logFile: join(folder, 'log') }));
  }

  async restart(id: string): Promise<void> {
    this.begin(id);
    await until(
      `${id} to serve`,
      READY_MS_MAX,
      async () => (await this.servesReads(id)) || undefined,
    );
  }

  /** A linearizable read, through that member alone. */
  async servesReads(id: string): Promise<boolean> {
    return (await this.#ask(id, '/v3/kv/range', { key: 'AA==' })) !== undefined;
  }

  async leader(): Promise<string> {
    return await until('a leader of etcd', READY_MS_MAX, async () => {
      for (const id of this.ids) {
        if (this.child(id).isOver) continue;
        const status = await this.#ask(id, '/v3/maintenance/status', {});
        const header = status?.['header'] as { readonly member_id?: string } | undefined;
        if (status !== undefined && status['leader'] === header?.member_id) return id;
      }
      return undefined;
    });
  }

  async followers(): Promise<readonly string[]> {
    const leader = await this.leader();
    return this.ids.filter((id) => id !== leader);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.kill()));
    removeFolder(this.#folder);
  }

  async #ask(id: string, path: string, body: object): Promise<Record<string, unknown> | undefined> {
    try {
      const response = await fetch(`http://${this.door(id)}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ASK_MS_MAX),
      });
      return response.ok ? ((await response.json()) as Record<string, unknown>) : undefined;
    } catch {
      return undefined;
    }
  }

  #member(id: string): Member {
    const found = this.#members.find(({ name }) => name === id);
    if (found === undefined) throw new Error(`there is no member ${id} of etcd`);
    return found;
  }
}
