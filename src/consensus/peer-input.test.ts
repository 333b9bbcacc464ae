/**
 * What a confused peer sends must stop nobody: neither the node that gets it nor, by way of the log,
 * all of them. Raw frames and messages are put into the transport's events of a running leader.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestCluster, type TestNode, text } from '../../sim/rigs/test-cluster.ts';
import { type Entry, EntryType, type Message, MessageType, makeMessage } from '../raft/index.ts';
import type { TransportEvents } from '../transport/index.ts';
import { CommandKind, encodePart } from './envelope.ts';
import { decodeAnswers, encodeAnswers, encodeProposals, FrameKind } from './forwarding.ts';
import { checkPartProposable, messageFault } from './peer-input.ts';
import { ForwardStatus } from './proposal.ts';
import { encodeNumbers } from './replica.ts';

let cluster: TestCluster;
let leader: TestNode;
let follower: number;
let events: TransportEvents;

beforeEach(async () => {
  cluster = new TestCluster(3);
  await cluster.startAll();
  leader = await cluster.leader();
  follower = cluster.followers(leader)[0]?.node.status().raftId ?? 0;
  events = cluster.bus.endpoint(leader.node.status().raftId)?.events as TransportEvents;
});

afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function allGoOn(): Promise<void> {
  await leader.node.propose(text('goes on'));
  for (const { node, machine } of cluster.nodes.values()) {
    await node.readIndex();
    expect(node.phase).toBe('running');
    expect(machine.journal).toEqual(['goes on']);
  }
}

const entry = (index: number, term: number, data = 'x'): Entry => ({
  index,
  term,
  type: EntryType.Normal,
  data: Buffer.from(data),
});

/** Parts that no node could apply. */
function badParts(): Uint8Array[] {
  const request = { session: 1, sequence: 1, acknowledgedBelow: 0 };
  const good = encodePart(CommandKind.Application, text('x'), undefined);
  const unknownKind = good.slice();
  unknownKind[0] = 99;
  const unknownFlags = good.slice();
  unknownFlags[1] = 6;
  const badNumber = encodePart(CommandKind.Application, text('x'), request);
  new DataView(badNumber.buffer).setFloat64(8, 0.5, true);
  return [
    unknownKind,
    unknownFlags,
    badNumber,
    encodePart(CommandKind.OpenSession, new Uint8Array(0), request),
    encodePart(CommandKind.OpenSession, text('x'), undefined),
    encodePart(CommandKind.CloseSession, text('short'), undefined),
    encodePart(CommandKind.ExpireSession, encodeNumbers(1), undefined),
    encodePart(CommandKind.MintMember, text('no such name!'), undefined),
  ];
}

describe('frames of proposals', () => {
  it('a part that no node could apply is refused at the door, not committed', async () => {
    const frame = encodeProposals(
      badParts().map((part, i) => {
        return { forwardId: i + 1, envelope: { bytes: part }, start: 0, end: part.length };
      }),
    );
    events.frame(follower, FrameKind.Proposals, frame);
    await allGoOn();
  });

  it('good parts pass', () => {
    const request = { session: 1, sequence: 1 };
    for (const part of [
      encodePart(CommandKind.Application, text('x'), request),
      encodePart(CommandKind.OpenSession, new Uint8Array(0), undefined),
      encodePart(CommandKind.CloseSession, encodeNumbers(1), undefined),
      encodePart(CommandKind.ExpireSession, encodeNumbers(1, 2), undefined),
      encodePart(CommandKind.MintMember, text('n4'), undefined),
    ]) {
      expect(() => checkPartProposable(part)).not.toThrow();
    }
    for (const part of badParts()) expect(() => checkPartProposable(part)).toThrow();
  });

  it('frames of any garbage are ignored', async () => {
    for (const kind of [FrameKind.Proposals, FrameKind.Answers, 77]) {
      for (const bytes of [[], [1], [2, 0, 0, 0, 1, 0, 0, 0], [1, 0, 0, 0, 255, 255, 255, 255]]) {
        events.frame(follower, kind, Uint8Array.from(bytes));
      }
    }
    await allGoOn();
  });
});

describe('messages', () => {
  it('what no peer of ours sends does not reach the core', async () => {
    const { term } = leader.node.status();
    const from = follower;
    const snapshot = {
      metadata: {
        index: 1_000,
        term,
        confState: {
          voters: [1, 2, 3],
          learners: [],
          votersOutgoing: [],
          learnersNext: [],
          autoLeave: false,
        },
      },
      data: new Uint8Array(0),
    };
    const later = term + 1;
    const bad: Message[] = [
      makeMessage({ type: MessageType.Prop, from, entries: [entry(0, 0, 'garbage')] }),
      makeMessage({
        type: MessageType.Prop,
        from,
        entries: [{ ...entry(0, 0, 'garbage'), type: EntryType.ConfChangeV2 }],
      }),
      makeMessage({ type: MessageType.ReadIndex, from }),
      makeMessage({ type: MessageType.Snap, from, term: later, snapshot }),
      makeMessage({ type: MessageType.ForgetLeader, from, term }),
      makeMessage({ type: MessageType.App, from, term: 0 }),
      makeMessage({ type: MessageType.App, from, term: later, index: 1, entries: [entry(9, 1)] }),
      makeMessage({ type: MessageType.Vote, from: from + 1, term: later }),
    ];
    for (const message of bad) expect(messageFault(from, message)).toBeDefined();
    events.messages(follower, bad);
    await allGoOn();
  });
});

describe('frames of answers', () => {
  const answer = (id: number, bytes: number) => ({
    id,
    status: ForwardStatus.Applied,
    index: 5,
    result: { code: 0, bytes: new Uint8Array(bytes) },
  });

  it('are split, so that each fits, and come back as they went in', () => {
    const frames = encodeAnswers(Array.from({ length: 100 }, (_, i) => answer(i, 200 * 1024)));
    const sizes = frames.map((frame) => frame.length);
    expect(Math.max(...sizes)).toBeLessThan(300 * 1024);
    const ids = frames.flatMap((frame) => decodeAnswers(frame).map(({ id }) => id));
    expect(ids).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it('tell an answer that no frame can carry as unknown', () => {
    const frames = encodeAnswers([answer(7, 9 * 1024 * 1024)]);
    const [told] = decodeAnswers(frames[0] as Uint8Array);
    expect(told).toMatchObject({ id: 7, status: ForwardStatus.Unknown });
  });

  it('are refused when they hold no status or number of ours', () => {
    const [bytes = new Uint8Array(0)] = encodeAnswers([answer(1, 1)]);
    const badStatus = Buffer.from(bytes);
    badStatus.writeUInt32LE(7, 8 + 16);
    const badIndex = Buffer.from(bytes);
    badIndex.writeDoubleLE(Number.NaN, 8 + 8);
    expect(() => decodeAnswers(badStatus)).toThrow(/status 7/);
    expect(() => decodeAnswers(badIndex)).toThrow(/NaN/);
  });
});
