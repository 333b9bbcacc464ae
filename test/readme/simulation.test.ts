/**
 * Goal: the modules and programs of docs/guides/simulation.md do what the page says of them, and every command of
 * the pages about the simulator is one that there is. Method: blocks are taken from the page and run by node, with
 * the package's doors in `dist/`, which `npm test` builds before it tests.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SIMULATION_MODES } from '../../sim/index.ts';
import { parseArguments } from '../../sim/run/arguments.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/src/cli/main.js');
const DOOR = join(ROOT, 'dist/sim/index.js');
const TIMEOUT_MS = 240_000;

const guide = readFileSync(join(ROOT, 'docs/guides/simulation.md'), 'utf8');
const internals = readFileSync(join(ROOT, 'docs/internals/simulator.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'quorate-simulation-guide-'));

function blocks(language: string, page = guide): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(
    (match) => match[1] ?? '',
  );
}

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text.replace("'quorate/sim'", `'${pathToFileURL(DOOR).href}'`));
}

function node(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const options = { cwd: folder, timeout: TIMEOUT_MS, maxBuffer: 2 ** 24 };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

beforeAll(() => {
  expect(existsSync(DOOR), 'dist/sim is missing: run npm run build').toBe(true);
  write('sum.mjs', blocks('js')[0] ?? '');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('docs/guides/simulation.md', () => {
  it('its command ends with 141, and quietly, when nobody reads it', async () => {
    expect(guide).toContain('141, nobody reads any more');
    const child = spawn(process.execPath, [MAIN, 'sim', 'sum.mjs', '--trace'], { cwd: folder });
    let err = '';
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    const ended = once(child, 'close');
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect([await ended, err]).toEqual([[141, null], '']);
  });

  it('its command finds the mistake, as it says', async () => {
    const [command = ''] = blocks('sh');
    const [npx, quorate, ...args] = command.trim().split(' ');
    expect([npx, quorate]).toEqual(['npx', 'quorate']);
    const { code, output } = await node(MAIN, ...args, '--stop-at-first');
    expect(code, output).toBe(1);
    const printed = output.split('\n').map((line) => line.trim());
    const [shown = ''] = blocks('text');
    const [first = '', ...rest] = shown.split('\n').filter((line) => line !== '');
    const found = printed.find((line) => line.startsWith('VIOLATION'));
    expect(first).toMatch(/^VIOLATION {2}seed \d+ \([\w-]+\) after [\d.]+ s: same results on/);
    // Word for word, but for what the page leaves out.
    const wanted = rest.map((line) => line.trim()).filter((line) => !/\.\.\.$/.test(line));
    const [head, lines] = [first.trim(), printed.join(' ')];
    expect(found).toBe(head);
    for (const line of wanted) expect(lines).toContain(line);
    for (const start of [
      'the command',
      'The machine is not deterministic',
      'Seen in this run:',
      'Usual causes:',
    ]) {
      expect(rest.some((line) => line.trim().startsWith(start))).toBe(true);
      expect(printed.some((line) => line.startsWith(start))).toBe(true);
    }
    expect(output).toContain('again: quorate sim sum.mjs --seeds');
    expect(output).toMatch(/what it needs: \d nodes?, \d rounds?, \d+ faults?, \d+ commands/);
  });

  it('a mistake in the grammar of a file has its place', async () => {
    write('syntax.mjs', '\nexport const simulation = );\n');
    const { code, output } = await node(MAIN, 'sim', 'syntax.mjs');
    expect(code).toBe(2);
    expect(output).toMatch(/syntax\.mjs:2.*\nexport const simulation = \);\n +\^\n\nSyntaxError: /);
    expect(output).not.toContain('node:internal');
  });

  it('mended as it says, nothing is found', async () => {
    const [, mended = ''] = /mended\s+\(`([^`]+)`\)/.exec(guide) ?? [];
    const text = (blocks('js')[0] ?? '').replace("return Buffer.from('0')", mended);
    expect(text).toContain(mended);
    write('mended.mjs', text);
    const { code, output } = await node(MAIN, 'sim', 'mended.mjs', '--seeds', '1..2');
    expect(code, output).toBe(0);
    expect(output).toMatch(/no violation\n$/);
  });

  it('its program reports the same', async () => {
    write('program.mjs', blocks('js')[1] ?? '');
    const { code, output } = await node('program.mjs');
    expect(code, output).toBe(1);
    expect(output).toMatch(/^\d same results on every node n\d/m);
  });

  it('its history is judged as it says', async () => {
    write('history.mjs', blocks('js')[2] ?? '');
    const { code, output } = await node('history.mjs');
    expect(code, output).toBe(0);
    expect(output).toMatch(/^false key "a": not linearizable/);
  });

  it('names every mode and every flag', async () => {
    for (const mode of SIMULATION_MODES) expect(guide).toContain(`\`${mode}\``);
    const { output } = await node(MAIN, 'sim', '--help');
    const flags = [...output.matchAll(/^ +(--[\w-]+)/gm)].map((match) => match[1] ?? '');
    expect(flags.length).toBeGreaterThan(5);
    for (const flag of flags) expect(guide).toContain(`| \`${flag}`);
  });
});

describe('docs/internals/simulator.md', () => {
  it('each command is one that there is', () => {
    const commands = blocks('', internals)
      .flatMap((block) => block.split('\n'))
      .filter((line) => line.startsWith('npm '));
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands) {
      const [start, rest = ''] = command.split(' -- ');
      expect(start).toBe('npm run sim');
      if (rest === '--nasty' || rest === '--mutants') continue;
      expect(() => parseArguments(rest.split(' ')), command).not.toThrow();
    }
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(scripts.sim).toBe('node scripts/sim.mjs');
  });

  it('names every checker, and only files that are there', () => {
    const files = [...internals.matchAll(/`((?:[\w-]+\/)*[\w-]+\.ts)`/g)].map((m) => m[1] ?? '');
    expect(files.length).toBeGreaterThan(20);
    const places = ['', 'checkers/', 'faults/', 'world/', '../'];
    const isThere = (file: string): boolean =>
      places.some((place) => existsSync(join(ROOT, 'sim', place, file)));
    expect(files.filter((file) => !isThere(file))).toEqual([]);
    const door = readFileSync(join(ROOT, 'sim/checkers/index.ts'), 'utf8');
    const parts = new Set(['./checker.ts', './cluster-records.ts']);
    for (const [, file = ''] of door.matchAll(/from '(\.\/[\w-]+\.ts)'/g)) {
      if (!parts.has(file)) expect(internals).toContain(`\`${file.slice(2)}\``);
    }
  });
});
