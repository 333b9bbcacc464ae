import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClusterError } from '../errors.ts';
import { COMMAND_BYTES_MAX } from '../limits.ts';
import { decodeCommand, encodeCommand, isKnownCommand } from './command-codec.ts';
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
        expect(isKnownCommand(encoded)).toBe(true);
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

  it('what a later version may know is told apart from what makes no sense', () => {
    const unknown = ['020101', '010201', '010107', '01', ''];
    for (const hex of unknown) {
      expect(isKnownCommand(Buffer.from(hex, 'hex'))).toBe(false);
      expect(problemOf(Buffer.from(hex, 'hex')).details['unknown']).toBe(true);
    }
    // A transaction with an unknown target, operator, or kind of step.
    for (const hex of ['01010501016b09010161', '01010501016b01090161', '010105000109']) {
      expect(isKnownCommand(Buffer.from(hex, 'hex'))).toBe(true);
      expect(problemOf(Buffer.from(hex, 'hex')).details['unknown']).toBe(true);
    }
    expect(problemOf(Buffer.from('0101010161', 'hex')).details['unknown']).toBeUndefined();
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
