/**
 * The bytes of a handshake: who I am, who are you, do we speak the same language.
 *
 *     0  u32  magic "QUOR"
 *     4  u8   type (HandshakeType)
 *     5  u8   0
 *     6  u16  length of the body
 *     8  u32  crc32 of the body
 *    12  body: fields { u8 tag | u16 length | bytes }, in any order, each at most once
 *
 * This form never changes, whatever the versions of frames and messages do: it is how two nodes find
 * out that they have no version in common. A reader skips tags that it does not know, so fields can
 * be added; a field that is missing or too long is an error that names it. The dialer sends Hello;
 * the answer is Accept or Refuse; the dialer ends it with Confirm or Refuse. Everything is bounded by
 * HANDSHAKE_BYTES_MAX, since until the end of it we talk to a stranger.
 */
import { crc32 } from 'node:zlib';

import { assert, ClusterError } from '../errors.ts';
import { HANDSHAKE_BYTES_MAX } from '../limits.ts';
import type { RaftId } from '../raft/index.ts';

export const HandshakeType = { Hello: 1, Accept: 2, Confirm: 3, Refuse: 4 } as const;
export type HandshakeType = (typeof HandshakeType)[keyof typeof HandshakeType];

/** What a connection is for. */
export type Purpose = 'messages' | 'bulk';
const PURPOSES: readonly Purpose[] = ['messages', 'bulk'];

/** Why a handshake is refused: a stable name, for people and for tests. */
export const REFUSAL_CODES = [
  'version',
  'cluster-name',
  'cluster-id',
  'self',
  'identity',
  'wrong-node',
  'unknown-node',
  'incarnation',
  'twin',
  'removed',
  'rejected',
  'duplicate',
  'busy',
  'malformed',
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** A node as it presents itself. */
export interface Identity {
  readonly clusterName: string;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly raftId: RaftId;
  readonly incarnation: string;
  readonly address: string;
  /**
   * Minted at each start of a transport: two of them are never the same process life. Two that live at
   * the same time under one raft id are twins: see `outlive` in remote-peer.ts.
   */
  readonly session: string;
}

export interface Hello {
  readonly type: typeof HandshakeType.Hello;
  readonly versionMin: number;
  readonly versionMax: number;
  readonly identity: Identity;
  readonly purpose: Purpose;
  /** Names this connection. */
  readonly nonce: string;
  /** The raft id that the dialer wants to talk to. */
  readonly target: RaftId;
  /** A connection that the other side holds and that the dialer knows nothing of (see remote-peer.ts). */
  readonly lost: string | undefined;
}

export interface Accept {
  readonly type: typeof HandshakeType.Accept;
  readonly version: number;
  readonly identity: Identity;
  /** The dialer's, as proof that this answers this hello. */
  readonly nonce: string;
}

export interface Confirm {
  readonly type: typeof HandshakeType.Confirm;
  readonly nonce: string;
}

export interface Refuse {
  readonly type: typeof HandshakeType.Refuse;
  readonly code: string;
  readonly text: string;
  /** With code `duplicate`: the connection that is used instead. */
  readonly holding: string | undefined;
}

export type HandshakeMessage = Hello | Accept | Confirm | Refuse;

const MAGIC = 0x51554f52;
const HEADER_BYTES = 12;
export const NONCE_BYTES = 16;

const Tag = {
  Versions: 1,
  ClusterName: 2,
  ClusterId: 3,
  NodeId: 4,
  RaftId: 5,
  Incarnation: 6,
  Address: 7,
  Session: 8,
  Purpose: 9,
  Nonce: 10,
  Target: 11,
  Lost: 12,
  Version: 13,
  Code: 14,
  Text: 15,
  Holding: 16,
} as const;

const TEXT_BYTES_MAX = 512;

export function encodeHandshake(message: HandshakeMessage): Uint8Array {
  const fields = new FieldWriter();
  switch (message.type) {
    case HandshakeType.Hello:
      fields.u16s(Tag.Versions, [message.versionMin, message.versionMax]);
      writeIdentity(fields, message.identity);
      fields.bytes(Tag.Purpose, Buffer.from([PURPOSES.indexOf(message.purpose)]));
      fields.nonce(Tag.Nonce, message.nonce);
      fields.id(Tag.Target, message.target);
      if (message.lost !== undefined) fields.nonce(Tag.Lost, message.lost);
      break;
    case HandshakeType.Accept:
      fields.u16s(Tag.Version, [message.version]);
      writeIdentity(fields, message.identity);
      fields.nonce(Tag.Nonce, message.nonce);
      break;
    case HandshakeType.Confirm:
      fields.nonce(Tag.Nonce, message.nonce);
      break;
    case HandshakeType.Refuse:
      fields.text(Tag.Code, message.code);
      fields.text(Tag.Text, cut(message.text));
      if (message.holding !== undefined) fields.nonce(Tag.Holding, message.holding);
      break;
  }
  const body = fields.done();
  const bytes = Buffer.alloc(HEADER_BYTES + body.length);
  assert(bytes.length <= HANDSHAKE_BYTES_MAX, 'a handshake is too long', { bytes: bytes.length });
  bytes.writeUInt32BE(MAGIC, 0);
  bytes[4] = message.type;
  bytes.writeUInt16BE(body.length, 6);
  bytes.writeUInt32BE(crc32(body), 8);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** A refusal's text may quote anything; it is cut to what every reader takes. */
function cut(text: string): string {
  let short = text;
  while (Buffer.byteLength(short) > TEXT_BYTES_MAX) {
    short = short.slice(0, Math.floor(short.length * 0.9));
  }
  return short;
}

function writeIdentity(fields: FieldWriter, identity: Identity): void {
  fields.text(Tag.ClusterName, identity.clusterName);
  fields.text(Tag.ClusterId, identity.clusterId);
  fields.text(Tag.NodeId, identity.nodeId);
  fields.id(Tag.RaftId, identity.raftId);
  fields.text(Tag.Incarnation, identity.incarnation);
  fields.text(Tag.Address, identity.address);
  fields.nonce(Tag.Session, identity.session);
}

/**
 * The message at the start of `bytes`, and how long it is; `undefined` while it is incomplete.
 * Garbage is told from the first byte that is wrong.
 * @throws ClusterError CODEC_INVALID.
 */
export function decodeHandshake(
  bytes: Buffer,
): { readonly message: HandshakeMessage; readonly length: number } | undefined {
  const magic = Buffer.alloc(4);
  magic.writeUInt32BE(MAGIC);
  const known = Math.min(bytes.length, magic.length);
  if (!bytes.subarray(0, known).equals(magic.subarray(0, known))) {
    throw malformed('it does not begin like one; something else speaks on this port');
  }
  if (bytes.length < HEADER_BYTES) return undefined;
  const length = HEADER_BYTES + bytes.readUInt16BE(6);
  if (length > HANDSHAKE_BYTES_MAX) throw malformed(`it claims ${length} bytes`);
  if (bytes.length < length) return undefined;
  const body = bytes.subarray(HEADER_BYTES, length);
  if (crc32(body) !== bytes.readUInt32BE(8)) throw malformed('its checksum does not match');
  return { message: readMessage(bytes[4]!, new FieldReader(body)), length };
}

function readMessage(type: number, fields: FieldReader): HandshakeMessage {
  switch (type) {
    case HandshakeType.Hello: {
      const versions = fields.u16s(Tag.Versions, 2);
      const purpose = PURPOSES[fields.take(Tag.Purpose, 'purpose')[0] ?? -1];
      if (purpose === undefined) throw malformed('its purpose is not known');
      return {
        type,
        versionMin: versions[0]!,
        versionMax: versions[1]!,
        identity: readIdentity(fields),
        purpose,
        nonce: fields.nonce(Tag.Nonce),
        target: fields.id(Tag.Target),
        lost: fields.has(Tag.Lost) ? fields.nonce(Tag.Lost) : undefined,
      };
    }
    case HandshakeType.Accept:
      return {
        type,
        version: fields.u16s(Tag.Version, 1)[0]!,
        identity: readIdentity(fields),
        nonce: fields.nonce(Tag.Nonce),
      };
    case HandshakeType.Confirm:
      return { type, nonce: fields.nonce(Tag.Nonce) };
    case HandshakeType.Refuse:
      return {
        type,
        code: fields.text(Tag.Code, 'code'),
        text: fields.text(Tag.Text, 'text'),
        holding: fields.has(Tag.Holding) ? fields.nonce(Tag.Holding) : undefined,
      };
    default:
      throw malformed(`its type ${type} is not known`);
  }
}

function readIdentity(fields: FieldReader): Identity {
  return {
    clusterName: fields.text(Tag.ClusterName, 'cluster name'),
    clusterId: fields.text(Tag.ClusterId, 'cluster id'),
    nodeId: fields.text(Tag.NodeId, 'node id'),
    raftId: fields.id(Tag.RaftId),
    incarnation: fields.text(Tag.Incarnation, 'incarnation'),
    address: fields.text(Tag.Address, 'address'),
    session: fields.nonce(Tag.Session),
  };
}

class FieldWriter {
  readonly #chunks: Uint8Array[] = [];

  bytes(tag: number, value: Uint8Array): void {
    assert(value.length <= TEXT_BYTES_MAX, 'a field of a handshake is too long', { tag });
    const head = Buffer.alloc(3);
    head[0] = tag;
    head.writeUInt16BE(value.length, 1);
    this.#chunks.push(head, value);
  }

  text(tag: number, value: string): void {
    this.bytes(tag, Buffer.from(value));
  }

  nonce(tag: number, hex: string): void {
    const value = Buffer.from(hex, 'hex');
    assert(value.length === NONCE_BYTES, 'a nonce has the wrong length', { tag });
    this.bytes(tag, value);
  }

  id(tag: number, value: RaftId): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a raft id is no safe integer', { value });
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(value));
    this.bytes(tag, bytes);
  }

  u16s(tag: number, values: readonly number[]): void {
    const bytes = Buffer.alloc(values.length * 2);
    for (const [at, value] of values.entries()) bytes.writeUInt16BE(value, at * 2);
    this.bytes(tag, bytes);
  }

  done(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

class FieldReader {
  readonly #fields = new Map<number, Buffer>();

  constructor(body: Buffer) {
    let offset = 0;
    while (offset < body.length) {
      if (offset + 3 > body.length) throw malformed('a field is cut off');
      const tag = body[offset]!;
      const start = offset + 3;
      const end = start + body.readUInt16BE(offset + 1);
      if (end > body.length) throw malformed(`field ${tag} is cut off`);
      if (this.#fields.has(tag)) throw malformed(`field ${tag} is there twice`);
      this.#fields.set(tag, body.subarray(start, end));
      offset = end;
    }
  }

  has(tag: number): boolean {
    return this.#fields.has(tag);
  }

  take(tag: number, name: string): Buffer {
    const value = this.#fields.get(tag);
    if (value === undefined) throw malformed(`its ${name} is missing`);
    if (value.length > TEXT_BYTES_MAX) throw malformed(`its ${name} is too long`);
    return value;
  }

  text(tag: number, name: string): string {
    return this.take(tag, name).toString();
  }

  nonce(tag: number): string {
    const value = this.take(tag, `nonce ${tag}`);
    if (value.length !== NONCE_BYTES) throw malformed(`nonce ${tag} has ${value.length} bytes`);
    return value.toString('hex');
  }

  id(tag: number): RaftId {
    const value = this.take(tag, `raft id ${tag}`);
    if (value.length !== 8) throw malformed(`raft id ${tag} has ${value.length} bytes`);
    const id = value.readBigUInt64BE();
    if (id === 0n || id > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(`raft id ${id}`);
    return Number(id);
  }

  u16s(tag: number, count: number): number[] {
    const value = this.take(tag, 'version');
    if (value.length !== count * 2) throw malformed(`version ${tag} has ${value.length} bytes`);
    return Array.from({ length: count }, (_, at) => value.readUInt16BE(at * 2));
  }
}

function malformed(what: string): ClusterError {
  return new ClusterError('CODEC_INVALID', `the handshake is malformed: ${what}`);
}
