/**
 * What the author of a part brings is looked at before anything is done with it. A rig with a slip in it
 * (a forgotten `command`, an `open` that is no function, an ability by the wrong name) would fail every
 * case with a TypeError from within the suite, or pass cases that then do nothing; it is told once instead,
 * by the name of the field, with what belongs there.
 *
 * The rig itself is checked when the cases are made, so that a test runner shows one error; what the rig
 * makes (a place, a cluster, a machine), when it has been made.
 */
import { ClusterError } from '../../src/errors.ts';
import { shown } from './failure.ts';

const GUIDE = 'docs/guides/conformance.md shows a rig';

/** One field of what somebody brings. */
export interface PartRule {
  readonly type: 'function' | 'count' | 'object' | 'string' | 'boolean' | 'bytes' | 'names';
  /** Of `names`: how many there must be. */
  readonly count?: number;
  /** What must be there, as the message says it: `it must be ...`. */
  readonly what: string;
  /** It may be absent. */
  readonly isOptional?: boolean;
}

/** Throws CONFIG_INVALID for the first field of `value` that is not what its rule asks for. */
export function checkParts(
  name: string,
  value: unknown,
  rules: Readonly<Record<string, PartRule>>,
): void {
  if (typeof value !== 'object' || value === null) {
    const fields = Object.keys(rules).join(', ');
    throw invalid(name, value, `an object with ${fields}`);
  }
  for (const [field, rule] of Object.entries(rules)) {
    const found: unknown = Reflect.get(value, field);
    if (found === undefined && rule.isOptional === true) continue;
    if (!keeps(rule, found)) throw invalid(`${name}.${field}`, found, rule.what);
  }
}

/** The abilities of a rig: a list of known names. */
export function checkOffers(offers: unknown, known: readonly string[]): void {
  const names = known.map((one) => `"${one}"`).join(', ');
  const what = `a list with what the rig can do, of ${names}; [] when it is none of these`;
  if (!Array.isArray(offers)) throw invalid('rig.offers', offers, what);
  for (const [i, one] of offers.entries()) {
    if (!known.includes(one)) throw invalid(`rig.offers[${i}]`, one, `one of ${names}`);
  }
}

function keeps({ type, count }: PartRule, found: unknown): boolean {
  switch (type) {
    case 'count':
      return Number.isSafeInteger(found) && (found as number) > 0;
    case 'object':
      return typeof found === 'object' && found !== null;
    case 'bytes':
      return found instanceof Uint8Array;
    case 'names':
      return Array.isArray(found) && found.length === count;
    default:
      return typeof found === type;
  }
}

function invalid(field: string, found: unknown, what: string): ClusterError {
  const is = found === undefined ? 'is missing' : `is ${textOfFound(found)}`;
  return new ClusterError('CONFIG_INVALID', `${field} ${is}: it must be ${what} (${GUIDE})`, {
    details: { field },
  });
}

function textOfFound(found: unknown): string {
  return typeof found === 'function' ? 'a function' : shown(found);
}
