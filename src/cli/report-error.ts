/**
 * How an error looks to the person at the terminal: one line that names the thing, one that says
 * what to do, no stack. A stack is printed only for what nobody foresaw, because then it is a bug
 * and the stack is what we need to be sent.
 */
import { ClusterError, type ErrorCode } from '../errors.ts';

/** For codes whose messages do not say it themselves. */
const ADVICE: Partial<Record<ErrorCode, string>> = {
  ADDRESS_INVALID: 'give an address of this machine as host:port',
  DATA_DIR_FORMAT: 'use the version of quorate that wrote the folder',
  DISK_FULL: 'free space on that disk, then start the node again; nothing acknowledged is lost',
  DISK_FAILED:
    'check the disk (dmesg, smartctl). The others go on without this node. ' +
    'Start it again only on a disk that you trust',
  MEMBER_REMOVED:
    'nothing, if that was meant. To let it in again: empty its data folder, and start it with --join',
  MEMBER_WIPED:
    'let it in again as a new member: quorate members remove ID, empty its data folder, and start ' +
    'it with --join',
  MEMBER_TWIN:
    'find the other process (its address is above) and decide which one stays. Keep the other one ' +
    'stopped, and delete its data folder if that is a copy. To move a node, stop it and move its ' +
    'folder; for one more node, start an empty one with --join',
  MEMBER_EXISTS:
    'choose another id and address; or, to replace that member: quorate members remove ID, then ' +
    'try again',
  CHANGE_IN_PROGRESS: 'try again in a moment; quorate members says who is a member now',
  PEER_REFUSED: 'compare cluster.name and cluster.members of both nodes',
  STATE_DIVERGED: 'keep the data folder and report it; the majority goes on without this node',
  STATE_MACHINE_FAILED:
    'look whether the folder is this service’s own; if so keep folder and log, and report it as a bug',
  INVARIANT: 'keep the data folder and the log, and report it: this is a bug',
  COMMAND_UNKNOWN: 'upgrade this node to the version that the others run',
  CONNECTION_FAILED:
    'start the nodes (npm start, quorate start), or name them: --nodes or QUORATE_NODES',
  NO_LEADER: 'quorate status says which nodes are missing; a majority must be up',
  NO_QUORUM: 'quorate status says which nodes are missing; a majority must be up',
  OUTCOME_UNKNOWN:
    'it may have taken effect: read the key before you repeat a write; a change of members may be asked for again',
};

/** Whose error it is, so that what to do can be said word for word. */
export interface FailedNode {
  readonly nodeId: string;
  readonly dataDir: string;
  /** Client addresses of other nodes, as far as they are known. */
  readonly nodes: readonly string[];
}

/** `quorate: MESSAGE`, then what to do about it if the message does not say so itself. */
export function errorLines(error: unknown, node?: FailedNode): string[] {
  if (error instanceof ClusterError) {
    const [first = '', ...rest] = error.message.split('\n');
    const lines = [`quorate: ${first} [${error.code}]`, ...rest];
    return [...lines, ...(waysBack(error.code, node) ?? adviceLines(error.code))];
  }
  if (error instanceof Error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== undefined && /^E[A-Z]+$/.test(code)) return [`quorate: ${error.message}`];
    return [
      `quorate: unexpected error: ${error.stack ?? error.message}`,
      '  This is a bug: report it.',
    ];
  }
  return [`quorate: unexpected error: ${String(error)}`];
}

function adviceLines(code: ErrorCode): string[] {
  const advice = ADVICE[code];
  return advice === undefined ? [] : [`  what to do: ${advice}`];
}

const WITHOUT_A_PLACE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MEMBER_WIPED',
  'MEMBER_REMOVED',
  'DATA_ROLLED_BACK',
]);

/** The explicit step by which a node that has no place any more gets a new one. */
function waysBack(code: ErrorCode, node: FailedNode | undefined): string[] | undefined {
  if (node === undefined || !WITHOUT_A_PLACE.has(code)) return undefined;
  const { nodeId, dataDir, nodes } = node;
  const doors = nodes.length === 0 ? ['HOST:PORT'] : nodes;
  const where = nodes.length === 0 ? ' (HOST:PORT: client address of a node that runs)' : '';
  const isMember = code !== 'MEMBER_REMOVED';
  return [
    isMember
      ? `  what to do: let it in again, as a new member${where}:`
      : `  what to do: nothing, if that was meant. To let it in again, as a new member${where}:`,
    ...(isMember ? [`    quorate members remove ${nodeId} --nodes ${doors.join(',')}`] : []),
    `    rm -r ${dataDir}`,
    `    start it as before, and with ${doors.map((door) => `--join ${door}`).join(' ')}`,
  ];
}
