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
  MEMBER_REMOVED: 'stop it for good',
  MEMBER_WIPED: 'remove this member from the cluster; it can not come back under the same id',
  PEER_REFUSED: 'compare cluster.name and cluster.members of both nodes',
  STATE_DIVERGED: 'keep the data folder and report it; the majority goes on without this node',
  STATE_MACHINE_FAILED: 'keep the data folder and the log, and report it: this is a bug',
  INVARIANT: 'keep the data folder and the log, and report it: this is a bug',
  COMMAND_UNKNOWN: 'upgrade this node to the version that the others run',
  CONNECTION_FAILED:
    'start the nodes (npm start, quorate start), or name them: --nodes or QUORATE_NODES',
  NO_LEADER: 'quorate status says which nodes are missing; a majority must be up',
  NO_QUORUM: 'quorate status says which nodes are missing; a majority must be up',
  OUTCOME_UNKNOWN: 'read the key before you repeat the write: it may have taken effect',
};

/** `quorate: MESSAGE`, then what to do about it if the message does not say so itself. */
export function errorLines(error: unknown): string[] {
  if (error instanceof ClusterError) {
    const advice = ADVICE[error.code];
    const [first = '', ...rest] = error.message.split('\n');
    const lines = [`quorate: ${first} [${error.code}]`, ...rest];
    if (advice !== undefined) lines.push(`  what to do: ${advice}`);
    return lines;
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
