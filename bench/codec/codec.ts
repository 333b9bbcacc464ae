/**
 * Which codec for raftpb: ours, or a library? The messages are those that a busy leader sends and gets
 * all day. All candidates are checked against each other first: a fast wrong answer wins nothing.
 *
 * @bufbuild/protobuf is measured with its messages made beforehand, which is kind to it: who uses it
 * must turn its 64-bit bigints into numbers and back, which is not counted here.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  decodeMessage,
  encodeInto,
  encodeMessage,
  type Message,
  MessageType,
  makeEntry,
  makeMessage,
  messageSize,
} from '../../src/raft/index.ts';
import type { Benchmark, Comparison } from '../measure.ts';
import { pbfDecode, pbfEncode } from './pbf-codec.ts';
import { descriptorOf } from './raftpb-schema.ts';

const ENTRY_BYTES = 256;
/** A log of some age: indexes take four bytes, terms one. */
const INDEX = 20_000_000;
const TERM = 7;

function append(entries: number): Message {
  return makeMessage({
    type: MessageType.App,
    to: 2,
    from: 1,
    term: TERM,
    logTerm: TERM,
    index: INDEX,
    commit: INDEX - 3,
    entries: Array.from({ length: entries }, (_, at) =>
      makeEntry(TERM, INDEX + 1 + at, 0, new Uint8Array(ENTRY_BYTES).fill(at)),
    ),
  });
}

const MESSAGES: readonly (readonly [title: string, message: Message])[] = [
  [
    'heartbeat',
    makeMessage({ type: MessageType.Heartbeat, to: 2, from: 1, term: TERM, commit: INDEX }),
  ],
  [`append of 1 entry of ${ENTRY_BYTES} bytes`, append(1)],
  [`append of 100 entries of ${ENTRY_BYTES} bytes`, append(100)],
];

const schema = descriptorOf('Message');
const entrySchema = descriptorOf('Entry');

/** The same message as the library holds it. */
function libraryMessage(message: Message): ReturnType<typeof create> {
  const set = (fields: Readonly<Record<string, number>>): Record<string, bigint> =>
    Object.fromEntries(
      Object.entries(fields)
        .filter(([, value]) => value !== 0)
        .map(([name, value]) => [name, BigInt(value)]),
    );
  const { to, from, term, logTerm, index, commit } = message;
  return create(schema, {
    type: message.type,
    ...set({ to, from, term, logTerm, index, commit }),
    entries: message.entries.map((entry) =>
      create(entrySchema, { ...set({ term: entry.term, index: entry.index }), data: entry.data }),
    ),
  });
}

function same(a: Uint8Array, b: Uint8Array, who: string): void {
  if (Buffer.compare(a, b) !== 0) throw new Error(`${who} writes other bytes than ours`);
}

function compare([title, message]: readonly [string, Message]): Comparison[] {
  const bytes = encodeMessage(message);
  const prepared = libraryMessage(message);
  same(bytes, toBinary(schema, prepared), '@bufbuild/protobuf');
  same(bytes, pbfEncode(message), 'pbf');
  same(bytes, encodeMessage(pbfDecode(bytes)), 'what pbf reads');
  const frame = new Uint8Array(bytes.length);
  return [
    {
      title: `encode: ${title} (${bytes.length} bytes)`,
      candidates: [
        { name: 'quorate', run: () => encodeMessage(message) },
        {
          name: 'quorate, into a frame',
          run: () => messageSize(message) + encodeInto(message, frame, 0),
        },
        { name: 'pbf', run: () => pbfEncode(message) },
        { name: '@bufbuild/protobuf', run: () => toBinary(schema, prepared) },
      ],
    },
    {
      title: `decode: ${title} (${bytes.length} bytes)`,
      candidates: [
        { name: 'quorate', run: () => decodeMessage(bytes) },
        { name: 'pbf', run: () => pbfDecode(bytes) },
        { name: '@bufbuild/protobuf', run: () => fromBinary(schema, bytes) },
      ],
    },
  ];
}

export const codecBenchmark: Benchmark = {
  name: 'codec',
  comparisons: () => MESSAGES.flatMap(compare),
};
