/**
 * The bytes of protocol version 1 are a promise: golden bytes for each kind of frame, round trips of
 * everything, and nonsense that must be refused by name, never by a crash or a wrong value.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClusterError } from '../errors.ts';
import type { KeyValue, KvEvent } from '../state/index.ts';
import {
  decodeGetAnswer,
  decodePage,
  decodePropose,
  decodeRangeRequest,
  decodeU64,
  decodeWatchItem,
  decodeWatchRequest,
  encodeChange,
  encodeGetAnswer,
  encodeHeartbeat,
  encodePage,
  encodeProposeHead,
  encodeRangeRequest,
  encodeStarted,
  encodeU64,
  encodeWatchRequest,
  readGotItem,
} from './bodies.ts';
import { FrameSplitter } from './frame-splitter.ts';
import {
  decodeAnswer,
  decodeError,
  decodeHello,
  decodeRequest,
  decodeWelcome,
  encodeAnswerHeader,
  encodeError,
  encodeHello,
  encodeRequestHeader,
  encodeWelcome,
  OP,
} from './frames.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = (value: string): Uint8Array => Buffer.from(value);
const item: KeyValue = {
  key: text('k'),
  value: text('vv'),
  createRevision: 1,
  modRevision: 2 ** 40,
  version: 3,
};

describe('golden bytes of version 1', () => {
  const golden: [string, Uint8Array, string][] = [
    ['hello', encodeHello(1, 1), '5152544301010000'],
    ['welcome', encodeWelcome(1, { node: 'n' }), `515254430100000c${hex(text('{"node":"n"}'))}`],
    [
      'request',
      encodeRequestHeader(
        { correlation: 7, op: OP.get, local: true, timeoutMs: 500, request: undefined },
        2,
      ),
      '0000000a00000007020201f4',
    ],
    [
      'request with an id',
      encodeRequestHeader(
        {
          correlation: 8,
          op: OP.propose,
          local: false,
          timeoutMs: 0,
          request: { session: 2 ** 33, sequence: 5, acknowledgedBelow: 4 },
        },
        0,
      ),
      '000000200000000801010000000000020000000000000000000000050000000000000004',
    ],
    ['answer', encodeAnswerHeader(9, 2, 3), '0000000b0000000902000000'],
    ['result of a proposal', encodeProposeHead(258, 3), '000000000000010200000003'],
    ['get', encodeGetAnswer(undefined, 6), '000000000000000600'],
    [
      'get of an item',
      encodeGetAnswer(item, 6),
      '0000000000000006010000000000000001000001000000000000000000000000030000' +
        '00016b000000027676',
    ],
    [
      'range',
      encodeRangeRequest({ range: { start: text('a'), end: text('') }, limit: 5, keysOnly: true }),
      '000000050101000000016100000000',
    ],
    [
      'watch',
      encodeWatchRequest({ range: { start: text('a') }, credit: 16, from: 9 }),
      '00000010000000000000000900' + '0000000161',
    ],
    ['started', encodeStarted(1), '010000000000000001'],
    ['heartbeat', encodeHeartbeat(2), '030000000000000002'],
    [
      'change',
      encodeChange({ revision: 2, events: [{ kind: 'delete', key: text('k'), modRevision: 2 }] }),
      '020000000000000002000000010200000000000000020000' + '00016b',
    ],
  ];
  it.each(golden)('%s', (_name, bytes, expected) => {
    expect(hex(bytes)).toBe(expected);
  });
});

const bytes = fc.uint8Array({ maxLength: 40 });
const number = fc.maxSafeNat();
const items: fc.Arbitrary<KeyValue> = fc.record({
  key: bytes,
  value: bytes,
  createRevision: number,
  modRevision: number,
  version: number,
});
const event: fc.Arbitrary<KvEvent> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), item: items }),
  fc.record({ kind: fc.constant('delete' as const), key: bytes, modRevision: number }),
);

describe('round trips', () => {
  it('requests and answers', () => {
    const request = fc.record({
      session: fc.integer({ min: 1 }),
      sequence: fc.maxSafeNat(),
      acknowledgedBelow: fc.integer({ min: 1 }),
    });
    const header = fc.record({
      correlation: fc.nat(0xffff_ffff),
      op: fc.nat(255),
      local: fc.boolean(),
      timeoutMs: fc.nat(65_535),
      request: fc.option(request, { nil: undefined }),
    });
    fc.assert(
      fc.property(header, bytes, (head, body) => {
        const frame = Buffer.concat([encodeRequestHeader(head, body.length), body]);
        const decoded = decodeRequest(frame.subarray(4));
        expect(decoded).toEqual({ ...head, body: Buffer.from(body) });
        expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
      }),
    );
  });

  it('pages, changes and what else has a body', () => {
    fc.assert(
      fc.property(
        fc.array(items, { maxLength: 5 }),
        number,
        fc.boolean(),
        (all, revision, more) => {
          const page = { items: all, revision, more };
          expect(decodePage(encodePage(page))).toEqual(page);
          const first = all[0];
          expect(decodeGetAnswer(encodeGetAnswer(first, revision))).toEqual({
            item: first,
            revision,
          });
          expect(decodeU64(encodeU64(revision))).toBe(revision);
        },
      ),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 5 }), number, bytes, (events, revision, key) => {
        const change = { revision, events };
        expect(decodeWatchItem(encodeChange(change))).toEqual({ kind: 'change', change });
        const watch = { range: { start: key, end: key }, credit: 9, from: revision };
        expect(decodeWatchRequest(encodeWatchRequest(watch))).toEqual(watch);
      }),
    );
  });

  it('errors keep code, words, details and retryable', () => {
    const error = new ClusterError('NO_LEADER', 'none', { details: { term: 3 } });
    expect(decodeError(encodeError(error)).toJSON()).toEqual(error.toJSON());
    const newer = decodeError(text('{"code":"OF_TOMORROW","message":"m","retryable":"yes"}'));
    expect(newer).toMatchObject({
      code: 'INTERNAL',
      retryable: 'yes',
      details: { code: 'OF_TOMORROW' },
    });
  });
});

describe('nonsense', () => {
  const decoders: [string, (input: Uint8Array) => unknown][] = [
    ['decodeRequest', decodeRequest],
    ['decodeAnswer', decodeAnswer],
    ['decodeHello', decodeHello],
    ['decodeWelcome', decodeWelcome],
    ['decodePropose', decodePropose],
    ['decodeGetAnswer', decodeGetAnswer],
    ['decodePage', decodePage],
    ['decodeRangeRequest', decodeRangeRequest],
    ['decodeWatchRequest', decodeWatchRequest],
    ['decodeWatchItem', decodeWatchItem],
    ['decodeU64', decodeU64],
  ];
  it.each(decoders)('%s refuses it by name or understands it', (_name, decode) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
        try {
          decode(input);
        } catch (error) {
          expect(error).toMatchObject({ code: 'CODEC_INVALID' });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('refuses numbers beyond 2^53 - 1, cut frames, bytes too many and unknown flags', () => {
    const code = { code: 'CODEC_INVALID' };
    const refused = (run: () => unknown) => expect(run).toThrow(expect.objectContaining(code));
    refused(() => decodeU64(Buffer.from('0020000000000000', 'hex')));
    refused(() => decodeU64(Buffer.from('00000000000000', 'hex')));
    refused(() => decodeU64(Buffer.from('000000000000000000', 'hex')));
    refused(() => decodeRequest(Buffer.from('0000000702040000', 'hex')));
  });
});

describe('the item of a get, read in place', () => {
  const bytes = fc.uint8Array({ maxLength: 80 });
  const number = fc.maxSafeNat();
  const items: fc.Arbitrary<KeyValue> = fc.record({
    key: bytes,
    value: bytes,
    createRevision: number,
    modRevision: number,
    version: number,
  });
  const meaning = (make: () => unknown): unknown => {
    try {
      return make();
    } catch (error) {
      return error instanceof ClusterError ? error.code : error;
    }
  };

  it('is what the general way decodes, or the same refusal, wherever it lies and whatever is wrong', () => {
    fc.assert(
      fc.property(
        fc.option(items, { nil: undefined }),
        fc.nat({ max: 9 }),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 2 }),
        fc.integer({ min: -3, max: 3 }),
        (item, before, faults, more) => {
          const good = encodeGetAnswer(item, 7);
          for (const [at, byte] of faults) good[at % good.length] = byte;
          const body = Buffer.alloc(Math.max(0, good.length + more));
          good.copy(body);
          const chunk = Buffer.concat([Buffer.alloc(before, 1), body, Buffer.alloc(50, 2)]);
          const there = meaning(() => readGotItem(chunk, before, before + body.length));
          expect(there).toEqual(meaning(() => decodeGetAnswer(body).item));
          if (faults.length === 0 && more === 0) expect(there).toEqual(item);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('is a copy', () => {
    const chunk = encodeGetAnswer(item, 7);
    const got = readGotItem(chunk, 0, chunk.length);
    chunk.fill(0);
    expect(got).toEqual(decodeGetAnswer(encodeGetAnswer(item, 7)).item);
    expect(got?.value.buffer).not.toBe(chunk.buffer);
  });
});

describe('FrameSplitter', () => {
  it('gives back the frames however the bytes are cut', () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 });
    fc.assert(
      fc.property(
        frames,
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        fc.integer({ min: 1, max: 5 }),
        (all, cuts, chunksAtOnce) => {
          const stream = Buffer.concat(
            all.flatMap((body) => {
              const length = Buffer.alloc(4);
              length.writeUInt32BE(body.length);
              return [length, Buffer.from(body)];
            }),
          );
          const splitter = new FrameSplitter(50);
          const out: Buffer[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const size = cuts[turn % cuts.length]!;
            splitter.push(stream.subarray(at, at + size));
            at += size;
            if (turn % chunksAtOnce !== 0 && at < stream.length) continue;
            for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) {
              out.push(frame);
            }
          }
          expect(out.map(hex)).toEqual(all.map(hex));
        },
      ),
    );
  });

  it('does not believe a length beyond its bound', () => {
    const splitter = new FrameSplitter(10);
    splitter.push(Buffer.from('0000000b', 'hex'));
    expect(() => splitter.next()).toThrow(/claims 11 bytes; at most 10/);
  });
});

describe('text of a server that is JSON, and nothing that was agreed on', () => {
  it.each(['null', '7', '"NO_LEADER"', '{', ''])('%s is an error by code', (text) => {
    expect(decodeError(Buffer.from(text)).code).toBe('CODEC_INVALID');
    const welcome = encodeWelcome(1, {});
    const body = Buffer.from(text);
    welcome.writeUInt16BE(body.length, 6);
    const bytes = Buffer.concat([welcome.subarray(0, 8), body]);
    const refusal = expect.objectContaining({ code: 'CODEC_INVALID' });
    expect(() => decodeWelcome(bytes)).toThrow(refusal);
  });
});
