/**
 * How a node gets into a cluster that others founded: it asks their client doors to add it, until they do.
 *
 * The rule it protects: a node that was told to join is no node of its own meanwhile. It waits for as long
 * as it takes and says whom it asks and why it is not let in yet; it gives up only on what waiting can not
 * change, such as an id that somebody else has. Asking twice is harmless: as long as a member has never
 * come, the cluster answers the same invitation again.
 */
import { connect, type QuorateClient } from '../../client/index.ts';
import type { Invitation } from '../../consensus/index.ts';
import { ClusterError, type ErrorCode } from '../../errors.ts';
import type { Logger } from '../../world/index.ts';
import type { DaemonConfig } from '../config/schema.ts';

export interface JoinHost {
  readonly config: Pick<DaemonConfig, 'cluster' | 'node'>;
  readonly logger: Logger;
  /** Gives up. */
  readonly signal: AbortSignal;
  /** For people. */
  readonly tell: (line: string) => void;
  readonly pauseMs?: number;
}

/** To find a node that answers: short, for that none does is to be told soon. */
const CONNECT_MS = 1_000;
/** For the answer: long enough for an election. */
const ANSWER_MS = 3_000;
/** Between two tries; grows up to the last. */
const PAUSE_MS = 250;
const PAUSE_MS_MAX = 5_000;
/** The same reason is told again after so long, then after twice as long, and so on. */
const REPEAT_MS = 10_000;

/** Waiting does not change these. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MEMBER_EXISTS',
  'REQUEST_INVALID',
  'CONFIG_INVALID',
  'PEER_ADDRESS_INVALID',
  'PROTOCOL_UNSUPPORTED',
]);

/** @throws ClusterError MEMBER_EXISTS, CONFIG_INVALID; ABORTED when the signal fires. */
export async function askToJoin(host: JoinHost): Promise<Invitation> {
  const { cluster, node } = host.config;
  const asked = cluster.join.join(', ');
  host.logger.info('join.asking', { nodes: cluster.join, as: cluster.joinAs, at: node.address });
  const complaints = new Complaints(host, asked);
  for (let pauseMs = host.pauseMs ?? PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
    try {
      const invitation = await ask(host);
      host.logger.info('join.invited', { raftId: invitation.raftId });
      const then =
        cluster.joinAs === 'voter' ? 'gets its vote when it has caught up' : 'only learns';
      host.tell(
        `quorate: cluster ${cluster.name} has added ${node.id} at ${node.address}; it ${then}`,
      );
      return invitation;
    } catch (error) {
      if (host.signal.aborted) throw gaveUp(node.id);
      if (!(error instanceof ClusterError)) throw error;
      if (FINAL.has(error.code)) throw refused(node.id, cluster.name, error);
      complaints.hear(error);
      await pause(pauseMs, host.signal);
      if (host.signal.aborted) throw gaveUp(node.id);
    }
  }
}

async function ask({ config: { cluster, node }, signal }: JoinHost): Promise<Invitation> {
  const nodes = cluster.join;
  const client = await connect({ nodes, signal, timeoutMs: CONNECT_MS, session: false });
  try {
    return await addTo(client, { cluster, node }, { signal, timeoutMs: ANSWER_MS });
  } finally {
    await client.close();
  }
}

async function addTo(
  client: QuorateClient,
  { cluster, node }: JoinHost['config'],
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<Invitation> {
  const meant = { ...options, clusterName: cluster.name };
  return cluster.joinAs === 'learner'
    ? await client.addLearner(node.id, node.address, meant)
    : await client.addNode(node.id, node.address, meant);
}

/** Says each new reason at once, and an old one again from time to time. */
class Complaints {
  readonly #host: JoinHost;
  readonly #asked: string;
  readonly #begin: number = performance.now();
  #code: ErrorCode | undefined;
  #repeatAt = 0;
  #repeatMs = REPEAT_MS;

  constructor(host: JoinHost, asked: string) {
    this.#host = host;
    this.#asked = asked;
  }

  hear(error: ClusterError): void {
    const now = performance.now();
    if (error.code === this.#code && now < this.#repeatAt) return;
    if (error.code === this.#code) this.#repeatMs *= 2;
    this.#code = error.code;
    this.#repeatAt = now + this.#repeatMs;
    const { node, cluster } = this.#host.config;
    const seconds = Math.round((now - this.#begin) / 1000);
    const since = seconds === 0 ? '' : ` after ${seconds} s`;
    this.#host.logger.warn('join.waiting', { seconds, code: error.code, reason: error.message });
    this.#host.tell(
      `quorate: ${node.id} is not in cluster ${cluster.name} yet${since}; it goes on asking ` +
        `${this.#asked}: ${error.message} [${error.code}]`,
    );
  }
}

function refused(nodeId: string, clusterName: string, error: ClusterError): ClusterError {
  // What the request says is what the configuration said.
  const code = error.code === 'REQUEST_INVALID' ? 'CONFIG_INVALID' : error.code;
  return new ClusterError(code, `${nodeId} can not join cluster ${clusterName}: ${error.message}`, {
    details: error.details,
    cause: error,
  });
}

function gaveUp(nodeId: string): ClusterError {
  return new ClusterError('ABORTED', `${nodeId} was stopped before it was let in`, {
    retryable: 'yes',
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}
