/**
 * The table of configuration fields: from it come the flags of `quorate start`, the environment
 * variables, the texts of errors, and the check that docs/reference/configuration.md lists all.
 *
 * The rule it protects: a field exists in all four places (flag, environment, file, documentation) or
 * in none. Values from flags and the environment are text; `fromText` makes of them what the file
 * would have held, and leaves to the schema whether that is acceptable.
 */

export interface ConfigField {
  /** Path in the file, joined by dots. */
  readonly path: string;
  readonly flag: string;
  /** What stands behind the flag in the help. */
  readonly placeholder: string;
  readonly env: string;
  readonly help: string;
  /** Completes "expected ...". */
  readonly expected: string;
  readonly kind: 'text' | 'number' | 'members' | 'addresses' | 'path';
}

const NAME = '1 to 128 characters of A-Z a-z 0-9 . _ -';
const WHOLE = 'a whole number of at least 1';

export const CONFIG_FIELDS: readonly ConfigField[] = [
  field(
    'cluster.name',
    '--cluster-name',
    'NAME',
    'text',
    'name of the cluster',
    '1 to 64 characters of A-Z a-z 0-9 . _ -',
  ),
  {
    ...field(
      'cluster.members',
      '--member',
      'ID=HOST:PORT',
      'members',
      'a founding member; repeat it for each',
      'a list of 1 to 15 founding members, each with id and address (or cluster.join instead)',
    ),
    env: 'QUORATE_MEMBERS',
  },
  field(
    'cluster.join',
    '--join',
    'HOST:PORT',
    'addresses',
    'join a running cluster: client address of any of its nodes; repeat it for several',
    'a list of 1 to 15 client addresses, each host:port',
  ),
  field(
    'cluster.joinAs',
    '--join-as',
    'ROLE',
    'text',
    'voter, or learner: a copy without a vote, until it is promoted',
    'voter or learner',
  ),
  field('node.id', '--node-id', 'ID', 'text', 'which of the members this node is', NAME),
  field(
    'node.address',
    '--address',
    'HOST:PORT',
    'text',
    'where the other members dial this node, if not where it listens',
    'host:port as the other members reach it',
  ),
  {
    ...field(
      'node.dataDir',
      '--data-dir',
      'DIR',
      'path',
      'folder for log, snapshots and identity',
      'the path of a folder',
    ),
  },
  field(
    'listen.peers',
    '--listen-peers',
    'HOST:PORT',
    'text',
    'address to bind for the other members',
    'host:port with a port of 0 to 65535',
  ),
  field(
    'listen.clients',
    '--listen-clients',
    'HOST:PORT',
    'text',
    'address to bind for the binary protocol',
    'host:port with a port of 0 to 65535',
  ),
  field(
    'listen.http',
    '--listen-http',
    'HOST:PORT',
    'text',
    'address to bind for HTTP',
    'host:port with a port of 0 to 65535',
  ),
  field(
    'raft.tickIntervalMs',
    '--raft-tick-interval-ms',
    'MS',
    'number',
    'length of a tick',
    'a whole number of 10 to 10000 (milliseconds)',
  ),
  field(
    'raft.electionTicks',
    '--raft-election-ticks',
    'N',
    'number',
    'ticks of silence before an election',
    WHOLE,
  ),
  field(
    'raft.heartbeatTicks',
    '--raft-heartbeat-ticks',
    'N',
    'number',
    'ticks between heartbeats',
    WHOLE,
  ),
  field(
    'raft.snapshotIntervalEntries',
    '--raft-snapshot-interval-entries',
    'N',
    'number',
    'entries between snapshots',
    WHOLE,
  ),
  field(
    'raft.snapshotCatchUpEntries',
    '--raft-snapshot-catch-up-entries',
    'N',
    'number',
    'entries kept behind a snapshot',
    WHOLE,
  ),
  field(
    'raft.snapshotsKept',
    '--raft-snapshots-kept',
    'N',
    'number',
    'newest snapshots kept on the disk',
    'a whole number of 1 to 100',
  ),
  field(
    'raft.snapshotBytesPerSecond',
    '--raft-snapshot-bytes-per-second',
    'N',
    'number',
    'bytes a second of a snapshot that is sent to another node; 0: no limit',
    'a whole number of bytes, at least 65536, or 0',
  ),
  field(
    'shutdown.timeoutMs',
    '--shutdown-timeout-ms',
    'MS',
    'number',
    'bound on a stop in good order',
    'a whole number of 100 to 600000 (milliseconds)',
  ),
  field(
    'log.level',
    '--log-level',
    'LEVEL',
    'text',
    'lines below it are not written',
    'debug, info, warn, error or silent',
  ),
  field(
    'log.file',
    '--log-file',
    'FILE',
    'path',
    'file to append log lines to',
    'the path of a file',
  ),
  field(
    'testing.disk',
    '--testing-disk',
    'KIND',
    'text',
    'for tests only: a disk that loses or fails',
    'real, power-loss, power-loss-no-sync or failing-sync',
  ),
  field(
    'testing.clock',
    '--testing-clock',
    'KIND',
    'text',
    'for tests only: a wall clock that jumps',
    'real or stepped',
  ),
];

function field(
  path: string,
  flag: string,
  placeholder: string,
  kind: ConfigField['kind'],
  help: string,
  expected: string,
): ConfigField {
  const env = `QUORATE_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`;
  return { path, flag, placeholder, env, help, expected, kind };
}

/** What the file would have held in place of this text. */
export function fromText(of: ConfigField, text: string | readonly string[]): unknown {
  const texts = typeof text === 'string' ? [text] : text;
  if (of.kind === 'members') {
    return texts
      .flatMap((part) => part.split(','))
      .filter((part) => part.trim() !== '')
      .map((part) => {
        const at = part.indexOf('=');
        return at < 0
          ? { id: part.trim() }
          : { id: part.slice(0, at).trim(), address: part.slice(at + 1).trim() };
      });
  }
  if (of.kind === 'addresses') {
    const parts = texts.flatMap((part) => part.split(',')).map((part) => part.trim());
    return parts.filter((part) => part !== '');
  }
  const last = texts[texts.length - 1] ?? '';
  if (of.kind === 'number' && /^-?\d+(\.\d+)?$/.test(last)) return Number(last);
  return last;
}
