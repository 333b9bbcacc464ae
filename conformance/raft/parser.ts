/**
 * The text format of the scripts ("datadriven"): a directive line, optional input, a line of dashes,
 * the expected output, a blank line. A file is a list of such cases, run in order against one state.
 *
 * Text is taken literally: a quote is a character like any other, so `propose 1 "x"` proposes three
 * bytes.
 */

export interface Argument {
  readonly key: string;
  /** `key` has none, `key=v` one, `key=(a,b)` several. */
  readonly values: readonly string[];
}

export interface Case {
  /** Line of the directive, from 1. */
  readonly line: number;
  /** Command and arguments as they stand in the file. */
  readonly directive: string;
  readonly command: string;
  readonly args: readonly Argument[];
  readonly input: string;
  readonly expected: string;
}

const SEPARATOR = '----';

/** @throws Error with the line number when a directive can't be read. */
export function parseScript(text: string): Case[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  const cases: Case[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = at + 1;
    let directive = lines[at++]!.trim();
    if (directive === '' || directive.startsWith('#')) continue;
    while (directive.endsWith('\\') && at < lines.length) {
      directive = `${directive.slice(0, -1)} ${lines[at++]!.trim()}`;
    }
    const space = directive.indexOf(' ');
    const command = space < 0 ? directive : directive.slice(0, space);
    const args = space < 0 ? [] : parseArguments(directive.slice(space), line);
    // A heading for the cases below it, without a body of its own.
    if (command === 'subtest') continue;
    const input = takeInput(lines, at);
    const expected = takeExpected(lines, input.next);
    at = expected.next;
    cases.push({ line, directive, command, args, input: input.text, expected: expected.text });
  }
  return cases;
}

interface Taken {
  readonly text: string;
  readonly next: number;
}

function takeInput(lines: readonly string[], at: number): Taken {
  const start = at;
  while (at < lines.length && lines[at] !== SEPARATOR) at += 1;
  return { text: lines.slice(start, at).join('\n').trim(), next: at + 1 };
}

function takeExpected(lines: readonly string[], at: number): Taken {
  if (lines[at] === SEPARATOR) return takeFenced(lines, at + 1);
  const start = at;
  while (at < lines.length && lines[at]!.trim() !== '') at += 1;
  return { text: joinLines(lines.slice(start, at)), next: at + 1 };
}

/** Output with blank lines in it stands between two double separators. */
function takeFenced(lines: readonly string[], at: number): Taken {
  const start = at;
  while (at < lines.length && !(lines[at] === SEPARATOR && lines[at + 1] === SEPARATOR)) at += 1;
  return { text: joinLines(lines.slice(start, at)), next: at + 2 };
}

function joinLines(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function parseArguments(text: string, line: number): Argument[] {
  const args: Argument[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const key = /^[^ =]+/.exec(rest)?.[0];
    if (key === undefined) throw new Error(`line ${line}: an argument has no name: ${rest}`);
    rest = rest.slice(key.length);
    if (!rest.startsWith('=')) {
      args.push({ key, values: [] });
    } else if (rest.startsWith('=(')) {
      const list = parseList(rest.slice(2), line);
      args.push({ key, values: list.values });
      rest = rest.slice(2 + list.length);
    } else {
      const value = /^[^ ]*/.exec(rest.slice(1))?.[0] ?? '';
      args.push({ key, values: [value] });
      rest = rest.slice(1 + value.length);
    }
    rest = rest.trimStart();
  }
  return args;
}

/** The values up to the closing parenthesis; parentheses inside a value may nest. */
function parseList(text: string, line: number): { values: string[]; length: number } {
  const values: string[] = [];
  let depth = 1;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (depth === 0 || (depth === 1 && char === ',')) {
      values.push(text.slice(start, at));
      if (depth === 0) return { values, length: at + 1 };
      while (text[at + 1] === ' ') at += 1;
      start = at + 1;
    }
  }
  throw new Error(`line ${line}: a list is not closed`);
}

// ---- what commands read from a case -------------------------------------------------------------

/** The arguments without a value, in order. */
export function words(testCase: Case): string[] {
  return testCase.args.filter((arg) => arg.values.length === 0).map((arg) => arg.key);
}

export function values(testCase: Case, key: string): readonly string[] | undefined {
  return testCase.args.find((arg) => arg.key === key)?.values;
}

export function flag(testCase: Case, key: string, otherwise = false): boolean {
  const value = values(testCase, key)?.[0];
  if (value === undefined) return otherwise;
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw new Error(`${key}=${value} is neither true nor false`);
}

export function wholeNumber(text: string | undefined, what: string): number {
  if (text === undefined || !/^\d+$/.test(text)) {
    throw new Error(`${what} must be a whole number, got ${text ?? 'nothing'}`);
  }
  return Number(text);
}
