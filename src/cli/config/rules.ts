/**
 * The shapes that parts of a configuration may have, and the reading of a file by them. All that is found is
 * told at once: where it stands, and whether it is missing, unknown or not what is allowed. Which words
 * people get for that, `load.ts` knows.
 *
 * Why not the library that reads the API's requests: a node waits for its configuration before it can do
 * anything else, and to load that library takes as long as to load the half of the node.
 */

/** One mistake. */
export interface SchemaIssue {
  readonly path: Path;
  readonly kind: 'missing' | 'unknown-key' | 'invalid';
}

export type Path = readonly (string | number)[];

/** What is allowed in one place. Answers what is to be taken for `given`, and notes what is wrong. */
type Read = (given: unknown, path: Path, issues: SchemaIssue[]) => unknown;

export interface Rule {
  readonly read: Read;
  /** Stands for what is not given; without one something must be. */
  readonly fallback?: { readonly value: unknown };
}

/** By the name of the field. A field with another name is a mistake. */
export type GroupRule = Readonly<Record<string, Rule>>;

export function value(isGood: (given: unknown) => boolean): Rule {
  return {
    read: (given, path, issues) => {
      if (!isGood(given)) issues.push({ path, kind: 'invalid' });
      return given;
    },
  };
}

export function text(pattern: RegExp): Rule {
  return value((given) => typeof given === 'string' && pattern.test(given));
}

export function oneOf(...allowed: readonly string[]): Rule {
  return value((given) => typeof given === 'string' && allowed.includes(given));
}

/** From `min` to `max`, both included. */
export function whole(min: number, max: number): Rule {
  return value((given) => isWhole(given, min, max));
}

export function isWhole(given: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(given) && min <= (given as number) && (given as number) <= max;
}

/** One to `lengthMax` of them. */
export function list(of: Rule, lengthMax: number): Rule {
  return {
    read: (given, path, issues) => {
      if (!Array.isArray(given) || given.length === 0 || given.length > lengthMax) {
        issues.push({ path, kind: 'invalid' });
        return given;
      }
      return given.map((item, at) => readField(of, item, [...path, at], issues));
    },
  };
}

export function group(fields: GroupRule): Rule {
  return { read: (given, path, issues) => readGroup(fields, given, path, issues) };
}

export function optional(rule: Rule): Rule {
  return { ...rule, fallback: { value: undefined } };
}

/** What is not given is taken for `fallback`, which is read as if it were given. */
export function or(fallback: unknown, rule: Rule): Rule {
  return { ...rule, fallback: { value: fallback } };
}

export function readGroup(
  fields: GroupRule,
  given: unknown,
  path: Path,
  issues: SchemaIssue[],
): Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    issues.push({ path, kind: 'invalid' });
    return {};
  }
  const read: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(fields)) {
    const field = readField(rule, valueAt(given, [name]), [...path, name], issues);
    if (field !== undefined) read[name] = field;
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(fields, name)) issues.push({ path: [...path, name], kind: 'unknown-key' });
  }
  return read;
}

function readField(rule: Rule, given: unknown, path: Path, issues: SchemaIssue[]): unknown {
  const { read, fallback } = rule;
  if (given !== undefined) return read(given, path, issues);
  if (fallback === undefined) {
    issues.push({ path, kind: 'missing' });
    return undefined;
  }
  return fallback.value === undefined ? undefined : read(fallback.value, path, issues);
}

/** Of what was read from a file; `undefined` where there is nothing. */
export function valueAt(raw: unknown, path: Path): unknown {
  let found = raw;
  for (const part of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, part))
      return undefined;
    found = (found as Record<string | number, unknown>)[part];
  }
  return found;
}
