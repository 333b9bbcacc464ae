/**
 * Goal: the programs of docs/guides/raw-core.md and docs/guides/own-parts.md work as they stand.
 * Method: the `js` blocks of a page, one after the other, are one program; it runs in a folder of
 * its own that has the package installed. The page's port is replaced by a free one, nothing else.
 */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { freePort } from '../free-ports.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let folder: string;

beforeEach(() => {
  expect(existsSync(join(ROOT, 'dist/src/index.js')), 'run npm run build').toBe(true);
  folder = mkdtempSync(join(tmpdir(), 'quorate-parts-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/quorate'), 'junction');
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function programOf(page: string): string {
  const text = readFileSync(join(ROOT, 'docs/guides', page), 'utf8');
  return [...text.matchAll(/^```js\n(.*?)^```/gms)].map((match) => match[1] ?? '').join('');
}

async function run(program: string): Promise<string> {
  writeFileSync(join(folder, 'program.mjs'), program);
  const { stdout } = await promisify(execFile)(process.execPath, ['program.mjs'], { cwd: folder });
  return stdout;
}

it('raw-core.md: one core goes through all that the page tells', async () => {
  expect(await run(programOf('raw-core.md'))).toBe(
    [
      'read: red',
      'voters 1, learners 2',
      'a message for member 2',
      'after the crash: red,green',
      'asynchronous: red,green',
      '',
    ].join('\n'),
  );
});

it('own-parts.md: a node over disk and TCP counts, and goes on', async () => {
  const program = programOf('own-parts.md').replace('7502', String(await freePort()));
  expect(await run(program)).toBe('counted to 1\n');
  expect(await run(program)).toBe('counted to 2\n');
});
