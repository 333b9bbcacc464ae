import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../errors.ts';
import {
  encodeRejection,
  KV_REJECTION_CODES,
  type Rejection,
  resultToError,
} from './rejections.ts';
import { decodeResult, encodeResult, unwrapResult } from './result-codec.ts';
import { bytes } from './state.fixture.ts';
import type { KvResult } from './types.ts';

const ITEM = { key: bytes('k'), value: bytes('v'), createRevision: 3, modRevision: 9, version: 2 };

const RESULTS: KvResult[] = [
  { kind: 'put', revision: 300 },
  { kind: 'delete', revision: 1, deleted: 0 },
  { kind: 'compareAndSet', revision: 1, swapped: true },
  { kind: 'compareAndSet', revision: 1, swapped: false, actual: bytes('') },
  { kind: 'compareAndSet', revision: 1, swapped: false },
  { kind: 'increment', revision: 1, value: -(2n ** 63n) },
  { kind: 'compact', revision: 5 },
  {
    kind: 'transaction',
    revision: 5,
    succeeded: true,
    steps: [
      { kind: 'put' },
      { kind: 'delete', deleted: 4 },
      { kind: 'increment', value: 7n },
      { kind: 'get', items: [ITEM, { ...ITEM, key: bytes('l') }], more: true },
    ],
  },
];

describe('the codec of results', () => {
  it.each(RESULTS.map((result) => [result.kind, result] as const))(
    '%s comes back',
    (_kind, result) => {
      const encoded = encodeResult(result);
      expect(encoded.code).toBe(0);
      expect(unwrapResult(encoded)).toEqual(result);
      for (let length = 0; length < encoded.bytes.length; length++) {
        expect(() => decodeResult(encoded.bytes.subarray(0, length))).toThrow(
          expect.objectContaining({ code: 'CODEC_INVALID' }),
        );
      }
    },
  );

  it('the bytes are these, for ever (golden)', () => {
    const hex = RESULTS.map((result) => Buffer.from(encodeResult(result).bytes).toString('hex'));
    expect(hex).toEqual([
      '0101ac02',
      '01020100',
      '0103010100',
      '010301000100',
      '0103010000',
      '0104010000000000000080',
      '010605',
      '0105050104' +
        '01' +
        '0204' +
        '030700000000000000' +
        '040102' +
        '030902016b0176' +
        '030902016c0176',
    ]);
  });

  it('fuzz: any bytes are a result or CODEC_INVALID', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (input) => {
        try {
          const result = decodeResult(Uint8Array.from([1, ...input]));
          expect(encodeResult(result).bytes).toEqual(Uint8Array.from([1, ...input]));
        } catch (error) {
          expect(error).toMatchObject({ code: 'CODEC_INVALID' });
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('does not share memory with the bytes that it was read from', () => {
    const encoded = Buffer.from(encodeResult(RESULTS[7] as KvResult).bytes);
    const decoded = decodeResult(encoded);
    encoded.fill(0);
    expect(decoded).toEqual(RESULTS[7]);
  });
});

describe('rejections', () => {
  it('each code is an error code, small, and used once', () => {
    const numbers = Object.values(KV_REJECTION_CODES);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7]);
    for (const code of Object.keys(KV_REJECTION_CODES)) expect(ERROR_CODES).toHaveProperty(code);
  });

  it('carry facts, and become an error that names them', () => {
    const rejection: Rejection = {
      code: 'NOT_A_NUMBER',
      list: 'then',
      index: 3,
      field: 'by',
      key: bytes('counter'),
    };
    const result = encodeRejection(rejection);
    expect(result.code).toBe(4);
    expect(Buffer.from(result.bytes).toString('hex')).toBe('010203070000' + '0107636f756e746572');
    expect(resultToError(result)).toMatchObject({
      code: 'NOT_A_NUMBER',
      message: expect.stringMatching(/"counter".*then\[3\]\.by/),
      details: { field: 'then[3].by', key: '"counter"' },
    });
    expect(() => unwrapResult(result)).toThrow(expect.objectContaining({ code: 'NOT_A_NUMBER' }));
  });

  it('each code has a sentence of its own', () => {
    const at = { list: 'command', index: 0, field: 'revision', actual: 7, bound: 5 } as const;
    const sentences = Object.keys(KV_REJECTION_CODES).map((code) => {
      const result = encodeRejection({ code: code as Rejection['code'], ...at });
      return resultToError(result)?.message;
    });
    expect(new Set(sentences).size).toBe(sentences.length);
    expect(sentences).toContain('revision is 7, but the newest revision is 5');
  });

  it('an unknown code, or bytes that do not decode, are CODEC_INVALID; 0 is no error', () => {
    expect(resultToError({ code: 0, bytes: bytes('') })).toBeUndefined();
    expect(resultToError({ code: 99, bytes: bytes('') })).toMatchObject({ code: 'CODEC_INVALID' });
    expect(() => resultToError({ code: 1, bytes: bytes('') })).toThrow(
      expect.objectContaining({ code: 'CODEC_INVALID' }),
    );
  });
});
