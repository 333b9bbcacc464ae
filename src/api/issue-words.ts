/**
 * What a schema found wrong, in our words: what was given and what to give instead. The library's own
 * ("expected number, received NaN") speak of types to people who have written a request.
 */
import type { z } from 'zod';

const SHOWN_CHARS_MAX = 40;

const WANTED: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  string: 'a string',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

/** `input` is the whole input; the issue says where in it the fault is. */
export function wordsOf(issue: z.core.$ZodIssue, input: unknown): string {
  const value = valueAt(input, issue.path);
  switch (issue.code) {
    case 'invalid_type': {
      const wanted = WANTED[issue.expected] ?? issue.expected;
      if (value === undefined) return `is missing; give ${wanted}`;
      return `is ${shown(value)}; give ${wanted}`;
    }
    case 'too_small':
      return `is ${shown(value)}; give at least ${issue.minimum}`;
    case 'too_big':
      return typeof value === 'string'
        ? `has ${value.length} characters; at most ${issue.maximum} are taken`
        : `is ${shown(value)}; give at most ${issue.maximum}`;
    case 'invalid_value': {
      const given = value === undefined ? 'is missing' : `is ${shown(value)}`;
      return `${given}; give ${issue.values.map(String).join(', ')}`;
    }
    case 'invalid_union':
      return issue.discriminator === undefined ? issue.message : choiceWords(issue, value);
    default:
      return issue.message;
  }
}

function choiceWords(issue: z.core.$ZodIssueInvalidUnion, value: unknown): string {
  const names = [...issue.message.matchAll(/'(\w+)'/g)].map((match) => match[1]);
  const given = value === undefined ? 'is missing' : `is ${shown(value)}`;
  return names.length === 0 ? issue.message : `${given}; give ${names.join(', ')}`;
}

function shown(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
