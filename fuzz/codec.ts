/**
 * Whatever bytes arrive: they are refused with a code that is meant for it, or they are a value that
 * holds safe integers only and is the same after it was written and read again. Another error would
 * stop a node on a peer's word; a value that changes on its way is a fork.
 */
import { isDeepStrictEqual } from 'node:util';
import { ClusterError } from '../src/errors.ts';
import type { FuzzDice } from './dice.ts';
import type { Format } from './format.ts';
import { FORMATS } from './formats.ts';
import { joined, mutate } from './mutate.ts';
import type { FuzzSubject, FuzzTarget } from './target.ts';

/** The storage threads' ids in messages are -1 and -2. */
const NUMBER_MIN = -2;

/** The first byte says which format the others are of. */
function generate(formats: readonly Format[], dice: FuzzDice): Uint8Array {
  const at = dice.below(formats.length);
  const own = formats[at]!;
  let bytes: Uint8Array;
  if (dice.oneIn(8)) bytes = dice.bytes(dice.below(80));
  else {
    const other = dice.oneIn(4) ? dice.pick(formats) : own;
    bytes = mutate(own.make(dice), dice, other.make(dice));
  }
  return joined(Uint8Array.of(at), bytes);
}

function attempt(formats: readonly Format[], input: Uint8Array): void {
  const format = formats[(input[0] ?? 0) % formats.length]!;
  const given = input.slice(1);
  const bytes = given.slice();
  let value: unknown;
  try {
    value = format.decode(bytes);
  } catch (error) {
    if (error instanceof ClusterError && format.refusals.includes(error.code)) return;
    throw new Error(`${format.name}: it ended in another error than a refusal`, { cause: error });
  }
  if (!isDeepStrictEqual(bytes, given))
    throw new Error(`${format.name}: its bytes were written to`);
  checkNumbers(value, format.name);
  const written = format.encode(value);
  if (written === undefined) return;
  if (isDeepStrictEqual(format.decode(written), value)) return;
  throw new Error(`${format.name}: it is another one after it was written and read again`);
}

function checkNumbers(value: unknown, where: string): void {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value) && value >= NUMBER_MIN) return;
    throw new Error(`${where} holds the number ${value}`);
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  for (const [key, each] of Object.entries(value)) checkNumbers(each, `${where}.${key}`);
}

/** `formats`: others than ours for testing the test. */
export function codecSubject(formats: readonly Format[] = FORMATS): FuzzSubject {
  return {
    generate: (dice) => generate(formats, dice),
    attempt: (input) => attempt(formats, input),
  };
}

export const codecTarget: FuzzTarget = {
  name: 'codec',
  title: 'messages, commands, frames and records',
  prepare: async () => codecSubject(),
};
