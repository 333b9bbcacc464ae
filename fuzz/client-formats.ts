/**
 * What passes between a client and a node, and what a command and its result look like inside: the
 * formats whose writers are strangers more often than neighbours.
 */

import { ClusterError } from '../src/errors.ts';
import * as bodies from '../src/protocol/bodies.ts';
import * as frames from '../src/protocol/frames.ts';
import {
  decodeCommand,
  decodeResult,
  encodeCommand,
  encodeResult,
  type KeyRange,
  type KeyValue,
  type KvCommand,
  type KvEvent,
  type KvResult,
} from '../src/state/index.ts';
import type { FuzzDice } from './dice.ts';
import { type Format, format, several } from './format.ts';
import { joined } from './mutate.ts';

const text = (dice: FuzzDice): Uint8Array => Buffer.from(`key-${dice.below(1_000)}`);
const word = (dice: FuzzDice): number => dice.below(2 ** 32);

function range(dice: FuzzDice): KeyRange {
  const start = text(dice);
  return dice.oneIn(3) ? { start } : { start, end: dice.oneIn(2) ? text(dice) : dice.bytes(0) };
}

function item(dice: FuzzDice): KeyValue {
  const [createRevision, modRevision, version] = [dice.number(), dice.number(), dice.number()];
  return {
    key: text(dice),
    value: dice.bytes(dice.below(40)),
    createRevision,
    modRevision,
    version,
  };
}

function event(dice: FuzzDice): KvEvent {
  if (dice.oneIn(2)) return { kind: 'put', item: item(dice) };
  return { kind: 'delete', key: text(dice), modRevision: dice.number() };
}

function command(dice: FuzzDice): KvCommand {
  const [key, value] = [text(dice), dice.bytes(dice.below(40))];
  const by = BigInt(dice.number()) - BigInt(dice.number());
  switch (dice.below(6)) {
    case 0:
      return { kind: 'put', key, value };
    case 1:
      return { kind: 'delete', range: range(dice) };
    case 2:
      return { kind: 'compareAndSet', key, value, ...(dice.oneIn(2) ? { expected: value } : {}) };
    case 3:
      return { kind: 'increment', key, by };
    case 4: {
      const steps = (): KvCommand[] => several(dice, () => ({ kind: 'put', key, value }));
      const then = [...steps(), { kind: 'get', range: range(dice) }];
      return { kind: 'transaction', compare: [], then, else: steps() } as KvCommand;
    }
    default:
      return { kind: 'compact', revision: dice.number() };
  }
}

function result(dice: FuzzDice): KvResult {
  const revision = dice.number();
  switch (dice.below(4)) {
    case 0:
      return { kind: 'put', revision };
    case 1:
      return { kind: 'delete', revision, deleted: dice.below(99) };
    case 2:
      return { kind: 'increment', revision, value: BigInt(dice.number()) };
    default: {
      const steps = [{ kind: 'get', items: several(dice, item), more: dice.oneIn(2) }] as const;
      return { kind: 'transaction', revision, succeeded: dice.oneIn(2), steps };
    }
  }
}

/** As it lies in the frame: what comes after the length. */
const behindLength = (header: Uint8Array, body: Uint8Array): Uint8Array =>
  joined(header.subarray(4), body);

const nothing = (): undefined => undefined;

export const CLIENT_FORMATS: readonly Format[] = [
  format<KvCommand>({
    name: 'command of the key-value machine',
    make: (dice) => encodeCommand(command(dice)),
    decode: decodeCommand,
    encode: encodeCommand,
    refusals: ['REQUEST_INVALID'],
  }),
  format<KvResult>({
    name: 'result of the key-value machine',
    make: (dice) => encodeResult(result(dice)).bytes,
    decode: decodeResult,
    encode: (value) => encodeResult(value).bytes,
  }),
  format<frames.RequestFrame>({
    name: 'request of a client',
    make: (dice) => {
      const body = dice.bytes(dice.below(30));
      const [session, sequence] = [dice.number(), dice.number()];
      const header = {
        correlation: word(dice),
        op: 1 + dice.below(10),
        local: dice.oneIn(2),
        timeoutMs: dice.below(65_536),
        request: dice.oneIn(2) ? { session, sequence } : undefined,
      };
      return behindLength(frames.encodeRequestHeader(header, body.length), body);
    },
    decode: frames.decodeRequest,
    encode: (frame) =>
      behindLength(frames.encodeRequestHeader(frame, frame.body.length), frame.body),
  }),
  format<frames.AnswerFrame>({
    name: 'answer to a client',
    make: (dice) => {
      const body = dice.bytes(dice.below(30));
      const kind = dice.below(4) as frames.AnswerKind;
      return behindLength(frames.encodeAnswerHeader(word(dice), kind, body.length), body);
    },
    decode: frames.decodeAnswer,
    encode: ({ correlation, kind, body }) =>
      behindLength(frames.encodeAnswerHeader(correlation, kind, body.length), body),
  }),
  format({
    name: 'error for a client',
    make: () => frames.encodeError(new ClusterError('NO_LEADER', 'nobody', { details: { n: 1 } })),
    // An error that can not be read is an error too.
    decode: (bytes) => ({ code: frames.decodeError(bytes).code }),
    encode: nothing,
  }),
  format({
    name: 'hello of a client',
    make: (dice) => joined(frames.encodeHello(1 + dice.below(3), 3 + dice.below(3))),
    decode: frames.decodeHello,
    encode: ({ versionMin, versionMax }) => frames.encodeHello(versionMin, versionMax),
  }),
  format<frames.Welcome | undefined>({
    name: 'welcome for a client',
    make: (dice) => joined(frames.encodeWelcome(1, { nodeId: 'n1', n: dice.number() })),
    decode: (bytes) => {
      const welcome = frames.decodeWelcome(bytes);
      if (welcome !== undefined) void welcome.facts['error'];
      return welcome === undefined ? undefined : { ...welcome, facts: {} };
    },
    encode: nothing,
  }),
  format({
    name: 'request for a range',
    make: (dice) =>
      bodies.encodeRangeRequest({
        range: range(dice),
        limit: word(dice),
        keysOnly: dice.oneIn(2),
      }),
    decode: bodies.decodeRangeRequest,
    encode: bodies.encodeRangeRequest,
  }),
  format({
    name: 'request for a watch',
    make: (dice) =>
      bodies.encodeWatchRequest({ range: range(dice), credit: word(dice), from: dice.number() }),
    decode: bodies.decodeWatchRequest,
    encode: bodies.encodeWatchRequest,
  }),
  format({
    name: 'page of a range',
    make: (dice) =>
      bodies.encodePage({
        items: several(dice, item),
        more: dice.oneIn(2),
        revision: dice.number(),
      }),
    decode: bodies.decodePage,
    encode: bodies.encodePage,
  }),
  format({
    name: 'item of a watch',
    make: (dice) => bodies.encodeChange({ revision: dice.number(), events: several(dice, event) }),
    decode: bodies.decodeWatchItem,
    encode: (value) => (value.kind === 'change' ? bodies.encodeChange(value.change) : undefined),
  }),
  format({
    name: 'answer to a get',
    make: (dice) => {
      const found = dice.oneIn(3) ? undefined : item(dice);
      return bodies.encodeGetAnswer(found, dice.number());
    },
    decode: bodies.decodeGetAnswer,
    encode: nothing,
  }),
  format({
    name: 'answer to a proposal',
    make: (dice) => joined(bodies.encodeProposeHead(dice.number(), word(dice)), dice.bytes(9)),
    decode: bodies.decodePropose,
    encode: ({ index, code, bytes }) => joined(bodies.encodeProposeHead(index, code), bytes),
  }),
];
