/**
 * `quorate status`: asks every node by itself, because each can only speak for itself, and puts the
 * answers beside each other: who leads, how far each is, who can not be reached and why, how many more
 * failures the cluster bears, and what to do next.
 */
import { failuresTolerated } from '../config/check.ts';
import { ExitCode } from '../exit-codes.ts';
import { askHttp, type HttpAnswer, NO_HTTP } from '../http-status.ts';
import { findNodes } from '../nodes.ts';
import { say, type Terminal, tableLines, tell } from '../terminal.ts';

export interface StatusFlags {
  readonly nodes?: string;
  readonly timeoutMs: number;
  readonly json?: boolean;
}

/** The fields of `/v1/status` that are shown. */
interface Status {
  readonly nodeId: string;
  readonly clusterName: string;
  readonly clusterId: string;
  readonly role: string;
  readonly phase: string;
  readonly leaving?: boolean;
  readonly term: number;
  readonly appliedIndex: number;
  readonly commitIndex: number;
  readonly revision: number;
  readonly version: string;
  readonly stateHash: string;
  readonly leader?: { readonly nodeId: string };
  readonly members: readonly {
    readonly nodeId: string;
    readonly role: string;
    readonly address: string;
    readonly connected?: boolean;
  }[];
  readonly divergence?: { readonly index: number; readonly hashes: Record<string, string> };
  readonly failure?: { readonly code: string; readonly message: string };
}

export interface AskedNode {
  readonly address: string;
  readonly reachable: boolean;
  readonly error?: string;
  readonly ready: boolean;
  readonly notReady: readonly string[];
  readonly status?: Status;
}

/** Behind the leader by more than this many entries: worth a remark. */
const LAG_REMARKED = 10_000;

export async function status(terminal: Terminal, flags: StatusFlags): Promise<number> {
  const found = findNodes(terminal, 'http', flags.nodes);
  const nodes = await Promise.all(found.addresses.map((a) => askNode(a, flags.timeoutMs)));
  const hints = hintsOf(nodes, found.from);
  if (flags.json === true) say(terminal, JSON.stringify({ nodes, hints }));
  else {
    for (const line of tableOf(nodes)) say(terminal, line);
    for (const hint of hints) say(terminal, hint);
  }
  if (nodes.every((node) => !node.reachable)) {
    if (flags.json !== true) tell(terminal, 'quorate: no node could be reached');
    return ExitCode.unreachable;
  }
  return nodes.every((node) => node.ready) ? ExitCode.ok : ExitCode.failed;
}

async function askNode(address: string, timeoutMs: number): Promise<AskedNode> {
  const [answer, readiness] = await Promise.all([
    askHttp(address, '/v1/status', timeoutMs),
    askHttp(address, '/readyz', timeoutMs),
  ]);
  if (!answer.reachable) {
    return { address, reachable: false, error: answer.reason, ready: false, notReady: [] };
  }
  if (answer.code !== 200) {
    const error = `answers with HTTP ${answer.code}`;
    return { address, reachable: false, error, ready: false, notReady: [] };
  }
  const ready = readiness.reachable && readiness.code === 200;
  const known = answer.body as unknown as Status;
  return { address, reachable: true, ready, notReady: reasonsOf(readiness), status: known };
}

function reasonsOf(readiness: HttpAnswer): readonly string[] {
  if (!readiness.reachable) return [readiness.reason];
  const reasons = readiness.body['reasons'];
  return Array.isArray(reasons) ? reasons.map(String) : [];
}

function tableOf(nodes: readonly AskedNode[]): string[] {
  const rows = [['NODE', 'STATE', 'TERM', 'APPLIED', 'REVISION', 'LEADER', 'READY', 'HTTP']];
  for (const { address, reachable, ready, status: s } of nodes) {
    if (!reachable || s === undefined) {
      rows.push(['?', 'unreachable', '-', '-', '-', '-', 'no', address]);
      continue;
    }
    rows.push([
      s.nodeId,
      stateOf(s),
      String(s.term),
      String(s.appliedIndex),
      String(s.revision),
      s.leader?.nodeId ?? 'none',
      ready ? 'yes' : 'no',
      address,
    ]);
  }
  return tableLines(rows);
}

function stateOf({ phase, leaving, role }: Status): string {
  if (phase !== 'running') return phase;
  return leaving === true ? 'leaving' : role;
}

/** What a person should know or do, most pressing first. */
export function hintsOf(nodes: readonly AskedNode[], from: string): string[] {
  const known = nodes.flatMap((node) => (node.status === undefined ? [] : [node.status]));
  const hints: string[] = [];
  for (const node of nodes) {
    if (!node.reachable) {
      hints.push(`! ${node.address} (from ${from}): ${node.error}. ${adviceFor(node)}`);
    }
    const failure = node.status?.failure;
    if (failure !== undefined) {
      hints.push(`! ${node.status?.nodeId} has failed: ${failure.code}: ${failure.message}`);
    } else if (node.status?.leaving === true) {
      hints.push(leavingHint(node.status));
    } else if (node.reachable && !node.ready) {
      hints.push(`! ${node.status?.nodeId} is not ready: ${node.notReady.join('; ')}`);
    }
    if (node.status?.version.includes('TEST DISK') === true) {
      hints.push(`! ${node.status.nodeId} runs version ${node.status.version}`);
    }
  }
  if (new Set(known.map((s) => s.clusterId)).size > 1) {
    const names = known.map((s) => `${s.nodeId}: ${s.clusterName} ${s.clusterId}`).join(', ');
    hints.push(`! these nodes are of different clusters: ${names}`);
  }
  hints.push(...divergenceHints(known), ...toleranceHints(known), ...lagHints(known));
  return hints;
}

/** It can not find out by itself that all who could tell it are gone. */
function leavingHint({ nodeId }: Status): string {
  return (
    `! ${nodeId} was removed, and ends when the others tell it: leave it running. If that does not come, ` +
    `ask one of them (quorate members remove ${nodeId}); when that succeeds, or none of them exists any ` +
    `more, stop ${nodeId}`
  );
}

function adviceFor({ error }: AskedNode): string {
  if (error !== NO_HTTP) return 'Start it, or see its log.';
  return (
    "It may be a client door or a peers' door: status asks the HTTP door (" +
    '--listen-http, usually port 7300); the client door (7200) is for kv and members.'
  );
}

function toleranceHints(known: readonly Status[]): string[] {
  const newest = known.reduce<Status | undefined>(
    (best, s) => (best === undefined || s.appliedIndex > best.appliedIndex ? s : best),
    undefined,
  );
  if (newest === undefined) return [];
  const voters = newest.members.filter((member) => member.role === 'voter');
  const running = known.filter((s) => s.phase === 'running');
  const asked = voters.filter(({ nodeId }) => running.some((s) => s.nodeId === nodeId));
  // Of those that were not asked the others know whether they are there.
  const heardOf = voters.filter(
    (voter) =>
      !known.some((s) => s.nodeId === voter.nodeId) &&
      running.some((s) => s.members.some((it) => it.nodeId === voter.nodeId && it.connected)),
  );
  const up = [...asked, ...heardOf];
  const needed = Math.floor(voters.length / 2) + 1;
  const names = newest.members
    .map((member) =>
      member.role === 'voter' ? member.nodeId : `${member.nodeId} (${member.role})`,
    )
    .join(', ');
  const spare = up.length - needed;
  const able =
    spare < 0
      ? `! Only ${up.length} of the ${needed} voters needed answer: writes wait. Start ${missing(voters, up)}.`
      : `  ${up.length} of ${voters.length} voters up: bears ${spare} more failure${spare === 1 ? '' : 's'}` +
        ` (all up: ${failuresTolerated(voters.length)}).${heardOfText(heardOf)}`;
  return [`  cluster ${newest.clusterName}, members: ${names}`, able];
}

function heardOfText(nodes: readonly { readonly nodeId: string }[]): string {
  if (nodes.length === 0) return '';
  return ` Not asked, but connected: ${nodes.map(({ nodeId }) => nodeId).join(', ')}.`;
}

/** Two nodes applied the same and have different states: nothing on a page of status is worse. */
function divergenceHints(known: readonly Status[]): string[] {
  const seen = known.find(({ divergence }) => divergence !== undefined);
  if (seen?.divergence === undefined) return [];
  const { index, hashes } = seen.divergence;
  const who = Object.entries(hashes)
    .map(([nodeId, hash]) => `${nodeId} ${hash}`)
    .join(', ');
  return [
    `! the states of nodes differ at log index ${index}: ${who}. Keep their data folders and report ` +
      'it; a node that disagrees with a majority takes itself out',
  ];
}

function missing(
  voters: readonly { nodeId: string; address: string }[],
  up: readonly { nodeId: string }[],
): string {
  return voters
    .filter((voter) => !up.some((other) => other.nodeId === voter.nodeId))
    .map((voter) => `${voter.nodeId} (${voter.address})`)
    .join(' or ');
}

function lagHints(known: readonly Status[]): string[] {
  const leader = known.find((s) => s.role === 'leader');
  if (leader === undefined) return [];
  return known
    .filter((s) => leader.commitIndex - s.appliedIndex > LAG_REMARKED)
    .map(
      (s) =>
        `! ${s.nodeId} is ${leader.commitIndex - s.appliedIndex} entries behind ${leader.nodeId}`,
    );
}
