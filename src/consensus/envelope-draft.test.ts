/** The envelope under construction: the same bytes as one that is encoded whole, and bounds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BATCH_BYTES_MAX } from '../limits.ts';
import { CommandKind, encodeEnvelope, encodePart } from './envelope.ts';
import { EnvelopeDrafts } from './envelope-draft.ts';

const { Application } = CommandKind;

describe('the envelope under construction', () => {
  it('has the bytes of one that was encoded whole, whatever was in its room before', () => {
    const drafts = new EnvelopeDrafts();
    const request = fc.option(fc.record({ session: fc.nat(), sequence: fc.nat() }));
    const part = fc.record({ body: fc.uint8Array({ maxLength: 3_000 }), request });
    const given = fc.array(part, { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(given, (parts) => {
        const encoded = parts.map((it) =>
          encodePart(Application, it.body, it.request ?? undefined),
        );
        let draft = drafts.add(Application, parts[0]!.body, parts[0]!.request ?? undefined);
        for (const it of encoded.slice(1)) draft = drafts.addPart(it);
        drafts.close();
        const bytes = encoded.reduce((sum, { length }) => sum + length, 0);
        expect(draft.count).toBe(parts.length);
        expect(Buffer.compare(draft.bytes, encodeEnvelope(encoded, bytes))).toBe(0);
      }),
    );
  });

  it('holds a batch at most, or one command, and is not changed by what comes after it', () => {
    const drafts = new EnvelopeDrafts();
    const half = new Uint8Array(BATCH_BYTES_MAX / 2).fill(1);
    const first = drafts.add(Application, half, undefined);
    const second = drafts.add(Application, half, undefined);
    expect(second).not.toBe(first);
    const before = Buffer.from(first.bytes);
    const huge = drafts.add(Application, new Uint8Array(4 * BATCH_BYTES_MAX).fill(2), undefined);
    drafts.close();
    const small = drafts.add(Application, Uint8Array.of(3), undefined);
    drafts.close();
    expect([first, second, huge, small].map(({ count }) => count)).toEqual([1, 1, 1, 1]);
    expect(Buffer.compare(first.bytes, before)).toBe(0);
    expect(huge.bytes.length).toBe(huge.length);
    expect(
      Buffer.compare(
        small.bytes,
        encodeEnvelope([encodePart(Application, Uint8Array.of(3), undefined)], 9),
      ),
    ).toBe(0);
  });

  it('keeps no more memory alive than its commands need', () => {
    const drafts = new EnvelopeDrafts();
    const draft = drafts.add(Application, new Uint8Array(100), undefined);
    drafts.close();
    expect(draft.bytes.buffer.byteLength).toBe(draft.length);
  });
});
