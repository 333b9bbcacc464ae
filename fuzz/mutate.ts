/**
 * From bytes that mean something to bytes that nearly do. Random bytes are refused at their first
 * field; a valid message with one wrong length gets further.
 */
import type { FuzzDice } from './dice.ts';

/** Longest that a mutation makes of a short input: what one frame between peers may hold. */
const GROWN_BYTES_MAX = 8 * 1024 * 1024;
/** Text that is right by itself and wrong where it stands. */
const TEXTS: readonly Uint8Array[] = ['null', '7', '""', '[]', '{}', '{"a":null}', '{'].map(
  (text) => Buffer.from(text),
);
/** Growing is slow, so it is seldom. */
const GROW_ONE_IN = 200;

/** One to four edits. `other`: what a splice takes its second half from. */
export function mutate(bytes: Uint8Array, dice: FuzzDice, other: Uint8Array): Uint8Array {
  let result = bytes;
  for (let left = 1 + dice.below(4); left > 0; left--) result = edit(result, dice, other);
  if (dice.oneIn(100)) result = joined(dice.pick(TEXTS));
  if (dice.oneIn(GROW_ONE_IN)) result = grow(result, dice);
  return result;
}

function edit(bytes: Uint8Array, dice: FuzzDice, other: Uint8Array): Uint8Array {
  const at = dice.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + dice.below(8));
  switch (dice.below(11)) {
    case 0:
      return changed(bytes, at, (byte) => byte ^ (1 << dice.below(8)));
    case 1:
      return changed(bytes, at, () => dice.pick([0, 1, 0x7f, 0x80, 0xfe, 0xff]));
    case 2:
      // A length that is off by a little.
      return changed(bytes, at, (byte) => byte + 1 + dice.below(2) * -2);
    case 3:
      return joined(bytes.subarray(0, at), dice.bytes(1 + dice.below(8)), bytes.subarray(at));
    case 4:
      return joined(bytes.subarray(0, at), bytes.subarray(end));
    case 5:
      return joined(bytes.subarray(0, end), bytes.subarray(at));
    case 6:
      return joined(bytes.subarray(0, at), other.subarray(dice.below(other.length + 1)));
    case 7:
      return bytes.slice(0, at);
    case 8:
      return joined(bytes.subarray(0, at), varint(dice), bytes.subarray(at + 1));
    case 9:
      return word(bytes, at, dice);
    default:
      return joined(bytes, dice.oneIn(2) ? other : dice.bytes(dice.below(20)));
  }
}

function changed(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const copy = bytes.slice();
  if (at < copy.length) copy[at] = change(copy[at]!);
  return copy;
}

/** A number as Protocol Buffers write them; sometimes longer than it may be. */
function varint(dice: FuzzDice): Uint8Array {
  if (dice.oneIn(4)) {
    const long = new Uint8Array(8 + dice.below(4)).fill(dice.pick([0x80, 0xff]));
    long[long.length - 1] = dice.pick([0, 1, 2, 0x7f]);
    return long;
  }
  const bytes: number[] = [];
  let rest = dice.number();
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Uint8Array.of(...bytes, rest);
}

/** A number of fixed width, either way round. */
function word(bytes: Uint8Array, at: number, dice: FuzzDice): Uint8Array {
  const copy = Buffer.from(bytes);
  const value = dice.number();
  if (at + 8 <= copy.length && dice.oneIn(3)) {
    copy.writeDoubleLE(dice.oneIn(3) ? dice.pick([-1, -0, 0.5, Number.NaN]) : value, at);
  } else if (at + 4 <= copy.length) {
    if (dice.oneIn(2)) copy.writeUInt32LE(value % 2 ** 32, at);
    else copy.writeUInt32BE(value % 2 ** 32, at);
  }
  return joined(copy);
}

/** One part many times over: what is small on the wire and large in memory. */
function grow(bytes: Uint8Array, dice: FuzzDice): Uint8Array {
  const from = dice.below(bytes.length + 1);
  const part = bytes.subarray(from, from + 1 + dice.below(12));
  if (part.length === 0) return bytes;
  const room = Math.max(0, GROWN_BYTES_MAX - bytes.length);
  const length = Math.min(room, part.length * 2 ** dice.below(22));
  const middle = new Uint8Array(Buffer.alloc(length, part));
  return joined(bytes.subarray(0, from), middle, bytes.subarray(from));
}

/** In memory of its own, and a plain array: a Buffer compares as something else. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
