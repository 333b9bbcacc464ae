/**
 * Everything that is decoded of what another node, a client or an earlier life has written. Those between
 * nodes are here, those of clients in client-formats.ts.
 */
import {
  CommandKind,
  decodeEnvelope,
  encodeEnvelope,
  encodePart,
  type Part,
  readSinglePart,
} from '../src/consensus/envelope.ts';
import {
  decodeAnswers,
  decodeProposals,
  encodeAnswers,
  encodeProposals,
} from '../src/consensus/forwarding.ts';
import { decodeMember, encodeMember } from '../src/consensus/membership-changes.ts';
import { checkPartProposable } from '../src/consensus/peer-input.ts';
import { decodeStateClaim, encodeStateClaim } from '../src/consensus/state-hashes.ts';
import { STATE_HASH_INTERVAL_ENTRIES } from '../src/limits.ts';
import * as raft from '../src/raft/index.ts';
import { decodeSnapshotDescriptor, encodeSnapshotDescriptor } from '../src/storage/index.ts';
import { decodeMessages } from '../src/transport/messages-frame.ts';
import { CLIENT_FORMATS } from './client-formats.ts';
import type { FuzzDice } from './dice.ts';
import { type Format, format, several } from './format.ts';
import { joined } from './mutate.ts';
import * as values from './raft-values.ts';

function raftFormat<T>(
  name: string,
  random: (dice: FuzzDice) => T,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
): Format {
  return format<T>({ name, make: (dice) => encode(random(dice)), decode, encode });
}

function randomPart(dice: FuzzDice): Uint8Array {
  const kind = (1 + dice.below(5)) as CommandKind;
  const hasRequest = kind === CommandKind.Application && dice.oneIn(2);
  const request = {
    session: dice.number(),
    sequence: dice.number(),
    acknowledgedBelow: dice.number(),
  };
  const body = kind === CommandKind.MintMember ? Buffer.from('node-7') : dice.bytes(dice.below(40));
  return encodePart(kind, body, hasRequest ? request : undefined);
}

function encodeParts(parts: readonly Part[]): Uint8Array {
  const encoded = parts.map(({ kind, body, request }) => encodePart(kind, body, request));
  return encodeEnvelope(
    encoded,
    encoded.reduce((sum, part) => sum + part.length, 0),
  );
}

function encodeForwarded(proposals: readonly { id: number; part: Uint8Array }[]): Uint8Array {
  return encodeProposals(
    proposals.map(({ id, part }) => {
      return { forwardId: id, envelope: { bytes: part }, start: 0, end: part.length };
    }),
  );
}

function encodeMessages(messages: readonly raft.Message[]): Uint8Array {
  return joined(
    ...messages.flatMap((message) => {
      const bytes = raft.encodeMessage(message);
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, bytes.length);
      return [length, bytes];
    }),
  );
}

export const FORMATS: readonly Format[] = [
  raftFormat('message', values.randomMessage, raft.encodeMessage, raft.decodeMessage),
  raftFormat('entry', values.randomEntry, raft.encodeEntry, raft.decodeEntry),
  raftFormat('hard state', values.randomHardState, raft.encodeHardState, raft.decodeHardState),
  raftFormat('snapshot', values.randomSnapshot, raft.encodeSnapshot, raft.decodeSnapshot),
  raftFormat('conf state', values.randomConfState, raft.encodeConfState, raft.decodeConfState),
  raftFormat('conf change', values.randomConfChange, raft.encodeConfChange, raft.decodeConfChange),
  raftFormat(
    'conf change v2',
    values.randomConfChangeV2,
    raft.encodeConfChangeV2,
    raft.decodeConfChangeV2,
  ),
  format<raft.Message[]>({
    name: 'frame of messages',
    make: (dice) => encodeMessages(several(dice, values.randomMessage)),
    decode: (bytes) => decodeMessages(bytes, () => {}),
    encode: encodeMessages,
  }),
  format<Part[]>({
    name: 'command envelope',
    make: (dice) => {
      const parts = several(dice, randomPart);
      return encodeEnvelope(
        parts,
        parts.reduce((sum, part) => sum + part.length, 0),
      );
    },
    decode: decodeEnvelope,
    encode: encodeParts,
    refusals: ['CODEC_INVALID', 'COMMAND_UNKNOWN'],
  }),
  format<Part>({
    name: 'command of a follower',
    make: randomPart,
    decode: (bytes) => {
      checkPartProposable(bytes);
      return readSinglePart(bytes);
    },
    encode: ({ kind, body, request }) => encodePart(kind, body, request),
    refusals: ['CODEC_INVALID', 'COMMAND_UNKNOWN', 'CONFIG_INVALID'],
  }),
  format<{ id: number; part: Uint8Array }[]>({
    name: 'forwarded proposals',
    make: (dice) => {
      return encodeForwarded(several(dice, () => ({ id: dice.number(), part: randomPart(dice) })));
    },
    decode: decodeProposals,
    encode: encodeForwarded,
  }),
  format({
    name: 'answers to forwarded proposals',
    make: (dice) => {
      const answers = several(dice, () => ({
        id: dice.number(),
        status: dice.pick([0, 1, 2] as const),
        index: dice.number(),
        result: { code: dice.below(2 ** 32), bytes: dice.bytes(dice.below(30)) },
      }));
      return encodeAnswers(answers)[0] ?? new Uint8Array(0);
    },
    decode: decodeAnswers,
    // Many go into several frames, which is another value.
    encode: (answers) => {
      const frames = encodeAnswers(answers);
      return frames.length === 1 ? frames[0] : undefined;
    },
  }),
  format({
    name: 'state hash',
    make: (dice) => {
      const index = (1 + dice.below(1_000)) * STATE_HASH_INTERVAL_ENTRIES;
      return encodeStateClaim({ index, hash: dice.below(2 ** 32) });
    },
    decode: decodeStateClaim,
    encode: encodeStateClaim,
  }),
  format({
    name: 'member record',
    make: (dice) => {
      const member = { raftId: 1 + dice.below(99), nodeId: 'n-1', address: 'host:7000' };
      return encodeMember(dice.oneIn(2) ? member : { ...member, wantsVote: true });
    },
    decode: decodeMember,
    encode: (member) => (member === undefined ? undefined : encodeMember(member)),
  }),
  format({
    name: 'snapshot descriptor',
    make: (dice) =>
      encodeSnapshotDescriptor({ bytes: dice.number(), checksum: dice.below(2 ** 32) }),
    decode: decodeSnapshotDescriptor,
    encode: encodeSnapshotDescriptor,
  }),
  ...CLIENT_FORMATS,
];
