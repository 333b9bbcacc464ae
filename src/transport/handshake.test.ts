/** What either side of a handshake holds the other one to; a made-up connection says what it likes. */
import { expect, it } from 'vitest';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { HANDSHAKE_REST_BYTES_MAX } from '../limits.ts';
import type { Connection, ConnectionEvents } from '../world/index.ts';
import { Channel } from './channel.ts';
import { acceptHandshake, dialHandshake, type HandshakeParts } from './handshake.ts';
import {
  decodeHandshake,
  encodeHandshake,
  type HandshakeMessage,
  HandshakeType,
  type Hello,
  type Identity,
} from './handshake-codec.ts';

const OTHER_NONCE = '99'.repeat(16);

function identity(raftId: number): Identity {
  return {
    clusterName: 'test',
    clusterId: 'cluster-1',
    nodeId: `n${raftId}`,
    raftId,
    incarnation: `life-${raftId}`,
    address: `n${raftId}:7000`,
    session: `0${raftId}`.repeat(16),
  };
}

/** What node 2 says to node 1. */
const HELLO: Hello = {
  type: HandshakeType.Hello,
  versionMin: 1,
  versionMax: 1,
  identity: identity(2),
  purpose: 'messages',
  nonce: 'cd'.repeat(16),
  target: 1,
  lost: undefined,
};

/** The other side is whoever calls `say`. */
class MadeUpConnection implements Connection {
  readonly remote = 'x:1';
  readonly queuedBytes = 0;
  readonly heard: HandshakeMessage[] = [];
  isDestroyed = false;
  #events: ConnectionEvents | undefined;

  attach(events: ConnectionEvents): void {
    this.#events = events;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    this.heard.push(decodeHandshake(Buffer.concat(chunks))!.message);
    return true;
  }

  pause(): void {}

  resume(): void {}

  destroy(): void {
    this.isDestroyed = true;
  }

  say(bytes: Uint8Array | HandshakeMessage): void {
    this.#events?.data(bytes instanceof Uint8Array ? bytes : encodeHandshake(bytes));
  }
}

function scene(own: Identity) {
  const clock = new ManualClock();
  const connection = new MadeUpConnection();
  const channel = new Channel(connection, clock, () => {});
  const parts: HandshakeParts = { clock, timeoutMs: 1_000, own, admit: async () => {} };
  return { clock, connection, channel, parts };
}

it.each([
  ['to another hello', { nonce: OTHER_NONCE }, 'malformed'],
  ['with a version below what was offered', { version: 0 }, 'version'],
  ['with a version above what was offered', { version: 2 }, 'version'],
])('an Accept %s is refused', async (_, changes, code) => {
  const { clock, connection, channel, parts } = scene(HELLO.identity);
  const dialed = dialHandshake(channel, HELLO, parts, () => {});
  const told = expect(dialed).rejects.toMatchObject({ refusal: code, isOurs: true });
  const accept = { type: HandshakeType.Accept, version: 1, identity: identity(1) } as const;
  connection.say({ ...accept, nonce: HELLO.nonce, ...changes });
  await clock.run();
  await told;
  expect(connection.heard.at(-1)).toMatchObject({ type: HandshakeType.Refuse, code });
});

async function accepting() {
  const found = scene(identity(1));
  const accepted = acceptHandshake(
    found.channel,
    found.parts,
    () => {},
    () => {},
  );
  // Looked at later.
  accepted.catch(() => {});
  found.connection.say(HELLO);
  await found.clock.run();
  expect(found.connection.heard.at(-1)).toMatchObject({ type: HandshakeType.Accept });
  return { ...found, accepted };
}

it('a Confirm of another hello is refused', async () => {
  const { connection, accepted } = await accepting();
  connection.say({ type: HandshakeType.Confirm, nonce: OTHER_NONCE });
  await expect(accepted).rejects.toMatchObject({ refusal: 'malformed', isOurs: true });
  expect(connection.heard.at(-1)).toMatchObject({ type: HandshakeType.Refuse });
});

it('what follows the Confirm in the same moment is kept for the frames, up to a bound', async () => {
  for (const surplusBytes of [0, 1]) {
    const { connection, accepted } = await accepting();
    connection.say({ type: HandshakeType.Confirm, nonce: HELLO.nonce });
    connection.say(Buffer.alloc(HANDSHAKE_REST_BYTES_MAX));
    if (surplusBytes > 0) connection.say(Buffer.alloc(surplusBytes));
    if (surplusBytes === 0) {
      expect((await accepted).rest.length).toBe(HANDSHAKE_REST_BYTES_MAX);
    } else {
      await expect(accepted).rejects.toMatchObject({ code: 'CODEC_INVALID' });
      expect(connection.isDestroyed).toBe(true);
    }
  }
});
