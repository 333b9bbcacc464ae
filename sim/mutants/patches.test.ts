/**
 * The deliberate faults fit the sources as they are, and say what they are about. A mutant that no longer
 * applies is a fault that nobody looks for any more; that shows here, long before the simulator runs them.
 * Whether each passes the compiler is looked at by the runner, which has more time.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

import { TypeChecker } from '../../scripts/mutant-copies.mjs';
import { applyPatch, parsePatch, readPatches } from '../../scripts/mutant-patches.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PATCHES = readPatches(join(ROOT, 'sim', 'mutants'));
/** How many the simulator is measured by, and how many of a room at least. */
const MUTANTS_MIN = 48;
const ROOM_MIN: Readonly<Record<string, number>> = {
  raft: 20,
  storage: 8,
  transport: 4,
  consensus: 14,
};

const folders: string[] = [];

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-patches-test-'));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('the mutants of this repository', () => {
  it('are enough, in every room that promises something', () => {
    expect(PATCHES.length).toBeGreaterThanOrEqual(MUTANTS_MIN);
    for (const [room, least] of Object.entries(ROOM_MIN)) {
      const count = PATCHES.filter(({ name }) => name.startsWith(`${room}-`)).length;
      expect(count, room).toBeGreaterThanOrEqual(least);
    }
  });

  it('are named after a room that they change, and each is another fault', () => {
    for (const { name, files } of PATCHES) {
      const room = name.split('-')[0];
      expect(name).toMatch(/^[a-z]+(-[a-z]+)+$/);
      expect(
        files.some((file) => file.startsWith(`src/${room}/`)),
        name,
      ).toBe(true);
    }
    const changes = PATCHES.map(({ path }) => changedLines(readFileSync(path, 'utf8')));
    expect(new Set(changes).size).toBe(PATCHES.length);
    expect(new Set(PATCHES.map(({ what }) => what)).size).toBe(PATCHES.length);
  });

  it.each(PATCHES.map((patch) => [patch.name, patch] as const))('%s applies', (_, patch) => {
    const changed = applyPatch(ROOT, patch);
    for (const [file, text] of changed) {
      expect(text, file).not.toBe(readFileSync(join(ROOT, file), 'utf8'));
    }
  });
});

function changedLines(text: string): string {
  const isChange = (line: string): boolean => /^[-+]/.test(line);
  return text.split('\n').filter(isChange).join('\n');
}

describe('a patch that is not what it should be', () => {
  const HEAD = '# what: a\n# breaks: b\n# expect: c\n';
  const DIFF = [
    '--- a/src/sum.ts',
    '+++ b/src/sum.ts',
    '@@ -1,2 +1,2 @@',
    ' export const one: number = 1;',
    '-export const two: number = 2;',
    '+export const two: number = 3;',
    '',
  ].join('\n');

  function treeWith(text: string): string {
    const root = temporaryFolder();
    mkdirSync(join(root, 'src'));
    writeFileSync(join(root, 'src', 'sum.ts'), text);
    writeFileSync(join(root, 'm.patch'), HEAD + DIFF);
    return root;
  }

  it('is applied to a copy only', () => {
    const text = 'export const one: number = 1;\nexport const two: number = 2;\n';
    const root = treeWith(text);
    const [patch] = readPatches(root);
    const changed = applyPatch(root, patch as NonNullable<typeof patch>);
    expect([...changed]).toEqual([['src/sum.ts', text.replace('= 2', '= 3')]]);
    expect(readFileSync(join(root, 'src', 'sum.ts'), 'utf8')).toBe(text);
  });

  it('names mutant, file and hunk when it does not fit', () => {
    const root = treeWith('export const one: number = 1;\nexport const two: number = 9;\n');
    const [patch] = readPatches(root);
    expect(() => applyPatch(root, patch as NonNullable<typeof patch>)).toThrow(
      'mutant m: hunk 1 of 1 for src/sum.ts (line 1) does not fit the present source',
    );
  });

  it('says so when the file that it changes is gone', () => {
    const root = treeWith('');
    rmSync(join(root, 'src', 'sum.ts'));
    const [patch] = readPatches(root);
    expect(() => applyPatch(root, patch as NonNullable<typeof patch>)).toThrow(
      'mutant m: src/sum.ts, which it changes, is gone',
    );
  });

  it('is refused without a whole head, without a diff, or with one beyond src/', () => {
    const parse = (text: string) => () => parsePatch('m', 'm.patch', text);
    expect(parse(`# what: a\n${DIFF}`)).toThrow('lacks "# breaks: ...", "# expect: ..."');
    expect(parse(HEAD)).toThrow('holds no "+++ b/FILE"');
    expect(parse(HEAD + DIFF.replaceAll('src/', 'sim/'))).toThrow('only sources in src/');
    expect(parse(HEAD + DIFF.replaceAll('src/', 'src/../../'))).toThrow('only sources in src/');
  });

  it('is missed where its folder is', () => {
    const root = temporaryFolder();
    expect(() => readPatches(root)).toThrow('no mutant (*.patch) lies in');
    expect(() => readPatches(join(root, 'none'))).toThrow('there is no folder');
  });

  it('is found out when the compiler would not pass it', () => {
    const root = treeWith('export const one: number = 1;\n');
    const config = { compilerOptions: { strict: true, module: 'NodeNext', target: 'ES2023' } };
    writeFileSync(
      join(root, 'tsconfig.build.json'),
      JSON.stringify({ ...config, include: ['src'] }),
    );
    const checker = new TypeChecker(root);
    const check = (text: string) => checker.errorsOf(new Map([['src/sum.ts', text]]));
    expect(check("export const one: number = 'one';\n")).toContain('not assignable');
    expect(check('export const one: number = 2;\n')).toBe('');
  });
});
