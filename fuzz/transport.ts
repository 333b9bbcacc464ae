/**
 * Bytes on the port of a node. Whatever a stranger, or a member with a bad line, sends: the node lives,
 * hangs up on it within the time given and says why; the connection of the two others is not
 * touched; and a member whose line is whole again is connected again.
 */
import { isDeepStrictEqual } from 'node:util';
import { ClusterError } from '../src/errors.ts';
import { MessageType, makeMessage } from '../src/raft/index.ts';
import { FrameReader } from '../src/transport/frame.ts';
import { decodeHandshake, encodeHandshake } from '../src/transport/handshake-codec.ts';
import { attemptAdmitted, attemptTransfer, frameScript, transferScript } from './admitted.ts';
import type { FuzzDice } from './dice.ts';
import { joined } from './mutate.ts';
import { frameBytes, handshakeBytes, strangerBytes } from './streams.ts';
import { randomEdits, tampering } from './tampering.ts';
import type { FuzzSubject, FuzzTarget } from './target.ts';
import { HUNG_UP_MS, isConnected, Stranger, Wire } from './wire-rig.ts';

/** Backoff, breaker and a few dials. */
const AGAIN_MS = 20_000;
/** What the stream of a member is damaged in: its handshake and its first frames. */
const TAMPERED_BYTES = 3_000;
/** Pieces of a stream: every byte alone, unless that takes all day. */
const CHUNKS_MAX = 10_000;
/** What a text that was no text reads as, which is longer than what was there. */
const REPLACEMENT = '\ufffd';

// ---- readers alone ------------------------------------------------------------------------------

/** A refusal by the codec; everything else goes on. */
function tryDecode<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof ClusterError && error.code === 'CODEC_INVALID') return undefined;
    throw error;
  }
}

function attemptFrames(input: Uint8Array): void {
  const stream = input.slice(1);
  const chunkBytes = Math.max(1 + 7 * (input[0] ?? 0), Math.ceil(stream.length / CHUNKS_MAX));
  const reader = new FrameReader();
  let delivered = 0;
  for (let at = 0; at < stream.length; at += chunkBytes) {
    const isRead = tryDecode(() => {
      reader.push(stream.slice(at, at + chunkBytes), (_type, _kind, payload) => {
        delivered += payload.length;
        return true;
      });
      return true;
    });
    // The connection ends here.
    if (isRead === undefined) break;
  }
  if (delivered > stream.length) throw new Error(`${stream.length} bytes gave ${delivered}`);
}

function attemptHandshake(input: Uint8Array): void {
  const decoded = tryDecode(() => decodeHandshake(Buffer.from(input)));
  if (decoded === undefined) return;
  if (decoded.length > input.length) throw new Error(`a handshake of ${decoded.length} bytes`);
  if (JSON.stringify(decoded.message).includes(REPLACEMENT)) return;
  const again = decodeHandshake(Buffer.from(encodeHandshake(decoded.message)));
  if (isDeepStrictEqual(again?.message, decoded.message)) return;
  throw new Error('a handshake is another one after it was written and read again');
}

// ---- whole nodes --------------------------------------------------------------------------------

async function attemptStranger(input: Uint8Array): Promise<void> {
  const wire = new Wire();
  await wire.start();
  const stranger = new Stranger();
  const chunkBytes = Math.max(1 + 17 * (input[0] ?? 0), Math.ceil(input.length / CHUNKS_MAX));
  const dialed = wire.network.host('n3').dial({ host: 'n1', port: 7_000 }, 1_000);
  const spoken = dialed.then((connection) => {
    stranger.speak(connection, input.slice(1), chunkBytes);
  });
  await wire.clock.advance(10);
  await spoken;
  const isHungUp = stranger.isClosed;
  await wire.clock.advance(HUNG_UP_MS);
  if (!stranger.isClosed) throw new Error('the stranger is still connected');
  // One that says that it has another connection is a dial that crossed ours: nothing for people.
  const isCrossing = Buffer.from(input).includes('duplicate');
  const isExplained = isCrossing || wire.one.warnings.length + wire.one.log.length > 1;
  if (isHungUp && !isExplained) throw new Error('the stranger was hung up on without a word');
  await wire.checkUnharmed();
  await wire.stop([wire.one, wire.two]);
}

/** Node 1 dials a member, and something else answers there. */
async function attemptAnswer(input: Uint8Array): Promise<void> {
  const wire = new Wire();
  await wire.start();
  const strangers: Stranger[] = [];
  const host = wire.network.host('n3');
  const listener = host.listen({ host: 'n3', port: 7_000 }, (connection) => {
    const stranger = new Stranger();
    strangers.push(stranger);
    stranger.speak(connection, input.slice(1), 256 + 17 * (input[0] ?? 0));
  });
  await wire.clock.advance(1);
  await listener;
  wire.introduce(wire.one, 3);
  await wire.clock.advance(HUNG_UP_MS);
  if (strangers.length === 0) throw new Error('node 1 has not dialed');
  if (isConnected(wire.one, 3)) throw new Error('node 1 takes noise for a member');
  wire.one.transport.removePeer(3);
  await wire.clock.advance(HUNG_UP_MS);
  if (strangers.some(({ isClosed }) => !isClosed)) throw new Error('a connection was left over');
  await wire.checkUnharmed();
  await wire.stop([wire.one, wire.two]);
}

async function attemptMember(input: Uint8Array): Promise<void> {
  const wire = new Wire();
  await wire.start();
  const tamper = { isOn: true, edits: input };
  const three = wire.node(3, tampering(wire.network.host('n3'), tamper));
  const started = three.start();
  await wire.clock.advance(5);
  await started;
  wire.introduce(wire.one, 3);
  wire.introduce(three, 1);
  for (let index = 1; index < 40; index++) {
    const data = Buffer.alloc(50, index);
    const entries = [{ term: 1, index: index + 1, type: 0, data } as const];
    three.transport.send(
      makeMessage({ type: MessageType.App, to: 1, from: 3, term: 1, index, entries }),
    );
    if (index % 3 === 0) three.transport.sendFrame(1, 9, [data]);
    await wire.clock.advance(60);
  }
  for (const { message } of wire.one.messages) {
    const isWhole = message.entries.every(({ data, index }) => data[0] === index - 1);
    if (!isWhole) throw new Error('a message arrived that was never sent');
  }
  await wire.checkUnharmed();
  tamper.isOn = false;
  const isAgain = (): boolean => isConnected(wire.one, 3) && isConnected(three, 1);
  await wire.clock.advance(HUNG_UP_MS);
  if (!(await wire.clock.until(isAgain, AGAIN_MS))) {
    throw new Error(`the member is not connected again: ${wire.one.log.join(', ')}`);
  }
  await wire.clock.advance(100);
  await wire.talk(three, wire.one);
  await wire.talk(wire.one, three);
  await wire.stop([wire.one, wire.two, three]);
}

// ---- the target ---------------------------------------------------------------------------------

interface Way {
  /** How many of a hundred inputs go this way: whole nodes cost a thousand times a reader. */
  readonly percent: number;
  readonly make: (dice: FuzzDice) => Uint8Array;
  readonly attempt: (input: Uint8Array) => unknown;
}

const chunked = (dice: FuzzDice, bytes: Uint8Array): Uint8Array =>
  joined(Uint8Array.of(dice.pick([0, 1, 255, dice.below(256)])), bytes);

const WAYS: readonly Way[] = [
  { percent: 43, make: (dice) => chunked(dice, frameBytes(dice)), attempt: attemptFrames },
  { percent: 43, make: handshakeBytes, attempt: attemptHandshake },
  { percent: 4, make: (dice) => chunked(dice, strangerBytes(dice)), attempt: attemptStranger },
  { percent: 2, make: (dice) => chunked(dice, strangerBytes(dice)), attempt: attemptAnswer },
  { percent: 4, make: (dice) => randomEdits(dice, TAMPERED_BYTES), attempt: attemptMember },
  { percent: 2, make: frameScript, attempt: attemptAdmitted },
  { percent: 2, make: transferScript, attempt: attemptTransfer },
];

function generate(dice: FuzzDice): Uint8Array {
  let rest = dice.below(100);
  const way = WAYS.findIndex(({ percent }) => {
    rest -= percent;
    return rest < 0;
  });
  return joined(Uint8Array.of(way), WAYS[way]!.make(dice));
}

export const transportTarget: FuzzTarget = {
  name: 'transport',
  title: 'noise, damaged handshakes and frames on the port of a node',
  prepare: async (): Promise<FuzzSubject> => ({
    generate,
    attempt: async (input) => {
      await WAYS[(input[0] ?? 0) % WAYS.length]!.attempt(input.slice(1));
    },
  }),
};
