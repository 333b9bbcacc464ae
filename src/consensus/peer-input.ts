/**
 * What a peer says is looked at before it gets anywhere. A confused peer, one of another release, or a
 * damaged frame that its checksum did not catch, must not be able to stop this node, and least of all
 * to get something into the log that stops every node that applies it: what is committed is never
 * skipped, so a command that nobody knows is refused here or nowhere.
 *
 * Peers are not traitors: a leader is believed in what it replicates, but for the form.
 */
import { ClusterError } from '../errors.ts';
import { type Message, MessageType, type RaftId, type Snapshot } from '../raft/index.ts';
import { CommandKind, readSinglePart } from './envelope.ts';
import { checkNodeId } from './members.ts';
import { decodeNumber } from './replica.ts';

/**
 * All that our nodes send as messages. Proposals travel in frames of their own, snapshots as bulk, and
 * what is missing beside these is each node's own business.
 */
const FROM_PEERS: ReadonlySet<MessageType> = new Set([
  MessageType.App,
  MessageType.AppResp,
  MessageType.Vote,
  MessageType.VoteResp,
  MessageType.PreVote,
  MessageType.PreVoteResp,
  MessageType.Heartbeat,
  MessageType.HeartbeatResp,
  MessageType.TimeoutNow,
  MessageType.ReadIndex,
  MessageType.ReadIndexResp,
]);

/** Why the core must not see the message; `undefined`: it may. */
export function messageFault(from: RaftId, message: Message): string | undefined {
  const { type, term, entries } = message;
  if (message.from !== from) return `it claims to be from ${message.from}`;
  if (!FROM_PEERS.has(type)) return 'no peer sends messages of this type';
  if (type === MessageType.ReadIndex) {
    return entries.length === 1 ? undefined : `a read with ${entries.length} contexts`;
  }
  // Without a term it would pass for one of this node's own.
  if (term === 0) return 'it has no term';
  return type === MessageType.App ? entriesFault(message) : undefined;
}

function entriesFault({ index, logTerm, term, entries }: Message): string | undefined {
  let next = index + 1;
  let termBefore = logTerm;
  for (const entry of entries) {
    if (entry.index !== next) return `entry ${entry.index} stands in the place of ${next}`;
    if (entry.term < termBefore || entry.term > term) {
      return `entry ${next} has term ${entry.term}, between ${termBefore} and ${term} is possible`;
    }
    termBefore = entry.term;
    next++;
  }
  return undefined;
}

/** Behind a bulk transfer lies a snapshot of the one who sends it. @throws ClusterError CODEC_INVALID. */
export function snapshotOffered(from: RaftId, message: Message): Snapshot {
  const { type, snapshot, term } = message;
  const isOwn = type === MessageType.Snap && message.from === from && term > 0;
  if (isOwn && snapshot !== undefined) return snapshot;
  throw new ClusterError(
    'CODEC_INVALID',
    `peer ${from} offered bulk that is no snapshot of its own`,
  );
}

/**
 * Whether the log may hold the part that a follower wants to have proposed.
 * @throws ClusterError COMMAND_UNKNOWN, CODEC_INVALID, CONFIG_INVALID.
 */
export function checkPartProposable(bytes: Uint8Array): void {
  const { kind, body, request } = readSinglePart(bytes);
  if (request !== undefined && kind !== CommandKind.Application) {
    throw malformed(kind, 'carries a request id');
  }
  checkProposable(kind, body);
}

/**
 * Whether every node will be able to apply such a command.
 * @throws ClusterError CODEC_INVALID, CONFIG_INVALID.
 */
export function checkProposable(kind: CommandKind, body: Uint8Array): void {
  switch (kind) {
    case CommandKind.Application:
      return;
    case CommandKind.OpenSession:
      if (body.length !== 0) throw malformed(kind, `has ${body.length} bytes`);
      return;
    case CommandKind.CloseSession:
      decodeNumber(body);
      return;
    case CommandKind.ExpireSession:
      decodeNumber(body);
      decodeNumber(body, 1);
      return;
    case CommandKind.MintMember:
      checkNodeId(Buffer.from(body).toString('utf8'), 'the node to be added');
      return;
  }
}

function malformed(kind: CommandKind, what: string): ClusterError {
  return new ClusterError('CODEC_INVALID', `a command of kind ${kind} ${what}`);
}
