/**
 * For the paper tests: members whose logs were given, so that a figure of the paper can be set up as
 * it is drawn, and short ways to say "this message arrives" and "this is what it answers".
 *
 * Every log begins with the bootstrap snapshot at index 1 of term 1, so a list of terms describes the
 * entries from index 2 on.
 */
import { makeEntry } from '../entries.ts';
import { EMPTY_CONF_STATE } from '../memory-log.ts';
import { makeMessage } from '../messages.ts';
import {
  bytes,
  CacheLog,
  stepQuietly,
  TestGroup,
  TestNode,
  type TestOptions,
} from '../raft.fixture.ts';
import {
  type Entry,
  type Message,
  MessageType,
  type PeerProgress,
  type RaftId,
  StateType,
  type Term,
} from '../types.ts';

const BOOTSTRAP_INDEX = 1;

/** Entries of these terms; the data tells term and index, as equal entries everywhere are equal. */
export function entriesOf(terms: readonly Term[], from: number = BOOTSTRAP_INDEX + 1): Entry[] {
  return terms.map((term, at) => makeEntry(term, from + at, 0, bytes(`${term}.${from + at}`)));
}

export interface Past {
  /** Terms of the entries from index 2 on. */
  readonly log?: readonly Term[];
  /** Current term; that of the last entry when not given. */
  readonly term?: Term;
  readonly vote?: RaftId;
  readonly commit?: number;
}

/** A member that has a past. */
export function memberWith(
  id: RaftId,
  voters: readonly RaftId[],
  past: Past,
  options: TestOptions = {},
): TestNode {
  const log = new CacheLog();
  const confState = { ...EMPTY_CONF_STATE, voters };
  log.applySnapshot({
    metadata: { confState, index: BOOTSTRAP_INDEX, term: 1 },
    data: new Uint8Array(0),
  });
  log.append(entriesOf(past.log ?? []));
  const term = past.term ?? past.log?.at(-1) ?? 1;
  const commit = past.commit ?? BOOTSTRAP_INDEX;
  log.setHardState({ term, vote: past.vote ?? 0, commit });
  return new TestNode(id, log, options);
}

/** Members 1, 2, 3 and so on, each with its past. */
export function groupWith(pasts: readonly Past[], options: TestOptions = {}): TestGroup {
  const voters = pasts.map((_, at) => at + 1);
  const group = new TestGroup(voters, options);
  pasts.forEach((past, at) => {
    group.nodes[at] = memberWith(at + 1, voters, past, options);
  });
  return group;
}

/** The fields that a message of this type has in the case at hand; the rest is zero. */
export function receive(node: TestNode, fields: Partial<Message> & Pick<Message, 'type'>): void {
  stepQuietly(node.raw, makeMessage({ to: node.id, ...fields }));
}

/** Everything that leaves the node, its writes done. */
export function sent(node: TestNode): Message[] {
  const out: Message[] = [];
  while (node.raw.hasReady()) {
    out.push(...node.takeReady().outgoing);
    while (node.appendQueue.length > 0) out.push(...node.writeOne());
    while (node.applyQueue.length > 0) out.push(...node.applyOne());
  }
  return out;
}

export function sentOf(node: TestNode, type: MessageType): Message[] {
  return sent(node).filter((message) => message.type === type);
}

/** The one message of this type that leaves. */
export function answer(node: TestNode, type: MessageType): Message {
  const found = sentOf(node, type);
  if (found.length !== 1)
    throw new Error(`expected one message of type ${type}, got ${found.length}`);
  return found[0]!;
}

export function roleOf(node: TestNode): StateType {
  return node.raw.basicStatus().softState.state;
}

export function termOf(node: TestNode): Term {
  return node.raw.basicStatus().hardState.term;
}

export function commitOf(node: TestNode): number {
  return node.raw.basicStatus().hardState.commit;
}

export function progressOf(node: TestNode, id: RaftId): PeerProgress {
  return node.raw.status().progress.get(id)!;
}

/** Terms of the stored entries from index 2 on. */
export function storedTerms(node: TestNode): Term[] {
  const { log } = node;
  const terms: Term[] = [];
  for (let index = log.firstIndex(); index <= log.lastIndex(); index++) terms.push(log.term(index));
  return terms;
}

/** Nothing gets from or to these members. */
export function cutOff(group: TestGroup, ...ids: RaftId[]): void {
  group.isLost = ({ from, to }) => ids.includes(from) || ids.includes(to);
}

export function heal(group: TestGroup): void {
  group.isLost = () => false;
}

export { bytes, MessageType, StateType, TestGroup, type TestNode };
