/**
 * Where two values that should be equal part: the path of the first place, and what stands there on either
 * side. `isDeepStrictEqual` decides what is equal; here only the place is looked for, so that an author reads
 * `.waiting[2]: 5 and 7` in place of two states of a thousand fields.
 *
 * Functions are equal only to themselves, and each machine has made its own: a value that holds one differs
 * from every other, whatever the state is. That is said, for it is a mistake of the look and not of the machine.
 */
import { inspect, isDeepStrictEqual, types } from 'node:util';

export interface Difference {
  /** From the whole value on, such as `.orders["a 1"].lines[0]`; empty: the values themselves differ. */
  readonly path: string;
  readonly left: unknown;
  readonly right: unknown;
}

/** Deeper, the place of the whole branch must do. */
const DEPTH_MAX = 100;
const SHOWN_CHARS_MAX = 120;
const ABSENT = Symbol('nothing');

/** `undefined`: they are equal. */
export function firstDifference(left: unknown, right: unknown): Difference | undefined {
  return isDeepStrictEqual(left, right) ? undefined : within('', left, right, 0);
}

/** For people: the place, both values, and the cause where it can be seen. */
export function differenceText({ path, left, right }: Difference): string {
  const place = path === '' ? '' : `at ${path}: `;
  const isCode = typeof left === 'function' && typeof right === 'function';
  const why = isCode
    ? '. A function is equal only to itself: leave functions out of what observe() shows'
    : '';
  return `${place}${shortText(left)} and ${shortText(right)}${why}`;
}

function shortText(value: unknown): string {
  if (value === ABSENT) return 'nothing';
  if (typeof value === 'function') return 'a function';
  const text = inspect(value, { depth: 2, breakLength: Infinity, maxStringLength: 80 });
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
}

/** Called for values that differ. */
function within(path: string, left: unknown, right: unknown, depth: number): Difference {
  const here = { path, left, right };
  if (depth === DEPTH_MAX) return here;
  for (const [name, one, other] of parts(left, right)) {
    if (!isDeepStrictEqual(one, other)) return within(path + name, one, other, depth + 1);
  }
  return here;
}

/** Pairs of what is inside of both, where both are of a kind that has an inside. */
function parts(left: unknown, right: unknown): readonly (readonly [string, unknown, unknown])[] {
  if (!isObject(left) || !isObject(right)) return [];
  if (types.isMap(left) && types.isMap(right)) {
    const keys = [...new Set([...left.keys(), ...right.keys()])];
    return keys.map((key) => [`.get(${shortText(key)})`, entryOf(left, key), entryOf(right, key)]);
  }
  const isWhole = (value: object): boolean =>
    types.isDate(value) || types.isSet(value) || types.isMap(value) || types.isRegExp(value);
  if (isWhole(left) || isWhole(right)) return [];
  if (Array.isArray(left) !== Array.isArray(right)) return [];
  const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return keys.map((key) => [fieldText(key, left), fieldOf(left, key), fieldOf(right, key)]);
}

function entryOf(map: ReadonlyMap<unknown, unknown>, key: unknown): unknown {
  return map.has(key) ? map.get(key) : ABSENT;
}

function fieldOf(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : ABSENT;
}

function fieldText(key: string, of: object): string {
  if (Array.isArray(of) || ArrayBuffer.isView(of)) return `[${key}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
