/**
 * `/metrics` in Prometheus' text format. Everything about the node is read from its status when it is
 * scraped, nothing is kept in step by hand. The library and the process's own metrics (which start a
 * sampler of the event loop) are loaded by the first scrape, so that a node that nobody scrapes does not
 * pay for them.
 */
import { type Api, LATENCY_BUCKETS_MS, type OperationStats } from '../api/index.ts';

const ROLES = ['follower', 'pre-candidate', 'candidate', 'leader'] as const;

type Registry = import('prom-client').Registry;

export class Metrics {
  readonly #api: Api;
  #registry: Promise<Registry> | undefined;

  constructor(api: Api) {
    this.#api = api;
  }

  async render(): Promise<{ text: string; type: string }> {
    this.#registry ??= this.#load();
    const registry = await this.#registry;
    const text = (await registry.metrics()) + renderCalls(this.#api.stats.all());
    return { text, type: registry.contentType };
  }

  async #load(): Promise<Registry> {
    const { collectDefaultMetrics, Gauge, Registry } = await import('prom-client');
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name: `quorate_${name}`,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    };
    const status = () => this.#api.status();
    gauge('raft_term', 'The present term.', () => status().term);
    gauge('raft_has_leader', '1 when a leader is known.', () => Number(!!status().leader));
    gauge('raft_commit_index', 'Last entry known to be committed.', () => status().commitIndex);
    gauge('raft_applied_index', 'Last entry applied here.', () => status().appliedIndex);
    gauge('raft_durable_index', 'Last entry on disk here.', () => status().durableIndex);
    gauge('raft_last_index', 'Last entry of the log here.', () => status().lastIndex);
    gauge('raft_snapshot_index', 'Last entry in the snapshot.', () => status().snapshotIndex);
    gauge('members', 'Other members.', () => this.#others().length);
    gauge('members_connected', 'Other members that are connected.', () => {
      return this.#others().filter((member) => member.connected).length;
    });
    gauge('quorum_needed', 'Voters needed for a decision.', () => status().quorum.needed);
    gauge('quorum_reached', 'Voters reached.', () => status().quorum.reached);
    gauge('sessions', 'Sessions of clients in the cluster.', () => status().sessions);
    gauge('kv_revision', 'Revision of the key-value store here.', () => status().revision);
    gauge('failed', '1 when the node has stopped taking part.', () => {
      return Number(status().failure !== undefined);
    });
    const role = new Gauge({
      name: 'quorate_raft_role',
      help: '1 for the present role.',
      labelNames: ['role'],
      registers: [registry],
      collect() {
        const present = status().role;
        for (const name of ROLES) this.set({ role: name }, Number(name === present));
      },
    });
    const { clusterName, nodeId } = status();
    const info = new Gauge({
      name: 'quorate_info',
      help: 'Always 1; the labels say who this is.',
      labelNames: ['node', 'cluster', 'version'],
      registers: [registry],
    });
    info.set({ node: nodeId, cluster: clusterName, version: this.#api.version }, 1);
    void role;
    return registry;
  }

  #others(): readonly { readonly connected: boolean }[] {
    const { members, nodeId } = this.#api.status();
    return members.filter((member) => member.nodeId !== nodeId);
  }
}

/** Door, operation and code come from our own tables and need no escaping. */
function renderCalls(all: readonly OperationStats[]): string {
  const lines = [
    '# HELP quorate_requests_total Requests answered.',
    '# TYPE quorate_requests_total counter',
  ];
  for (const { door, operation, codes } of all) {
    for (const [code, count] of codes) {
      const labels = `door="${door}",operation="${operation}",code="${code}"`;
      lines.push(`quorate_requests_total{${labels}} ${count}`);
    }
  }
  lines.push('# HELP quorate_request_seconds Time from a request to its answer.');
  lines.push('# TYPE quorate_request_seconds histogram');
  for (const stats of all) renderHistogram(lines, stats);
  return `\n${lines.join('\n')}\n`;
}

function renderHistogram(lines: string[], stats: OperationStats): void {
  const labels = `door="${stats.door}",operation="${stats.operation}"`;
  let total = 0;
  for (const [at, boundMs] of LATENCY_BUCKETS_MS.entries()) {
    total += stats.buckets[at]!;
    lines.push(`quorate_request_seconds_bucket{${labels},le="${boundMs / 1000}"} ${total}`);
  }
  lines.push(`quorate_request_seconds_bucket{${labels},le="+Inf"} ${stats.count}`);
  lines.push(`quorate_request_seconds_sum{${labels}} ${stats.sumMs / 1000}`);
  lines.push(`quorate_request_seconds_count{${labels}} ${stats.count}`);
}
