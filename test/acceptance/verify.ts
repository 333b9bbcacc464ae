/**
 * Reads everything back, from each node by itself, and compares with what the writers were told.
 *
 * Linearizably: any node must show every acknowledged write at once. Locally: after the node has applied
 * what the leader had committed, its own state must show the same. Then the sums: totals, revisions, and
 * one state hash on all nodes at the same index.
 */
import { connect } from '../../src/client/index.ts';
import { until } from '../waiting.ts';
import type { Cluster, NodeReport } from './cluster.ts';
import type { Ledger } from './ledger.ts';
import type { Report } from './report.ts';
import { ACCOUNTS, BALANCE_AT_FIRST } from './writers.ts';

const SHOWN = 3;

export interface Difference {
  /** Acknowledged, and not there, or there with another value or revision. */
  readonly lost: number;
  /** There, and never acknowledged. */
  readonly unasked: number;
  readonly examples: readonly string[];
}

export async function compareWithNode(
  address: string,
  consistency: 'linearizable' | 'local',
  ledger: Ledger,
): Promise<Difference> {
  const client = await connect({ nodes: [address], timeoutMs: 30_000, session: false });
  const examples: string[] = [];
  const note = (text: string): void => {
    if (examples.length < SHOWN) examples.push(text);
  };
  const seen = new Set<string>();
  let [lost, unasked] = [0, 0];
  try {
    for await (const item of client.list({}, { consistency, timeoutMs: 30_000 })) {
      const key = Buffer.from(item.key).toString();
      const value = Buffer.from(item.value).toString();
      const wanted = ledger.expected.get(key);
      const revision = ledger.recordRevisions.get(key);
      if (wanted === undefined) {
        unasked++;
        note(`${key} is there and nobody was told`);
        continue;
      }
      seen.add(key);
      if (value === wanted && (revision === undefined || revision === item.modRevision)) continue;
      lost++;
      note(
        `${key} is ${value.slice(0, 60)} at ${item.modRevision}, told ${wanted.slice(0, 60)} at ${revision}`,
      );
    }
  } finally {
    await client.close();
  }
  for (const key of ledger.expected.keys()) {
    if (seen.has(key)) continue;
    lost++;
    note(`${key} is gone`);
  }
  return { lost, unasked, examples };
}

/** All checks of one standing cluster. */
export async function verify(report: Report, cluster: Cluster, ledger: Ledger): Promise<void> {
  report.check(
    ledger.problems.length === 0,
    'what the writers were told fits together',
    ledger.problems.slice(0, SHOWN).join('; '),
  );
  const settled = await settledReports(cluster);
  for (const node of cluster.nodes) {
    for (const consistency of ['linearizable', 'local'] as const) {
      const name = `${node.id} shows every acknowledged write (${consistency})`;
      const { lost, unasked, examples } = await compareWithNode(node.clients, consistency, ledger);
      const detail = `${ledger.expected.size} keys, ${lost} lost, ${unasked} unasked for`;
      report.check(lost === 0 && unasked === 0, name, [detail, ...examples].join('; '));
    }
  }
  const revisions = settled.map((one) => one.revision);
  report.check(
    revisions.every((revision) => revision === ledger.changes) &&
      ledger.highestRevision === ledger.changes,
    'the revision equals the number of distinct requests that changed something',
    `revision ${revisions.join('/')}, requests ${ledger.changes}`,
  );
  const total = [...ledger.balances.values()].reduce((sum, value) => sum + value, 0);
  report.check(
    total === ACCOUNTS * BALANCE_AT_FIRST,
    'transfers left the total of all accounts as it was',
    String(total),
  );
  const hashes = new Set(settled.map((one) => one.stateHash));
  report.check(
    hashes.size === 1,
    'all nodes have the same state hash at the same index',
    `index ${settled[0]?.appliedIndex}: ${[...hashes].join(' / ')}`,
  );
}

/** Reports of all nodes at one and the same applied index. */
async function settledReports(cluster: Cluster): Promise<readonly NodeReport[]> {
  return await until('all nodes to have applied the same', 30_000, async () => {
    const all = await Promise.all(cluster.nodes.map((node) => cluster.report(node.id)));
    const known = all.filter((one) => one !== undefined);
    const indexes = new Set(known.flatMap((one) => [one.appliedIndex, one.commitIndex]));
    return known.length === cluster.nodes.length && indexes.size === 1 && known;
  });
}
