/**
 * What a caller handed in, in words: the value as he wrote it, names that are not known with the one that
 * was probably meant, and what his code threw.
 *
 * The rule it protects: a message about bad input shows what was given. Types alone do not find the line
 * that is wrong. What may go wrong: values are anything at all, also what throws when it is looked at;
 * nothing here calls into them but to read own keys, and, of what was thrown, its text.
 */
import { ClusterError, type ErrorCode } from './errors.ts';
import { nearestName } from './near-names.ts';

const SHOWN_CHARS_MAX = 64;

/** The value in a few words: strings quoted and cut, things by what they are. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const cut = value.length > SHOWN_CHARS_MAX;
      return JSON.stringify(cut ? `${value.slice(0, SHOWN_CHARS_MAX)}…` : value);
    }
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'a list';
      if (value instanceof Promise) return 'a promise';
      if (ArrayBuffer.isView(value)) {
        return `a ${value instanceof Uint8Array ? 'Uint8Array' : value.constructor.name}`;
      }
      return 'an object';
    default:
      return String(value);
  }
}

/** What was thrown, in words: an error's message, else the value as text. Never throws itself. */
export function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? `${thrown.message}` : String(thrown);
  } catch {
    return 'something without a text form';
  }
}

/** `x is missing` or `x is "value"`, and what to give. */
export function badField(
  field: string,
  value: unknown,
  rule: string,
  code: ErrorCode = 'REQUEST_INVALID',
): ClusterError {
  const what = value === undefined ? 'is missing' : `is ${shown(value)}`;
  return new ClusterError(code, `${field} ${what}: give ${rule}`, {
    details: { field, given: shown(value) },
  });
}

/**
 * That `given` is a plain object with known fields only; fields that are undefined do not count.
 * `what` names it, as in "options"; `path` goes before its fields where they are named.
 *
 * @throws ClusterError, by default REQUEST_INVALID.
 */
export function checkFields(
  what: string,
  given: unknown,
  known: ReadonlySet<string>,
  code: ErrorCode = 'REQUEST_INVALID',
  path = '',
): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw badField(what, given, `an object with ${[...known].join(', ')}`, code);
  }
  // A list of the keys would be made for each command that is proposed; what is inherited does not count.
  for (const name in given) {
    if (known.has(name) || (given as Record<string, unknown>)[name] === undefined) continue;
    if (!Object.hasOwn(given, name)) continue;
    const near = nearestName(name, [...known]);
    const hint =
      near === undefined ? `known are ${[...known].join(', ')}` : `did you mean ${near}?`;
    throw new ClusterError(code, `${what} has no field ${shown(name)}: ${hint}`, {
      details: { field: `${path}${name}`, ...(near === undefined ? {} : { near }) },
    });
  }
}

/** By what it can do: there are signals that are not of this realm. */
export function isSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener } = value as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

/** A whole number from 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
