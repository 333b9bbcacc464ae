/**
 * The runner itself, our own scripts, and the large corpus where somebody has it: point
 * QUORATE_RAFT_CORPUS at a folder of scripts in the format of etcd-io/raft's data-driven tests.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runRaftConformance, runScript } from './index.ts';
import { normalise } from './normalise.ts';
import { parseScript } from './parser.ts';
import { quoteBytes } from './quote.ts';

const OWN_SCRIPTS = fileURLToPath(new URL('./scripts', import.meta.url));
const BESIDE = fileURLToPath(new URL('../../../shared/conformance', import.meta.url));
const CORPUS = process.env['QUORATE_RAFT_CORPUS'] ?? BESIDE;

function expectAllPass(folder: string, casesMin: number): void {
  const { failures, failed, passed } = runRaftConformance([folder]);
  const [first] = failures;
  expect(
    first === undefined ? '' : `${first.file}:${first.line} ${first.command}\n${first.what}`,
  ).toBe('');
  expect(failed).toBe(0);
  expect(passed).toBeGreaterThanOrEqual(casesMin);
}

it('our own scripts pass', () => {
  expectAllPass(OWN_SCRIPTS, 270);
});

describe.skipIf(!existsSync(CORPUS))(
  'the corpus (skipped unless QUORATE_RAFT_CORPUS names a folder)',
  () => {
    it('passes', () => {
      expectAllPass(CORPUS, 1);
    });
  },
);

describe('the runner', () => {
  const wrong =
    'add-nodes 1 voters=(1) index=2\n----\nok\n\ncampaign 1\n----\nno\n\nraft-state\n----\nx\n';

  it('stops a file at its first mismatch and counts the rest as failed', () => {
    const { passed, failed, failure } = runScript('x.txt', wrong);
    expect([passed, failed]).toEqual([1, 2]);
    expect(failure).toMatchObject({ file: 'x.txt', line: 5, command: 'campaign 1' });
    expect(failure?.what).toContain('- no\n+ ok');
  });

  it('fails a command that it does not know, and a file that it can not read', () => {
    expect(runScript('x', 'fly 1\n----\nok\n')).toMatchObject({ passed: 0, failed: 1 });
    expect(runScript('x', 'committed cfg=(1\n----\nok\n')).toMatchObject({ passed: 0, failed: 1 });
  });

  it('refuses arguments of its own commands that mean nothing', () => {
    const add = 'add-nodes 2 voters=(1,2) index=2\n----\nok\n\n';
    for (const command of ['report-snapshot 1 2 maybe', 'report-snapshot 1 2', 'restart 9']) {
      const { failure } = runScript('x', `${add}${command}\n----\nok\n`);
      expect(failure).toMatchObject({ line: 5, command });
    }
  });

  it('finds scripts in folders, and reports none as none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'quorate-scripts-'));
    try {
      expect(runRaftConformance([folder])).toMatchObject({ files: 0, passed: 0, failed: 0 });
      writeFileSync(join(folder, 'wrong.txt'), wrong);
      writeFileSync(join(folder, 'notes.md'), 'no script');
      writeFileSync(join(folder, 'modules.txt'), '# module v1.0.0\n## explicit\nmodule\n');
      expect(runRaftConformance([folder])).toMatchObject({ files: 1, passed: 1, failed: 2 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the format', () => {
  it('has arguments with none, one and many values', () => {
    const [parsed] = parseScript('# x\n\ndo 1 a=b c= d=(e, f,(g,h)) \\\n  last\nin\n----\nout\n\n');
    expect(parsed).toEqual({
      line: 3,
      directive: 'do 1 a=b c= d=(e, f,(g,h))  last',
      command: 'do',
      args: [
        { key: '1', values: [] },
        { key: 'a', values: ['b'] },
        { key: 'c', values: [''] },
        { key: 'd', values: ['e', 'f', '(g,h)'] },
        { key: 'last', values: [] },
      ],
      input: 'in',
      expected: 'out\n',
    });
  });

  it('has fenced outputs with blank lines in them', () => {
    const cases = parseScript('a\n----\n----\none\n\ntwo\n----\n----\n\nb\n----\nok\n');
    expect(cases.map(({ expected }) => expected)).toEqual(['one\n\ntwo\n', 'ok\n']);
  });

  it('is compared without log lines and trailing blanks', () => {
    expect(normalise('  INFO 1 became leader\nx  \n\n  y\n')).toEqual(['x', '  y']);
    expect(normalise('DEBUG only logs\n')).toEqual(['ok']);
  });

  it('quotes data the way the scripts do', () => {
    const quote = (text: string): string => quoteBytes(new TextEncoder().encode(text));
    expect(quote('a"b\\\n\x01ü\u200b')).toBe('"a\\"b\\\\\\n\\x01ü\\u200b"');
    expect(quoteBytes(new Uint8Array([0xff, 0x61, 0xc3]))).toBe('"\\xffa\\xc3"');
  });
});
