import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClusterError } from '../errors.ts';
import { COMMAND_BYTES_MAX } from '../limits.ts';
import { decodeCommand, encodeCommand, isLaterCommand } from './command-codec.ts';
import { anyCommand, bytes, put, tooLong } from './state.fixture.ts';
import type { KvCommand } from './types.ts';

function problemOf(input: Uint8Array): ClusterError {
  try {
    decodeCommand(input);
  } catch (error) {
    if (error instanceof ClusterError) return error;
    throw error;
  }
  throw new Error('it decodes');
}

describe('the codec of commands', () => {
  it('every command comes back as it was', () => {
    fc.assert(
      fc.property(anyCommand, (command) => {
        const encoded = encodeCommand(command);
        expect(isLaterCommand(encoded)).toBe(false);
        expect(decodeCommand(encoded)).toEqual(command);
      }),
    );
  });

  it('the bytes are these, for ever (golden)', () => {
    const hex = (command: KvCommand): string => Buffer.from(encodeCommand(command)).toString('hex');
    const key = bytes('k');
    expect(hex(put('k', 'v1'))).toBe('010101016b027631');
    expect(hex({ kind: 'delete', range: { start: key } })).toBe('010102016b00');
    expect(hex({ kind: 'delete', range: { start: key, end: bytes('z') } })).toBe(
      '010102016b01017a',
    );
    expect(hex({ kind: 'compareAndSet', key, value: bytes('b') })).toBe('010103016b000162');
    expect(hex({ kind: 'compareAndSet', key, expected: bytes('a'), value: bytes('b') })).toBe(
      '010103016b0101610162',
    );
    expect(hex({ kind: 'increment', key, by: -2n })).toBe('010104016bfeffffffffffffff');
    expect(hex({ kind: 'compact', revision: 300 })).toBe('010106ac02');
    const transaction: KvCommand = {
      kind: 'transaction',
      compare: [
        { key, target: 'value', operator: 'notEqual', operand: bytes('a') },
        { key, target: 'modRevision', operator: 'less', operand: 5 },
      ],
      then: [
        { kind: 'put', key, value: bytes('v') },
        { kind: 'get', range: { start: key }, limit: 3 },
      ],
      else: [
        { kind: 'delete', range: { start: key } },
        { kind: 'increment', key, by: 1n },
        { kind: 'get', range: { start: key } },
      ],
    };
    expect(hex(transaction)).toBe(
      '01010502' +
        '016b01020161' +
        '016b040305' +
        '02' +
        '01016b0176' +
        '04016b0003' +
        '03' +
        '02016b00' +
        '03016b0100000000000000' +
        '04016b0000',
    );
  });

  it('bytes that are cut off or go on are refused, whatever they are', () => {
    fc.assert(
      fc.property(anyCommand, fc.nat(), (command, position) => {
        const encoded = encodeCommand(command);
        const cut = encoded.subarray(0, position % encoded.length);
        expect(problemOf(cut).code).toBe('REQUEST_INVALID');
        const longer = Uint8Array.from([...encoded, 0]);
        expect(problemOf(longer).code).toBe('REQUEST_INVALID');
      }),
    );
  });

  it('fuzz: any bytes are a command or REQUEST_INVALID, and never anything else', () => {
    const begun = fc
      .tuple(fc.integer({ min: 1, max: 6 }), fc.uint8Array({ maxLength: 60 }))
      .map(([kind, rest]) => Uint8Array.from([1, 1, kind, ...rest]));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), begun), (input) => {
        try {
          const command = decodeCommand(input);
          expect(encodeCommand(command)).toEqual(new Uint8Array(input));
        } catch (error) {
          expect(error).toMatchObject({ code: 'REQUEST_INVALID' });
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('a command of a later version is told apart from what makes no sense to any', () => {
    for (const hex of ['010201', '0102', '01ff010161', '01020000']) {
      expect(isLaterCommand(Buffer.from(hex, 'hex'))).toBe(true);
      expect(problemOf(Buffer.from(hex, 'hex')).details['later']).toBe(true);
    }
    // Nothing, another tag, version 0, kinds 0, 7 and 255; an unknown target, operator, kind of step.
    const senseless = [
      '',
      '01',
      '02',
      '020201',
      '010001',
      '010100',
      '010107',
      '0101ff',
      '0101010161',
    ];
    const parts = ['01010501016b09010161', '01010501016b01090161', '010105000109'];
    for (const hex of [...senseless, ...parts]) {
      expect(isLaterCommand(Buffer.from(hex, 'hex'))).toBe(false);
      expect(problemOf(Buffer.from(hex, 'hex')).details['later']).not.toBe(true);
    }
  });

  it('what is no command is not encoded, and the field is named', () => {
    const key = bytes('k');
    const range = { start: key };
    const steps = (step: unknown): unknown => ({
      kind: 'transaction',
      compare: [],
      then: [step],
      else: [],
    });
    const cases: [unknown, RegExp][] = [
      [undefined, /^command is missing: give an object with a kind: put, delete/],
      [null, /^command is null/],
      ['put', /^command is "put"/],
      [{}, /^kind is missing: give one of put, delete, compareAndSet/],
      [{ type: 'put', key, value: key }, /^kind is missing/],
      [{ kind: 'bogus' }, /^kind is "bogus": give one of put/],
      [{ kind: 'toString' }, /^kind is "toString"/],
      [{ kind: 'put', key: 'a', value: 'b' }, /^key is "a": give a Uint8Array.*Buffer\.from/],
      [{ kind: 'put', key, value: 5 }, /^value is 5/],
      [{ kind: 'put', key }, /^value is missing/],
      [{ kind: 'put', key: [1], value: key }, /^key is a list/],
      [{ kind: 'put', key: new Uint16Array(1), value: key }, /^key is a Uint16Array/],
      [{ kind: 'compareAndSet', key, value: key, expect: key }, /"expect": did you mean expected/],
      [{ kind: 'compareAndSet', key, value: key, expected: null }, /^expected is null/],
      [{ kind: 'delete', range: { prefix: key } }, /^range has no field "prefix"/],
      [{ kind: 'delete', key }, /no field "key"/],
      [{ kind: 'increment', key, by: 1 }, /^by is 1: give a bigint/],
      [{ kind: 'increment', key, by: 2n ** 63n }, /^by is 9223372036854775808/],
      [{ kind: 'compact', revision: 2n }, /^revision is 2n/],
      [{ kind: 'compact', revision: -1 }, /^revision is -1/],
      [{ kind: 'compact', revision: 1.5 }, /^revision is 1\.5/],
      [{ kind: 'compact', revision: 2 ** 53 }, /^revision is 9007199254740992/],
      [{ kind: 'transaction' }, /^compare is missing: give a list/],
      [steps(undefined), /^then\[0\] is missing/],
      [
        steps({ kind: 'swap' }),
        /^then\[0\]\.kind is "swap": give one of put, delete, increment, get$/,
      ],
      [steps({ kind: 'put', key: 'a', value: key }), /^then\[0\]\.key is "a"/],
      [steps({ kind: 'get', range, limit: 0 }), /^then\[0\]\.limit is 0/],
      [
        steps({ kind: 'get', range, limits: 1 }),
        /then\[0\] has no field "limits": did you mean limit/,
      ],
    ];
    for (const [command, message] of cases) {
      expect(() => encodeCommand(command as never)).toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/^(REQUEST_INVALID|NUMBER_OUT_OF_RANGE)$/),
          message: expect.stringMatching(message),
        }),
      );
    }
    const compares = { key, target: 'age', operator: 'equal', operand: 1 };
    expect(() =>
      encodeCommand({ kind: 'transaction', compare: [compares], then: [], else: [] } as never),
    ).toThrow(/^compare\[0\]\.target is "age": give one of value, version/);
    expect(
      encodeCommand({ kind: 'compareAndSet', key, expected: undefined, value: key } as never),
    ).toEqual(encodeCommand({ kind: 'compareAndSet', key, value: key }));
  });

  it('a command above its bound is not encoded, and the next one is', () => {
    expect(() => encodeCommand(tooLong())).toThrow(
      expect.objectContaining({
        code: 'COMMAND_TOO_LARGE',
        message: expect.stringContaining(String(COMMAND_BYTES_MAX)),
      }),
    );
    expect(() => encodeCommand({ kind: 'increment', key: bytes('k'), by: 2n ** 63n })).toThrow(
      expect.objectContaining({ code: 'NUMBER_OUT_OF_RANGE' }),
    );
    expect(decodeCommand(encodeCommand(put('a', 'b')))).toEqual(put('a', 'b'));
  });
});
