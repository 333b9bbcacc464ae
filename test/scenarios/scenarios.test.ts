/**
 * The count of scenarios can be believed: titles are read as the test runner would, every number in a
 * title is one of a list, and what is due has a test.
 */
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

import {
  coverage,
  findTests,
  linesOf,
  readLists,
  type ScenarioList,
  summaryOf,
  testsOf,
} from '../../scripts/scenarios.mjs';

function numbersOf(text: string, path = 'src/a.test.ts'): string[] {
  return testsOf(ts, path, text).flatMap(({ numbers }) => numbers);
}

describe('titles', () => {
  it.each([
    ["it('S-1 one', () => {});", ['S-1']],
    ["it('S-1, S-2 and N-3 three', () => {});", ['S-1', 'S-2', 'N-3']],
    ["test.concurrent('S-1 one', async () => {});", ['S-1']],
    ["describe('S-1 a group', () => { it('S-2 inner', () => {}); });", ['S-1', 'S-2']],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a template of the source that is read.
    ['for (const x of y) it(`S-1 with seed ${x}`, () => {});', ['S-1']],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: likewise.
    ['const title = `S-1 ${kind}`; it(title, () => {});', ['S-1']],
    ["it.each([['S-1 garbage', 1], ['S-2 nothing', 2]])('%s', () => {});", ['S-1', 'S-2']],
    ["const rows = [['S-1 garbage', 1]]; it.each(rows)('%s', () => {});", ['S-1']],
    ["it.skipIf(isRoot)('S-1 one', () => {});", ['S-1']],
  ])('%s', (text, numbers) => {
    expect(numbersOf(text).sort()).toEqual([...numbers].sort());
  });

  it.each([
    "// it('S-1 in a comment')",
    'const planted = "it(\'S-1 in a text\')";',
    "it.skip('S-1 switched off', () => {});",
    "it.todo('S-1 to be written');",
    "describe.skip('a group that is off', () => { it('S-1 inner', () => {}); });",
    "expect('S-1 is no title');",
    "it.each([['a source', ['S-1']]])('%s', () => {});",
    "fit('S-1 another function', () => {});",
    "it('UTF-8 and SHA-256 and S-0 are no scenarios', () => {});",
  ])('not in: %s', (text) => {
    expect(numbersOf(text)).toEqual([]);
  });

  it('have a place: file, line and what they say', () => {
    const text = "\n\nit('S-1 a lone node leads', () => {});\n";
    expect(testsOf(ts, 'src/a.test.ts', text)).toEqual([
      { path: 'src/a.test.ts', line: 3, title: 'S-1 a lone node leads', numbers: ['S-1'] },
    ]);
  });

  it('of suites and acceptance programs are texts that begin with a number', () => {
    const text = "cases.push({ title: 'S-1 a gap is refused' }); log('as in S-2');";
    expect(numbersOf(text, 'conformance/storage.ts')).toEqual(['S-1']);
  });
});

describe('coverage', () => {
  const list: ScenarioList = {
    prefix: 'S',
    about: 'three',
    due: true,
    titles: { '1': 'one', '2': 'two', '3': 'three' },
    elsewhere: [{ from: 3, to: 3, reason: 'another floor' }],
  };
  const of = (text: string, due = true) =>
    coverage(new Map([['S', { ...list, due }]]), testsOf(ts, 'src/a.test.ts', text));

  it('tells what lacks a test, and does not ask for what belongs elsewhere', () => {
    const [report] = of("it('S-1 one', () => {});").reports;
    if (report === undefined) throw new Error('no report');
    expect(report.missing.map(({ id }) => id)).toEqual(['S-2']);
    expect(summaryOf(report)).toBe('S: 1 of 2 covered (1 belong elsewhere)');
    const lines = linesOf(report);
    expect(lines).toContain('  S-1    one');
    expect(lines).toContain('         src/a.test.ts:1  S-1 one');
    expect(lines).toContain('         NO TEST');
    expect(lines).toContain('  S-3: another floor');
    expect(linesOf(report, { isMissingOnly: true })).not.toContain('  S-1    one');
    expect(linesOf(report, { only: ['S-2'] })).not.toContain('  S-1    one');
  });

  it('names a number that is in no list, of a letter that has one', () => {
    const { unknown } = of("it('S-4 X-9 beyond the list', () => {});");
    expect(unknown.map(({ number }) => number)).toEqual(['S-4']);
  });

  it('says where a list is not due yet', () => {
    const [report] = of('', false).reports;
    if (report === undefined) throw new Error('no report');
    expect(summaryOf(report)).toBe('S: 0 of 2 covered (1 belong elsewhere; not due yet)');
  });
});

describe('this repository', () => {
  it('has no number in a title that no list knows, and a test for each scenario that is due', async () => {
    const lists = readLists();
    expect([...lists.keys()]).toEqual(expect.arrayContaining(['N', 'S']));
    const { reports, unknown } = coverage(lists, await findTests());
    expect(unknown).toEqual([]);
    for (const { due, missing } of reports) {
      if (due) expect(missing.map(({ id }) => id)).toEqual([]);
    }
  });
});
