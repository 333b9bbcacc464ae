/**
 * A node whose state differs from that of a majority keeps a mark in its data folder: its snapshots may
 * hold the wrong state, so starting again would bring it back, and spread it if the node came to lead.
 * Only an empty folder, as a new member, is a way back.
 */
import { ClusterError } from '../errors.ts';
import type { Storage } from '../storage/index.ts';
import { type MarkHost, markFolder, readFact } from './facts.ts';
import type { Divergence } from './types.ts';

const FACT = 'quarantine';

/** Does not reject. */
export function markQuarantined(host: MarkHost, divergence: Divergence): Promise<void> {
  return markFolder(host, FACT, { ...divergence });
}

/** @throws ClusterError STATE_DIVERGED. */
export async function checkNotQuarantined(storage: Storage, nodeId: string): Promise<void> {
  const fact = await readFact(storage, FACT);
  if (fact === undefined) return;
  const { index, hashes } = fact as unknown as Divergence;
  throw stateDiverged(nodeId, { index, hashes: hashes ?? {} });
}

export function stateDiverged(nodeId: string, { index, hashes }: Divergence): ClusterError {
  const others = Object.entries(hashes)
    .filter(([name]) => name !== nodeId)
    .map(([name, hash]) => `${name} has ${hash}`)
    .join(', ');
  return new ClusterError(
    'STATE_DIVERGED',
    `the state of node ${nodeId} differs from that of a majority at log index ${index}: it has ` +
      `${hashes[nodeId]}, ${others}. The state machine is not deterministic, or memory or disk is ` +
      'faulty. Keep the data folder for the search; to go on, remove the node, empty its folder ' +
      'and add it anew',
    { details: { index, hashes } },
  );
}
