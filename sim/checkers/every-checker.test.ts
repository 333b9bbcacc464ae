/**
 * Every checker is held to a planted fault: a test that makes one, shows it the fault, and gets a violation. A
 * checker that can not fail would say "fine" in every run, and nobody would know.
 *
 * The mutants do not do for that. They show that somebody finds each fault, and a checker that sees nothing
 * hides behind the one that sees the same fault a moment earlier.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { allCheckers } from './index.ts';

const FOLDER = new URL('./', import.meta.url);
const OWN_NAME = 'every-checker.test.ts';
const FAILS = /\bviolationOf\(|\.toThrow\(/;

/** Each single test of this folder, as text. */
function tests(): string[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.test.ts'));
  return files
    .filter((name) => name !== OWN_NAME)
    .flatMap((name) =>
      readFileSync(new URL(name, FOLDER), 'utf8')
        .split(/^\s*it(?:\.each)?\(/m)
        .slice(1),
    );
}

const NAMES = allCheckers().map((checker) => [checker.name, checker.constructor.name] as const);

it.each(NAMES)('a test plants what "%s" finds', (_, className) => {
  const made = `new ${className}(`;
  const planted = tests().filter((test) => test.includes(made) && FAILS.test(test));
  expect(planted, `tests with ${made}...) and a violation`).not.toEqual([]);
});
