/**
 * `npm run scenarios [-- S | S-37 | N ...] [--missing] [--json]`: which numbered scenario is shown by
 * which tests, and which by none. Without a letter: all lists. Ends with 1 when a scenario that is due
 * has no test, or a test carries a number that no list knows.
 *
 * The lists are data, one file a letter, in test/scenarios/. A test stands for a scenario by having the
 * number in its title: `it('S-37 a gap is refused')`. Titles are taken from the syntax tree, so that a
 * number in a comment or in a planted source covers nothing, nor does a test that is skipped for good.
 * Suites and acceptance programs are no vitest files; there a text that begins with a number counts.
 *
 * What it can not see is whether the test shows the whole scenario. That is for people to judge, and
 * the reason why title and test stand side by side in what it prints.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ensureInstalled } from './setup.mjs';
import { main, ROOT, StepFailed } from './steps.mjs';

const LISTS = join('test', 'scenarios');
const TEST_FOLDERS = ['src', 'sim', 'conformance', 'test', 'bench', 'fuzz', 'examples'];
/** Where checks are written as texts of our own and not as vitest titles. */
const CHECK_FOLDERS = ['conformance/', 'test/acceptance/'];
const NUMBER = /\b([A-Z])-([1-9]\d*)\b/g;
/** A number alone is data, not a title. */
const BEGINS_WITH_NUMBER = /^(?:[A-Z]-[1-9]\d*,? )+\S/;
const TEST_WORDS = ['it', 'test', 'describe'];
const SWITCHED_OFF = ['skip', 'todo'];

// ---- the lists ----------------------------------------------------------------------------------

/** Every list, by letter. */
export function readLists(root = ROOT) {
  const lists = new Map();
  for (const name of readdirSync(join(root, LISTS)).sort()) {
    if (!name.endsWith('.json')) continue;
    const list = JSON.parse(readFileSync(join(root, LISTS, name), 'utf8'));
    checkList(name, list);
    lists.set(list.prefix, list);
  }
  return lists;
}

function checkList(name, { prefix, titles, elsewhere }) {
  const fail = (what) => {
    throw new StepFailed(`${LISTS}/${name}: ${what}`);
  };
  if (name !== `${prefix}.json`) fail(`has the prefix ${prefix}; name the file after it`);
  const count = Object.keys(titles).length;
  for (let number = 1; number <= count; number++) {
    if (typeof titles[number] !== 'string') fail(`has no ${prefix}-${number}, but ${count} titles`);
  }
  for (const { from, to, reason } of elsewhere) {
    if (!(from >= 1 && from <= to && to <= count)) fail(`"elsewhere" ${from} to ${to} is no range`);
    if (!reason) fail(`"elsewhere" ${from} to ${to} gives no reason`);
  }
}

// ---- the tests ----------------------------------------------------------------------------------

/** Every test of the repository that carries a number: `{ path, line, title, numbers }`. */
export async function findTests(root = ROOT) {
  // Installed with the packages, so not at the top.
  const { default: ts } = await import('typescript');
  const paths = TEST_FOLDERS.flatMap((folder) => sourcesBelow(root, folder));
  return paths.flatMap((path) => testsOf(ts, path, readFileSync(join(root, path), 'utf8')));
}

function sourcesBelow(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .map((path) => path.split(sep).join('/'))
    .filter((path) => path.endsWith('.test.ts') || CHECK_FOLDERS.some((it) => path.startsWith(it)))
    .sort();
}

/** The titles in one source that carry numbers. `ts` is the TypeScript compiler. */
export function testsOf(ts, path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found = [];
  const add = (node, title) => {
    const numbers = numbersIn(title);
    if (numbers.length === 0) return;
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    found.push({ path, line, title, numbers });
  };
  if (path.endsWith('.test.ts')) walkTests(ts, source, source, add);
  else walkTexts(ts, source, add);
  return found;
}

function numbersIn(title) {
  return [...new Set([...title.matchAll(NUMBER)].map(([number]) => number))];
}

function walkTests(ts, source, node, add) {
  const call = testCall(ts, node);
  if (call?.isOff) return;
  if (call !== undefined) {
    const [first] = node.arguments;
    const title = first === undefined ? undefined : textOf(ts, source, first);
    if (title !== undefined) add(first, title);
    for (const row of call.rows) walkTexts(ts, constantOf(ts, source, row), add);
  }
  ts.forEachChild(node, (child) => walkTests(ts, source, child, add));
}

/** What `it.each(rows)('title')` and its like are made of; undefined for any other node. */
function testCall(ts, node) {
  if (!ts.isCallExpression(node)) return undefined;
  const rows = [];
  let isOff = false;
  let callee = node.expression;
  while (!ts.isIdentifier(callee)) {
    if (ts.isPropertyAccessExpression(callee)) {
      isOff ||= SWITCHED_OFF.includes(callee.name.text);
    } else if (ts.isCallExpression(callee)) {
      // Of `it.skipIf(condition)(...)` the argument holds no texts: harmless to look at.
      rows.push(...callee.arguments);
    } else return undefined;
    callee = callee.expression;
  }
  return TEST_WORDS.includes(callee.text) ? { isOff, rows } : undefined;
}

/** Every text below the node that begins with a number. */
function walkTexts(ts, node, add) {
  const text = literalText(ts, node);
  if (text !== undefined) {
    if (BEGINS_WITH_NUMBER.test(text)) add(node, text);
    return;
  }
  ts.forEachChild(node, (child) => walkTexts(ts, child, add));
}

function textOf(ts, source, node) {
  return literalText(ts, constantOf(ts, source, node));
}

/** The text of a literal; of a template the parts that are known, with `…` between them. */
function literalText(ts, node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('');
}

/** What a name stands for, where a `const` of the same file says so. */
function constantOf(ts, source, node) {
  if (!ts.isIdentifier(node)) return node;
  let value = node;
  const look = (child) => {
    const isIt = ts.isVariableDeclaration(child) && child.name.getText() === node.text;
    if (isIt && child.initializer !== undefined) value = child.initializer;
    else ts.forEachChild(child, look);
  };
  look(source);
  return value;
}

// ---- coverage -----------------------------------------------------------------------------------

/** Lists and tests brought together: one entry a list, and the numbers that no list has. */
export function coverage(lists, tests) {
  const byNumber = new Map();
  for (const test of tests) {
    for (const number of test.numbers) {
      byNumber.set(number, [...(byNumber.get(number) ?? []), test]);
    }
  }
  const reports = [...lists.values()].map((list) => reportOf(list, byNumber));
  const isKnown = (number) => {
    const list = lists.get(number[0]);
    // Letters without a list belong to something else (names of nodes, say).
    return list === undefined || list.titles[number.slice(2)] !== undefined;
  };
  const unknown = [...byNumber].filter(([number]) => !isKnown(number));
  return { reports, unknown: unknown.map(([number, found]) => ({ number, tests: found })) };
}

function reportOf({ prefix, about, due, titles, elsewhere }, byNumber) {
  const scenarios = Object.entries(titles).map(([key, title]) => {
    const number = Number(key);
    const other = elsewhere.find(({ from, to }) => from <= number && number <= to);
    const id = `${prefix}-${key}`;
    return { id, number, title, elsewhere: other?.reason, tests: byNumber.get(id) ?? [] };
  });
  const wanted = scenarios.filter((scenario) => scenario.elsewhere === undefined);
  const missing = wanted.filter(({ tests }) => tests.length === 0);
  return { prefix, about, due, scenarios, wanted, missing, elsewhere };
}

// ---- what is printed ----------------------------------------------------------------------------

/** The list as lines. `only`: ids to show. `isMissingOnly`: leave out what is covered. */
export function linesOf(report, { only, isMissingOnly = false } = {}) {
  const { prefix, about, wanted, elsewhere } = report;
  const lines = [`${prefix}  ${about}`, ''];
  const shown = wanted.filter(
    ({ id, tests }) => (only ?? [id]).includes(id) && !(isMissingOnly && tests.length > 0),
  );
  const places = shown.flatMap(({ tests }) => tests.map(placeOf));
  const width = Math.max(0, ...places.map((place) => place.length));
  for (const { id, title, tests } of shown) {
    lines.push(`  ${id.padEnd(6)} ${title}`);
    if (tests.length === 0) lines.push(`         ${report.due ? 'NO TEST' : 'no test yet'}`);
    for (const test of tests) lines.push(`         ${placeOf(test).padEnd(width)}  ${test.title}`);
  }
  for (const { from, to, reason } of elsewhere) {
    const ids = from === to ? `${prefix}-${from}` : `${prefix}-${from} to ${prefix}-${to}`;
    if (!isMissingOnly && only === undefined) lines.push(`  ${ids}: ${reason}`);
  }
  return [...lines, ''];
}

function placeOf({ path, line }) {
  return `${path}:${line}`;
}

export function summaryOf({ prefix, due, scenarios, wanted, missing }) {
  const covered = wanted.length - missing.length;
  const others = scenarios.length - wanted.length;
  const remarks = [];
  if (others > 0) remarks.push(`${others} belong elsewhere`);
  if (!due && missing.length > 0) remarks.push('not due yet');
  const remark = remarks.length > 0 ? ` (${remarks.join('; ')})` : '';
  return `${prefix}: ${covered} of ${wanted.length} covered${remark}`;
}

/** @returns {{ prefixes: string[], only: string[] | undefined }} */
function chosen(args, lists) {
  const known = [...lists.keys()].join(', ');
  for (const arg of args) {
    const [, prefix, number] = /^([A-Z])(?:-([1-9]\d*))?$/.exec(arg) ?? [];
    const list = lists.get(prefix);
    if (list === undefined || (number !== undefined && list.titles[number] === undefined)) {
      const advice = `give a letter (${known}), numbers such as S-37, --missing, --json, or nothing`;
      throw new StepFailed(`"${arg}" is no list and no scenario: ${advice}`);
    }
  }
  const prefixes = args.length === 0 ? [...lists.keys()] : args.map((arg) => arg[0]);
  const ids = args.filter((arg) => arg.includes('-'));
  return { prefixes: [...new Set(prefixes)], only: ids.length > 0 ? ids : undefined };
}

async function run(given) {
  await ensureInstalled();
  const options = ['--missing', '--json'];
  const lists = readLists();
  const args = given.filter((arg) => !options.includes(arg));
  const { prefixes, only } = chosen(args, lists);
  const { reports, unknown } = coverage(lists, await findTests());
  const wanted = reports.filter(({ prefix }) => prefixes.includes(prefix));
  const strays = unknown.filter(({ number }) => prefixes.includes(number[0]));
  const out = [];
  if (given.includes('--json')) {
    out.push(JSON.stringify({ reports: wanted, unknown: strays }, null, 2));
  } else {
    const isMissingOnly = given.includes('--missing');
    out.push(...wanted.flatMap((report) => linesOf(report, { only, isMissingOnly })));
    for (const { number, tests } of strays) {
      out.push(`${number} is in no list: ${tests.map(placeOf).join(', ')}`);
    }
    out.push(...wanted.map(summaryOf));
  }
  process.stdout.write(`${out.join('\n')}\n`);
  const isLacking = wanted.some(({ due, missing }) => due && missing.length > 0);
  return isLacking || strays.length > 0 ? 1 : 0;
}

const isProgram =
  process.argv[1] !== undefined &&
  realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url));
if (isProgram) await main(() => run(process.argv.slice(2)));
