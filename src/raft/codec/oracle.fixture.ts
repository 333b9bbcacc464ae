/**
 * Our plain objects as messages of an independent protobuf library, and back, in the three forms in
 * which etcd's releases wrote them:
 *
 * - `3.5` (3.4 too): every number and flag is written, also when it is 0, and every message carries a
 *   snapshot, empty or not. There is no vote and there are no responses yet.
 * - `3.6`: the same, with vote and responses; a snapshot only where there is one.
 * - `3.7`: what was set.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { descriptorOf, type LibraryMessage } from '../../../bench/codec/raftpb-schema.ts';
import { makeEntry } from '../entries.ts';
import { makeMessage } from '../messages.ts';
import type {
  ConfChange,
  ConfChangeV2,
  ConfState,
  Entry,
  HardState,
  Message,
  Snapshot,
} from '../types.ts';

export const STYLES = ['3.5', '3.6', '3.7'] as const;
export type Style = (typeof STYLES)[number];

type Fields = Record<string, unknown>;

const TWO_64 = 2n ** 64n;
const wide = (value: number): bigint => (BigInt(value) + TWO_64) % TWO_64;

function narrow(value: unknown): number {
  const number = value as bigint;
  return Number(number >= TWO_64 - 2n ? number - TWO_64 : number);
}

/** Drops what a writer of that style would not have written. */
function present(style: Style, fields: Fields): Fields {
  const isSet = (value: unknown): boolean => {
    if (value === undefined) return false;
    if (value instanceof Uint8Array) return value.length > 0;
    return style !== '3.7' || (value !== 0n && value !== 0 && value !== false);
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isSet(value)));
}

function made(name: string, style: Style, fields: Fields): LibraryMessage {
  return create(descriptorOf(name), present(style, fields)) as LibraryMessage;
}

const toLibrary = {
  Entry: ({ type, term, index, data }: Entry, style: Style): LibraryMessage =>
    made('Entry', style, { type, term: wide(term), index: wide(index), data }),

  HardState: ({ term, vote, commit }: HardState, style: Style): LibraryMessage =>
    made('HardState', style, { term: wide(term), vote: wide(vote), commit: wide(commit) }),

  ConfState: (state: ConfState, style: Style): LibraryMessage =>
    made('ConfState', style, {
      voters: state.voters.map(wide),
      learners: state.learners.map(wide),
      votersOutgoing: state.votersOutgoing.map(wide),
      learnersNext: state.learnersNext.map(wide),
      autoLeave: state.autoLeave,
    }),

  Snapshot: ({ data, metadata }: Snapshot, style: Style): LibraryMessage =>
    made('Snapshot', style, {
      data,
      metadata: made('SnapshotMetadata', style, {
        confState: toLibrary.ConfState(metadata.confState, style),
        index: wide(metadata.index),
        term: wide(metadata.term),
      }),
    }),

  ConfChange: ({ id, type, nodeId, context }: ConfChange, style: Style): LibraryMessage =>
    made('ConfChange', style, { id: wide(id), type, nodeId: wide(nodeId), context }),

  ConfChangeV2: ({ transition, changes, context }: ConfChangeV2, style: Style): LibraryMessage =>
    made('ConfChangeV2', style, {
      transition,
      changes: changes.map(({ type, nodeId }) =>
        made('ConfChangeSingle', style, { type, nodeId: wide(nodeId) }),
      ),
      context,
    }),

  Message: (message: Message, style: Style): LibraryMessage => {
    const noSnapshot = style === '3.5' ? emptySnapshot : undefined;
    const snapshot = message.snapshot ?? noSnapshot;
    return made('Message', style, {
      type: message.type,
      to: wide(message.to),
      from: wide(message.from),
      term: wide(message.term),
      logTerm: wide(message.logTerm),
      index: wide(message.index),
      entries: message.entries.map((entry) => toLibrary.Entry(entry, style)),
      commit: wide(message.commit),
      snapshot: snapshot && toLibrary.Snapshot(snapshot, style),
      reject: message.reject,
      rejectHint: wide(message.rejectHint),
      context: message.context,
      vote: style === '3.5' ? undefined : wide(message.vote),
      responses: (message.responses ?? []).map((each) => toLibrary.Message(each, style)),
    });
  },
};

const noIds = { voters: [], learners: [], votersOutgoing: [], learnersNext: [] };
const emptySnapshot: Snapshot = {
  metadata: { confState: { ...noIds, autoLeave: false }, index: 0, term: 0 },
  data: new Uint8Array(0),
};

const list = (value: unknown): number[] => (value as bigint[]).map(narrow);
const bytes = (value: unknown): Uint8Array => new Uint8Array(value as Uint8Array);

const fromLibrary = {
  Entry: (given: LibraryMessage): Entry =>
    makeEntry(
      narrow(given['term']),
      narrow(given['index']),
      given['type'] as Entry['type'],
      bytes(given['data']),
    ),

  HardState: (given: LibraryMessage): HardState => ({
    term: narrow(given['term']),
    vote: narrow(given['vote']),
    commit: narrow(given['commit']),
  }),

  ConfState: (given: LibraryMessage | undefined): ConfState =>
    given === undefined
      ? emptySnapshot.metadata.confState
      : {
          voters: list(given['voters']),
          learners: list(given['learners']),
          votersOutgoing: list(given['votersOutgoing']),
          learnersNext: list(given['learnersNext']),
          autoLeave: given['autoLeave'] as boolean,
        },

  Snapshot: (given: LibraryMessage): Snapshot => {
    const metadata = given['metadata'] as LibraryMessage | undefined;
    if (metadata === undefined) return { ...emptySnapshot, data: bytes(given['data']) };
    return {
      metadata: {
        confState: fromLibrary.ConfState(metadata['confState'] as LibraryMessage | undefined),
        index: narrow(metadata['index']),
        term: narrow(metadata['term']),
      },
      data: bytes(given['data']),
    };
  },

  ConfChange: (given: LibraryMessage): ConfChange => ({
    type: given['type'] as ConfChange['type'],
    nodeId: narrow(given['nodeId']),
    context: bytes(given['context']),
    id: narrow(given['id']),
  }),

  ConfChangeV2: (given: LibraryMessage): ConfChangeV2 => ({
    transition: given['transition'] as ConfChangeV2['transition'],
    changes: (given['changes'] as LibraryMessage[]).map((each) => ({
      type: each['type'] as ConfChange['type'],
      nodeId: narrow(each['nodeId']),
    })),
    context: bytes(given['context']),
  }),

  Message: (given: LibraryMessage): Message => {
    const snapshot = given['snapshot'] as LibraryMessage | undefined;
    const read = snapshot && fromLibrary.Snapshot(snapshot);
    const context = bytes(given['context']);
    const responses = (given['responses'] as LibraryMessage[]).map(fromLibrary.Message);
    return makeMessage({
      type: given['type'] as Message['type'],
      to: narrow(given['to']),
      from: narrow(given['from']),
      term: narrow(given['term']),
      logTerm: narrow(given['logTerm']),
      index: narrow(given['index']),
      entries: (given['entries'] as LibraryMessage[]).map(fromLibrary.Entry),
      commit: narrow(given['commit']),
      vote: narrow(given['vote']),
      snapshot: read !== undefined && read.metadata.index > 0 ? read : undefined,
      reject: given['reject'] as boolean,
      rejectHint: narrow(given['rejectHint']),
      context: context.length > 0 ? context : undefined,
      responses: responses.length > 0 ? responses : undefined,
    });
  },
};

export type Kind = keyof typeof toLibrary;

/** What an independent writer makes of the value. */
export function libraryEncode(kind: Kind, value: unknown, style: Style = '3.7'): Uint8Array {
  const convert = toLibrary[kind] as (value: unknown, style: Style) => LibraryMessage;
  return toBinary(descriptorOf(kind), convert(value, style));
}

/** What an independent reader makes of the bytes, as one of our plain objects. */
export function libraryDecode(kind: Kind, encoded: Uint8Array): unknown {
  const convert = fromLibrary[kind] as (given: LibraryMessage) => unknown;
  return convert(fromBinary(descriptorOf(kind), encoded) as LibraryMessage);
}
