/**
 * A stranger that knows the cluster's name and id, and shakes hands as it should: what it says then
 * reaches all that is behind the handshake. Over a connection for messages, frames whose checksums are
 * right; over one for bulk, transfers that are nearly right: chunks and ends at wrong places, in any
 * order. Whatever comes, the sink is told in order, and exactly one end.
 *
 * An input is a script: how long to wait (1 byte, ms), how many bytes to say (2 bytes), the bytes; and so
 * on. What comes before the answer that it waits for would be out of turn.
 */
import { encodeMessage, MessageType, makeMessage } from '../src/raft/index.ts';
import { positionBytes } from '../src/transport/bulk-wire.ts';
import { encodeFrame, FrameType } from '../src/transport/frame.ts';
import { encodeHandshake, HandshakeType, type Purpose } from '../src/transport/handshake-codec.ts';
import type { BulkSink } from '../src/transport/index.ts';
import type { FuzzDice } from './dice.ts';
import { joined, mutate } from './mutate.ts';
import { frameBytes } from './streams.ts';
import { HUNG_UP_MS, Stranger, Wire } from './wire-rig.ts';

const NONCE = 'cd'.repeat(16);
const STEP_HEADER_BYTES = 3;
const STEP_BYTES_MAX = 65_535;
/** Long enough for an answer to come and for a chunk to be written. */
const WAIT_MS_MAX = 8;
const POSITIONS: readonly number[] = [0, 1, 5, 10, 2 ** 32, Number.MAX_SAFE_INTEGER];

// ---- scripts ------------------------------------------------------------------------------------

function step(dice: FuzzDice, bytes: Uint8Array): Uint8Array {
  const said = bytes.subarray(0, STEP_BYTES_MAX);
  const header = Buffer.alloc(STEP_HEADER_BYTES);
  header.writeUInt8(dice.below(WAIT_MS_MAX));
  header.writeUInt16BE(said.length, 1);
  return joined(header, said);
}

export function frameScript(dice: FuzzDice): Uint8Array {
  return joined(...Array.from({ length: 1 + dice.below(6) }, () => step(dice, frameBytes(dice))));
}

/** Mostly what would be right, so that the next frames are looked at, too. */
export function transferScript(dice: FuzzDice): Uint8Array {
  const total = dice.pick([0, 1, 10, 10, 300]);
  let position = 0;
  const somewhere = (right: number): Buffer =>
    positionBytes(dice.oneIn(8) ? dice.pick(POSITIONS) : right);
  const offer = (): readonly Uint8Array[] => {
    const message = encodeMessage(makeMessage({ type: MessageType.Snap, to: 1, from: 3 }));
    return [somewhere(total), dice.oneIn(8) ? mutate(message, dice, message) : message];
  };
  const chunk = (): readonly Uint8Array[] => {
    const data = dice.bytes(dice.oneIn(8) ? dice.below(400) : dice.below(total - position + 1));
    const begin = somewhere(position);
    position = Math.min(total, position + data.length);
    return [begin, data];
  };
  const partsOf = (type: FrameType): readonly Uint8Array[] => {
    if (type === FrameType.BulkOffer) return offer();
    if (type === FrameType.BulkChunk) return chunk();
    return [type === FrameType.BulkDone ? somewhere(total) : dice.bytes(dice.below(20))];
  };
  const frame = (type: FrameType): Uint8Array => {
    const payload = joined(...partsOf(type));
    const body = dice.oneIn(12) ? mutate(payload, dice, payload) : payload;
    return joined(...encodeFrame(type, 0, [body]));
  };
  const types: FrameType[] = dice.oneIn(8) ? [] : [FrameType.BulkOffer];
  for (let left = dice.below(6); left > 0; left--) {
    const { BulkOffer, BulkChunk, BulkDone, BulkWorking } = FrameType;
    const others = Object.values(FrameType);
    types.push(
      dice.pick([
        BulkChunk,
        BulkChunk,
        BulkChunk,
        BulkWorking,
        BulkDone,
        BulkOffer,
        dice.pick(others),
      ]),
    );
  }
  const steps = types.map((type) => step(dice, frame(type)));
  if (!dice.oneIn(3)) {
    // To the end of it, if nothing was wrong so far.
    const rest = [positionBytes(position), dice.bytes(total - position)];
    steps.push(step(dice, joined(...encodeFrame(FrameType.BulkChunk, 0, rest))));
    steps.push(Buffer.of(WAIT_MS_MAX, 0, 0));
    const end = encodeFrame(FrameType.BulkDone, 0, [positionBytes(total)]);
    steps.push(step(dice, joined(...end)));
  }
  return joined(...steps);
}

// ---- attempts -----------------------------------------------------------------------------------

/** Lets the stranger in at node 1, and follows the script. */
async function follow(wire: Wire, purpose: Purpose, script: Uint8Array): Promise<void> {
  const stranger = new Stranger();
  const dialing = wire.network.host('n3').dial({ host: 'n1', port: 7_000 }, 1_000);
  await wire.clock.advance(5);
  const connection = await dialing;
  const hello = encodeHandshake({
    type: HandshakeType.Hello,
    versionMin: 1,
    versionMax: 1,
    identity: {
      clusterName: 'test',
      clusterId: 'cluster-1',
      nodeId: 'n3',
      raftId: 3,
      incarnation: 'life-3',
      address: 'n3:7000',
      session: 'ab'.repeat(16),
    },
    purpose,
    nonce: NONCE,
    target: 1,
    lost: undefined,
  });
  stranger.speak(connection, hello, hello.length);
  await wire.clock.advance(5);
  if (stranger.heardBytes === 0) throw new Error('the hello was not answered');
  connection.write([encodeHandshake({ type: HandshakeType.Confirm, nonce: NONCE })]);
  await wire.clock.advance(5);
  if (stranger.isClosed) throw new Error('the stranger was not let in');
  for (let at = 0; at + STEP_HEADER_BYTES <= script.length; ) {
    const length = (script[at + 1]! << 8) | script[at + 2]!;
    await wire.clock.advance(script[at]! % (WAIT_MS_MAX + 1));
    at += STEP_HEADER_BYTES;
    connection.write([script.slice(at, at + length)]);
    at += length;
  }
  await wire.clock.advance(HUNG_UP_MS);
  if (!stranger.isClosed) throw new Error('the stranger is still connected');
}

export async function attemptAdmitted(script: Uint8Array): Promise<void> {
  const wire = new Wire();
  await wire.start();
  await follow(wire, 'messages', script);
  const told = wire.one.log.filter((line) => line.split(' ')[1] === '3');
  if (told[0] !== 'connected 3' || !told[1]?.startsWith('unreachable 3') || told.length > 2) {
    throw new Error(`of the stranger was told: ${told.join(', ')}`);
  }
  await wire.checkUnharmed();
  await wire.stop([wire.one, wire.two]);
}

/** Notes the order in which it is told things. */
class NotingSink implements BulkSink {
  readonly received = 0;
  writtenBytes = 0;
  end: 'finish' | 'abort' | undefined;
  wrong: string | undefined;
  #isWriting = false;
  readonly #wire: Wire;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#expectIdle('write');
    this.#isWriting = true;
    await this.#pause();
    this.#isWriting = false;
    this.writtenBytes += chunk.length;
  }

  async finish(): Promise<void> {
    this.#expectIdle('finish');
    this.end = 'finish';
    await this.#pause();
  }

  abort(): void {
    this.#expectIdle('abort');
    this.end = 'abort';
  }

  #expectIdle(what: string): void {
    if (this.#isWriting) this.wrong ??= `${what} while it writes`;
    if (this.end !== undefined) this.wrong ??= `${what} after ${this.end}`;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#wire.clock.after(1, resolve));
  }
}

/** Answers how the transfer ended, if the node was asked for a sink. */
export async function attemptTransfer(script: Uint8Array): Promise<'finish' | 'abort' | undefined> {
  const wire = new Wire();
  await wire.start();
  const sinks: NotingSink[] = [];
  wire.introduce(wire.one, 3);
  wire.one.bulk = async () => {
    sinks.push(new NotingSink(wire));
    return sinks.at(-1)!;
  };
  await follow(wire, 'bulk', script);
  if (sinks.length > 1) throw new Error(`one transfer asked for ${sinks.length} sinks`);
  const [sink] = sinks;
  if (sink?.wrong !== undefined) throw new Error(`the sink was told out of order: ${sink.wrong}`);
  if (sink !== undefined && sink.end === undefined) throw new Error('the sink was told no end');
  await wire.checkUnharmed();
  await wire.stop([wire.one, wire.two]);
  return sink?.end;
}
