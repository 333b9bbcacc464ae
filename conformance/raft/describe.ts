/**
 * How entries, messages, snapshots and Readys are printed in the scripts.
 */
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfChangeSingle,
  ConfChangeType,
  type ConfState,
  decodeConfChange,
  decodeConfChangeV2,
  type Entry,
  EntryType,
  type HardState,
  type Message,
  MessageType,
  type PeerProgress,
  ProgressState,
  type RaftId,
  type Ready,
  type Snapshot,
  StateType,
} from '../../src/raft/index.ts';
import { quoteBytes } from './quote.ts';

function nameOf(table: Readonly<Record<string, number>>, value: number, prefix: string): string {
  const name = Object.keys(table).find((key) => table[key] === value);
  return name === undefined ? String(value) : prefix + name;
}

export function messageTypeName(type: MessageType): string {
  return nameOf(MessageType, type, 'Msg');
}

export function stateName(state: StateType): string {
  return nameOf(StateType, state, 'State');
}

function entryTypeName(type: EntryType): string {
  return nameOf(EntryType, type, 'Entry');
}

function describeTarget(id: RaftId): string {
  if (id === 0) return 'None';
  if (id === APPEND_THREAD) return 'AppendThread';
  if (id === APPLY_THREAD) return 'ApplyThread';
  return id.toString(16);
}

const CHANGE_LETTERS: Readonly<Record<ConfChangeType, string>> = {
  [ConfChangeType.AddNode]: 'v',
  [ConfChangeType.RemoveNode]: 'r',
  [ConfChangeType.UpdateNode]: 'u',
  [ConfChangeType.AddLearnerNode]: 'l',
};

/** `v1 l2 r3 u4`, the way changes are written in the input of a case. */
export function parseChanges(text: string): ConfChangeSingle[] {
  const items = text.split(/\s+/).filter((item) => item !== '');
  return items.map((item) => {
    const match = /^([vlru])(\d+)$/.exec(item);
    const found = Object.entries(CHANGE_LETTERS).find(([, letter]) => letter === match?.[1]);
    if (match === null || found === undefined) throw new Error(`unknown change ${item}`);
    return { type: Number(found[0]) as ConfChangeType, nodeId: Number(match[2]) };
  });
}

function describeChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${CHANGE_LETTERS[type]}${nodeId}`).join(' ');
}

export function describeEntry(entry: Entry): string {
  const head = `${entry.term}/${entry.index} ${entryTypeName(entry.type)}`;
  const content = describeContent(entry);
  return content === '' ? head : `${head} ${content}`;
}

function describeContent(entry: Entry): string {
  switch (entry.type) {
    case EntryType.Normal:
      return quoteBytes(entry.data);
    case EntryType.ConfChange:
      return describeChanges([decodeConfChange(entry.data)]);
    case EntryType.ConfChangeV2:
      return describeChanges(decodeConfChangeV2(entry.data).changes);
  }
}

function describeConfState(state: ConfState): string {
  const list = (ids: readonly RaftId[]): string => `[${ids.join(' ')}]`;
  return (
    `Voters:${list(state.voters)} VotersOutgoing:${list(state.votersOutgoing)} ` +
    `Learners:${list(state.learners)} LearnersNext:${list(state.learnersNext)} ` +
    `AutoLeave:${state.autoLeave}`
  );
}

function describeSnapshot({ metadata }: Snapshot): string {
  const { index, term, confState } = metadata;
  return `Index:${index} Term:${term} ConfState:${describeConfState(confState)}`;
}

export function describeMessage(message: Message, indent = ''): string {
  const { from, to, type, term, logTerm, index, entries, snapshot, responses } = message;
  let text =
    `${indent}${describeTarget(from)}->${describeTarget(to)} ${messageTypeName(type)} ` +
    `Term:${term} Log:${logTerm}/${index}`;
  if (message.reject) text += ` Rejected (Hint: ${message.rejectHint})`;
  if (message.commit !== 0) text += ` Commit:${message.commit}`;
  if (message.vote !== 0) text += ` Vote:${message.vote}`;
  if (entries.length === 1) {
    text += ` Entries:[${describeEntry(entries[0]!)}]`;
  } else if (entries.length > 1) {
    const lines = entries.map((entry) => `\n${indent}  ${describeEntry(entry)}`);
    text += ` Entries:[${lines.join('')}\n${indent}]`;
  }
  if (snapshot !== undefined && snapshot.metadata.index > 0) {
    text += `\n${indent}  Snapshot: ${describeSnapshot(snapshot)}`;
  }
  if (responses !== undefined && responses.length > 0) {
    const lines = responses.map((response) => `\n${describeMessage(response, `${indent}  `)}`);
    text += ` Responses:[${lines.join('')}\n${indent}]`;
  }
  return text;
}

function describeHardState({ term, vote, commit }: HardState): string {
  return `HardState Term:${term}${vote === 0 ? '' : ` Vote:${vote}`} Commit:${commit}`;
}

export function describeReady(ready: Ready): string {
  const lines: string[] = [];
  const section = (title: string, items: readonly string[]): void => {
    if (items.length > 0) lines.push(title, ...items);
  };
  if (ready.softState !== undefined) {
    lines.push(`Lead:${ready.softState.lead} State:${stateName(ready.softState.state)}`);
  }
  if (ready.hardState !== undefined) lines.push(describeHardState(ready.hardState));
  if (ready.readStates.length > 0) {
    const reads = ready.readStates.map(({ index, context }) => `{${index} [${context.join(' ')}]}`);
    lines.push(`ReadStates [${reads.join(' ')}]`);
  }
  section('Entries:', ready.entries.map(describeEntry));
  if (ready.snapshot !== undefined) lines.push(`Snapshot ${describeSnapshot(ready.snapshot)}`);
  section('CommittedEntries:', ready.committedEntries.map(describeEntry));
  section(
    'Messages:',
    ready.messages.map((message) => describeMessage(message)),
  );
  if (lines.length === 0) return '<empty Ready>';
  return [`Ready MustSync=${ready.mustSync}:`, ...lines].join('\n');
}

/** The parts that say something out of the ordinary follow only when they apply. */
export function describeProgress(id: RaftId, progress: PeerProgress): string {
  let text =
    `${id}: ${nameOf(ProgressState, progress.state, 'State')} ` +
    `match=${progress.match} next=${progress.next}`;
  if (progress.isLearner) text += ' learner';
  if (progress.paused) text += ' paused';
  if (progress.pendingSnapshot > 0) text += ` pendingSnap=${progress.pendingSnapshot}`;
  if (!progress.recentActive) text += ' inactive';
  if (progress.inflightCount > 0) {
    text += ` inflight=${progress.inflightCount}${progress.inflightFull ? '[full]' : ''}`;
  }
  return text;
}
