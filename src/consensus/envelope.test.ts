/** The bytes of log entries: golden, round trip, and refusal of what does not fit. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommandKind, decodeEnvelope, encodeEnvelope, encodePart } from './envelope.ts';

function envelopeOf(parts: Uint8Array[]): Uint8Array {
  return encodeEnvelope(
    parts,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
}

const partArbitrary = fc.record({
  body: fc.uint8Array({ maxLength: 64 }),
  request: fc.option(
    fc.record({
      session: fc.maxSafeNat(),
      sequence: fc.maxSafeNat(),
      acknowledgedBelow: fc.maxSafeNat(),
    }),
    { nil: undefined },
  ),
});

describe('envelope', () => {
  it('has the bytes that version 1 was given', () => {
    const request = { session: 2, sequence: 3, acknowledgedBelow: 1 };
    const bytes = envelopeOf([
      encodePart(CommandKind.Application, Buffer.from('hi'), undefined),
      encodePart(CommandKind.Application, Buffer.from('yo'), request),
    ]);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      `0100000002000000${'0100000002000000'}6869${'0101000002000000'}` +
        `${'0000000000000040'}${'0000000000000840'}${'000000000000f03f'}796f`,
    );
  });

  it('comes back as it went in', () => {
    fc.assert(
      fc.property(fc.array(partArbitrary, { maxLength: 8 }), (items) => {
        const parts = items.map(({ body, request }) =>
          encodePart(CommandKind.Application, body, request),
        );
        const decoded = decodeEnvelope(envelopeOf(parts));
        expect(decoded.map(({ request }) => request)).toEqual(items.map((it) => it.request));
        expect(decoded.map(({ body }) => Buffer.from(body))).toEqual(
          items.map(({ body }) => Buffer.from(body)),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('refuses an unknown version or kind instead of skipping it', () => {
    const bytes = envelopeOf([encodePart(CommandKind.Application, Buffer.from('x'), undefined)]);
    const newer = bytes.slice();
    newer[0] = 2;
    expect(() => decodeEnvelope(newer)).toThrow(/envelope version 2, this node knows 1/);
    const unknown = bytes.slice();
    unknown[8] = 99;
    expect(() => decodeEnvelope(unknown)).toThrow(/kind 99/);
  });

  it('refuses every cut, and never hangs or over-allocates on garbage', () => {
    const request = { session: 2, sequence: 3, acknowledgedBelow: 1 };
    const bytes = envelopeOf([encodePart(CommandKind.Application, Buffer.from('abc'), request)]);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeEnvelope(bytes.subarray(0, length))).toThrow();
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        try {
          decodeEnvelope(Uint8Array.of(1, ...garbage));
        } catch (error) {
          expect(error).toHaveProperty('code');
        }
      }),
      { numRuns: 300 },
    );
  });
});
