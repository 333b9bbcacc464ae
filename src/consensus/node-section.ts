/**
 * The node's own section of a snapshot: lines of JSON, the first for the node, then one for each
 * session. Text, because it is small beside the application's state and is read by people when
 * something is wrong. The first line carries the version; a reader refuses one that it does not know.
 */
import { ClusterError } from '../errors.ts';
import type { ConfState, LogIndex, RaftId, Term } from '../raft/index.ts';
import { asBuffer } from '../views.ts';
import type { MemberRecord } from './members.ts';
import type { SessionRecord } from './sessions.ts';
import type { SessionId } from './types.ts';

export const NODE_SECTION = 'node';
const VERSION = 1;

export interface NodeSectionState {
  readonly index: LogIndex;
  readonly term: Term;
  readonly hash: number;
  readonly nextSession: SessionId;
  readonly nextRaftId: RaftId;
  /** Ids that were given out and whose members are not in yet. */
  readonly minted: readonly (readonly [nodeId: string, raftId: RaftId])[];
  readonly confState: ConfState;
  readonly members: readonly MemberRecord[];
  /** Members that the last change has removed; absent for none. */
  readonly leaving?: readonly MemberRecord[];
  /** Members to which the last change has given votes; absent for none. */
  readonly arriving?: readonly RaftId[];
}

export function* encodeNodeSection(
  state: NodeSectionState,
  sessions: readonly SessionRecord[],
): Generator<Uint8Array> {
  yield line({ version: VERSION, ...state });
  for (const { id, lastIndex, windowStart, results } of sessions) {
    const kept = results.map(([sequence, { code, bytes }]) => [
      sequence,
      code,
      asBuffer(bytes).toString('base64'),
    ]);
    yield line({ id, lastIndex, windowStart, results: kept });
  }
}

function line(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

interface SessionLine {
  readonly id: SessionId;
  readonly lastIndex: LogIndex;
  readonly windowStart: number;
  readonly results: readonly (readonly [sequence: number, code: number, base64: string])[];
}

/** @throws ClusterError DATA_CORRUPT, DATA_DIR_FORMAT. */
export async function decodeNodeSection(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ state: NodeSectionState; sessions: SessionRecord[] }> {
  let state: NodeSectionState | undefined;
  const sessions: SessionRecord[] = [];
  for await (const text of lines(chunks)) {
    const value = parse(text);
    if (state === undefined) {
      const { version } = value;
      if (version !== VERSION) {
        throw new ClusterError(
          'DATA_DIR_FORMAT',
          `snapshot section ${NODE_SECTION} has version ${String(version)}, ` +
            `this release reads ${VERSION}: use the release that wrote it`,
        );
      }
      state = checked(value, STATE_FIELDS) as unknown as NodeSectionState;
    } else {
      sessions.push(toSession(checked(value, SESSION_FIELDS) as unknown as SessionLine));
    }
  }
  if (state === undefined) {
    throw new ClusterError('DATA_CORRUPT', `snapshot section ${NODE_SECTION} is empty`);
  }
  return { state, sessions };
}

function toSession({ id, lastIndex, windowStart, results }: SessionLine): SessionRecord {
  return {
    id,
    lastIndex,
    windowStart,
    results: results.map(([sequence, code, base64]) => [
      sequence,
      { code, bytes: Buffer.from(base64, 'base64') },
    ]),
  };
}

type JsonObject = Readonly<Record<string, unknown>>;

function parse(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const message = `snapshot section ${NODE_SECTION} holds a line that is no JSON`;
    throw new ClusterError('DATA_CORRUPT', message, { cause });
  }
  if (typeof value === 'object' && value !== null) return value as JsonObject;
  throw new ClusterError('DATA_CORRUPT', `snapshot section ${NODE_SECTION} holds ${text}`);
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isListOrAbsent = (value: unknown): boolean => value === undefined || Array.isArray(value);
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

const STATE_FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  index: isCount,
  term: isCount,
  hash: isCount,
  nextSession: isCount,
  nextRaftId: isCount,
  minted: Array.isArray,
  confState: isObject,
  members: Array.isArray,
  leaving: isListOrAbsent,
  arriving: isListOrAbsent,
};

const SESSION_FIELDS: typeof STATE_FIELDS = {
  id: isCount,
  lastIndex: isCount,
  windowStart: isCount,
  results: Array.isArray,
};

/** The bytes are what was written, by their checksum; this is about who wrote them. */
function checked(value: JsonObject, fields: typeof STATE_FIELDS): JsonObject {
  for (const [field, isGood] of Object.entries(fields)) {
    if (isGood(value[field])) continue;
    const found = JSON.stringify(value[field]) ?? 'nothing';
    throw new ClusterError(
      'DATA_CORRUPT',
      `snapshot section ${NODE_SECTION} holds ${found} as ${field}`,
    );
  }
  return value;
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    let from = 0;
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
      yield bytes.toString('utf8', from, at);
      from = at + 1;
    }
    rest = bytes.subarray(from);
  }
  if (rest.length > 0) yield rest.toString('utf8');
}
