/**
 * Goal: the guide's example works as it stands there. Method: the block is taken from the page and run
 * by node, with the package's doors in `dist/`, which `npm test` builds before it tests.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GUIDE = join(ROOT, 'docs/guides/conformance.md');

it('the state machine of docs/guides/conformance.md passes', async () => {
  const page = readFileSync(GUIDE, 'utf8');
  const blocks = [...page.matchAll(/^```js\n(.*?)^```/gms)].map((match) => match[1] ?? '');
  const block = blocks.find((text) => text.includes('stateMachineConformance({')) ?? '';
  const door = (path: string): string => `'${pathToFileURL(join(ROOT, 'dist', path)).href}'`;
  const text = block
    .replace("'quorate/conformance'", door('conformance/index.js'))
    .replace("'quorate'", door('src/index.js'));
  expect(existsSync(join(ROOT, 'dist/conformance/index.js')), 'run npm run build').toBe(true);
  const folder = mkdtempSync(join(tmpdir(), 'quorate-guide-'));
  try {
    writeFileSync(join(folder, 'guide.mjs'), text);
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'guide.mjs')]);
    expect(stdout).toBe('12 passed, 0 failed\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('the guide speaks of every suite that is exported, and points to pages that are there', () => {
  const page = readFileSync(GUIDE, 'utf8');
  for (const name of ['storage', 'transport', 'stateMachine', 'engine']) {
    expect(page).toContain(`${name}Conformance(`);
  }
  const paths = [...page.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] ?? '');
  expect(paths.length).toBeGreaterThan(1);
  for (const path of paths) expect(existsSync(join(ROOT, 'docs/guides', path)), path).toBe(true);
});
