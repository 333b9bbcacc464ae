/** One format: how to make valid bytes, how they are read, how what was read is written again. */
import type { ErrorCode } from '../src/errors.ts';
import type { FuzzDice } from './dice.ts';

/** Bytes in, a value or one of `refusals` out; a value goes out and in again unchanged. */
export interface Format {
  readonly name: string;
  make(dice: FuzzDice): Uint8Array;
  decode(bytes: Uint8Array): unknown;
  /** `undefined`: there is nothing to compare. */
  encode(value: unknown): Uint8Array | undefined;
  readonly refusals: readonly ErrorCode[];
}

interface FormatParts<T> {
  readonly name: string;
  readonly make: (dice: FuzzDice) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T;
  readonly encode: (value: T) => Uint8Array | undefined;
  readonly refusals?: readonly ErrorCode[];
}

export function format<T>(parts: FormatParts<T>): Format {
  return { refusals: ['CODEC_INVALID'], ...parts, encode: (value) => parts.encode(value as T) };
}

export const several = <T>(dice: FuzzDice, make: (dice: FuzzDice) => T): T[] =>
  Array.from({ length: dice.below(4) }, () => make(dice));
