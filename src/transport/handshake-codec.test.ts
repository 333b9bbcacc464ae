import { describe, expect, it } from 'vitest';

import { HANDSHAKE_BYTES_MAX } from '../limits.ts';
import {
  decodeHandshake,
  encodeHandshake,
  type HandshakeMessage,
  HandshakeType,
  type Identity,
} from './handshake-codec.ts';

const IDENTITY: Identity = {
  clusterName: 'orders',
  clusterId: 'c-1',
  nodeId: 'n1',
  raftId: 258,
  incarnation: 'i-1',
  address: 'h:7400',
  session: '000102030405060708090a0b0c0d0e0f',
};
const NONCE = 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff';

const MESSAGES: Readonly<Record<string, HandshakeMessage>> = {
  hello: {
    type: HandshakeType.Hello,
    versionMin: 1,
    versionMax: 3,
    identity: IDENTITY,
    purpose: 'bulk',
    nonce: NONCE,
    target: 2,
    lost: undefined,
  },
  accept: { type: HandshakeType.Accept, version: 1, identity: IDENTITY, nonce: NONCE },
  confirm: { type: HandshakeType.Confirm, nonce: NONCE },
  refuse: { type: HandshakeType.Refuse, code: 'cluster-id', text: 'why', holding: undefined },
};

const IDENTITY_BYTES =
  '0200066f7264657273030003632d310400026e31050008000000000000010206000369' +
  '2d31070006683a37343030080010000102030405060708090a0b0c0d0e0f';

/** This form never changes; see the head of handshake-codec.ts. */
const GOLDEN: Readonly<Record<string, string>> = {
  hello:
    '51554f520100006a347e795801000400010003' +
    IDENTITY_BYTES +
    '090001010a0010f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff0b00080000000000000002',
  accept:
    '51554f5202000059842cc0220d00020001' +
    IDENTITY_BYTES +
    '0a0010f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
  confirm: '51554f52030000133d1f440f0a0010f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
  refuse: '51554f520400001303d930af0e000a636c75737465722d69640f0003776879',
};

function bytesOf(message: HandshakeMessage): Buffer {
  return Buffer.from(encodeHandshake(message));
}

describe('the bytes of a handshake', () => {
  for (const [name, message] of Object.entries(MESSAGES)) {
    it(`golden bytes: ${name}`, () => {
      expect(bytesOf(message).toString('hex')).toBe(GOLDEN[name]);
      expect(decodeHandshake(Buffer.from(GOLDEN[name]!, 'hex'))?.message).toEqual(message);
    });

    it(`${name} is incomplete until its last byte`, () => {
      const bytes = bytesOf(message);
      for (let length = 0; length < bytes.length; length++) {
        expect(decodeHandshake(bytes.subarray(0, length))).toBeUndefined();
      }
      const found = decodeHandshake(Buffer.concat([bytes, Buffer.from('rest')]));
      expect(found?.length).toBe(bytes.length);
    });
  }

  it('garbage is told from the first wrong byte', () => {
    expect(() => decodeHandshake(Buffer.from('G'))).toThrow('something else speaks on this port');
    expect(() => decodeHandshake(Buffer.from('QUOT'))).toThrow('malformed');
  });

  it('a length beyond the limit is refused before anything is kept', () => {
    const bytes = bytesOf(MESSAGES['confirm']!);
    bytes.writeUInt16BE(0xffff, 6);
    expect(() => decodeHandshake(bytes)).toThrow('claims 65547 bytes');
    expect(HANDSHAKE_BYTES_MAX).toBeLessThan(65_547);
  });

  it('a flipped bit in the body is noticed', () => {
    const bytes = bytesOf(MESSAGES['hello']!);
    bytes[20]! ^= 1;
    expect(() => decodeHandshake(bytes)).toThrow('checksum');
  });

  it('fields that are not known are skipped; a missing one is named', async () => {
    const { crc32 } = await import('node:zlib');
    const good = bytesOf(MESSAGES['confirm']!);
    const body = Buffer.concat([good.subarray(12), Buffer.from([200, 0, 2, 1, 2])]);
    const bytes = Buffer.concat([good.subarray(0, 12), body]);
    bytes.writeUInt16BE(body.length, 6);
    bytes.writeUInt32BE(crc32(body), 8);
    expect(decodeHandshake(bytes)?.message).toEqual(MESSAGES['confirm']);
    bytes[4] = HandshakeType.Accept;
    expect(() => decodeHandshake(bytes)).toThrow('its version is missing');
  });

  it('a refusal of any length fits', () => {
    const text = 'ü'.repeat(10_000);
    const bytes = bytesOf({ type: HandshakeType.Refuse, code: 'rejected', text, holding: NONCE });
    expect(bytes.length).toBeLessThan(HANDSHAKE_BYTES_MAX);
    const message = decodeHandshake(bytes)?.message;
    expect(message?.type === HandshakeType.Refuse && text.startsWith(message.text)).toBe(true);
  });
});
