/**
 * A log that ends before what this node has acknowledged: an older copy of its folder was put back, or the
 * disk lost writes that it had confirmed. What it voted for may be lost with it, so with this folder it may
 * have no say any more. The leader in office knows what was acknowledged; the next one would begin to count
 * anew, and let the node in. So the folder is marked, for good.
 */
import { ClusterError } from '../errors.ts';
import { type Message, MessageType, type RawNode } from '../raft/index.ts';
import type { Storage } from '../storage/index.ts';
import { type MarkHost, markFolder, readFact } from './facts.ts';

const FACT = 'rolled-back';

/** A leader tells a node that only that is committed of which the node itself said that it has it. */
export function tellsOfLostLog(
  { type, term, commit }: Message,
  core: Pick<RawNode, 'term' | 'lastIndex'>,
): boolean {
  return type === MessageType.Heartbeat && term >= core.term && commit > core.lastIndex;
}

export function rolledBack(lastIndex: number, acknowledged: number): ClusterError {
  return new ClusterError(
    'DATA_ROLLED_BACK',
    `the log of this node ends at index ${lastIndex}, but it had acknowledged up to ${acknowledged}: an ` +
      'older copy of its data folder was put back, or the disk lost what it had confirmed. With this ' +
      'folder it can not take part again: remove the member, empty the folder, and join anew',
    { details: { lastIndex, acknowledged } },
  );
}

/** Does not reject. */
export function markRolledBack(host: MarkHost, { details }: ClusterError): Promise<void> {
  return markFolder(host, FACT, { ...details });
}

/** @throws ClusterError DATA_ROLLED_BACK. */
export async function checkNotRolledBack(storage: Storage): Promise<void> {
  const fact = await readFact(storage, FACT);
  if (fact === undefined) return;
  throw rolledBack(Number(fact['lastIndex']), Number(fact['acknowledged']));
}
