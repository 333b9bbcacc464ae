/**
 * Goal: every command in README.md and in the first guide works as it stands there. Method: the `sh` blocks
 * are taken from the page and run against a cluster that the page's own `npm start` brought up, in a
 * temporary folder and on free ports (the page's ports and folder are replaced by those, nothing else).
 * The embedded example is run twice: the second run must go on counting.
 *
 * Two commands are not run here: `npm test`, because this is it, and the acceptance program, which CI runs
 * word for word; that they exist under these names is checked.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePort } from '../free-ports.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/src/cli/main.js');
/** The first `npm start` in a clone also builds. */
const START_MS = 240_000;
const COMMAND_MS = 120_000;

interface Node {
  readonly id: string;
  readonly clients: string;
  readonly http: string;
}

const folder = mkdtempSync(join(tmpdir(), 'quorate-readme-'));
let npmStart: ChildProcess | undefined;
let startOutput = '';
/** Its pipes are closed by the last process that holds them. */
let isClosed = false;
let nodes: readonly Node[] = [];

function blocksOf(page: string, language: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(
    (match) => match[1] ?? '',
  );
}

function commandsOf(page: string): string[] {
  return blocksOf(page, 'sh')
    .flatMap((block) => block.split('\n'))
    .filter((line) => line !== '');
}

/** The page's ports (73xx, 72xx) and folder become those of this run. */
function here(command: string): string {
  return command
    .replace(/127\.0\.0\.1:730(\d)/g, (_, n: string) => nodes[Number(n) - 1]?.http ?? '')
    .replace(/127\.0\.0\.1:720(\d)/g, (_, n: string) => nodes[Number(n) - 1]?.clients ?? '')
    .replaceAll('.quorate/', `${join(folder, '.quorate')}/`);
}

function run(command: string, cwd: string): Promise<{ code: number; output: string }> {
  const env = {
    ...process.env,
    QUORATE_NODES: nodes.map((node) => node.clients).join(','),
    QUORATE_HTTP: nodes.map((node) => node.http).join(','),
  };
  return new Promise((resolve) => {
    execFile('sh', ['-c', command], { cwd, env, timeout: COMMAND_MS }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: code === 0 ? stdout : `${stdout}${stderr}` });
    });
  });
}

beforeAll(async () => {
  const args = ['start', '--', '--dir', join(folder, '.quorate')];
  args.push('--base-port', String(await freePort()));
  const started = spawn('npm', args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  npmStart = started;
  started.once('close', () => {
    isClosed = true;
  });
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`not ready: ${startOutput}`)), START_MS - 5_000);
    const hear = (chunk: unknown): void => {
      startOutput += chunk;
      if (!/^ready: three nodes .*$/m.test(startOutput)) return;
      clearTimeout(late);
      resolve();
    };
    started.stdout?.on('data', hear);
    started.stderr?.on('data', hear);
    started.once('exit', (code) => reject(new Error(`npm start ended (${code}): ${startOutput}`)));
  });
  const cluster = readFileSync(join(folder, '.quorate', 'cluster.json'), 'utf8');
  nodes = (JSON.parse(cluster) as { nodes: Node[] }).nodes;
});

afterAll(async () => {
  const started = npmStart;
  // All of its group, also where npm itself is gone.
  if (started?.pid !== undefined && !isClosed) {
    const closed = once(started, 'close');
    process.kill(-started.pid, 'SIGTERM');
    await closed;
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
});

describe('README.md', () => {
  it('npm start prints the ready line with the addresses of three nodes', () => {
    expect(startOutput).toMatch(
      /^ready: three nodes n1=http:\/\/127\.0\.0\.1:\d+ n2=http:\/\/127\.0\.0\.1:\d+ n3=http:\/\/127\.0\.0\.1:\d+$/m,
    );
  });

  it('every command works as it stands there, and what was written outlives kill -9', async () => {
    const seen = new Map<string, string>();
    for (const command of commandsOf('README.md')) {
      if (command.startsWith('npm ')) {
        expectScript(command);
        continue;
      }
      const { code, output } = await run(here(command), ROOT);
      expect(code, `${command}\n${output}`).toBe(0);
      seen.set(command, output.trim());
    }
    expect(seen.get('curl http://127.0.0.1:7302/v1/kv/greeting')).toMatch(/^hello|hello$/);
    expect(seen.get('npx quorate kv get greeting')).toBe('hello');
    expect(seen.get('npx quorate kv increment visits')).toBe('1');
    expect(seen.get('npx quorate kv list')).toBe('greeting\thello\nvisits\t1');
    expect(seen.get('npx quorate status')).toContain('leader');
  });

  it('the embedded example counts, and goes on counting when it is run again', async () => {
    const [example = ''] = blocksOf('README.md', 'js');
    const port = await freePort();
    const door = pathToFileURL(join(ROOT, 'dist/src/index.js')).href;
    const text = example.replace("'quorate'", `'${door}'`).replace('7501', String(port));
    writeFileSync(join(folder, 'example.mjs'), text);
    expect(await run('node example.mjs', folder)).toEqual({ code: 0, output: 'counted to 1\n' });
    expect(await run('node example.mjs', folder)).toEqual({ code: 0, output: 'counted to 2\n' });
  });

  it('every page that it points to is there', () => {
    const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const paths = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] ?? '');
    expect(paths.length).toBeGreaterThan(10);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe('docs/guides/getting-started.md', () => {
  it('every command works as it stands there', async () => {
    for (const command of commandsOf('docs/guides/getting-started.md')) {
      if (command.startsWith('npm ')) {
        expectScript(command);
        continue;
      }
      const direct = here(command).replace('npx quorate', `node ${MAIN}`);
      const { code, output } = await run(direct, folder);
      expect(code, `${command}\n${output}`).toBe(0);
    }
  });
});

/** The last one: it takes the cluster away. */
describe('npm start', () => {
  it('stops all nodes in order when npm alone is told to end', async () => {
    const started = npmStart as ChildProcess;
    const closed = once(started, 'close');
    process.kill(started.pid as number, 'SIGTERM');
    await closed;
    expect(startOutput).toMatch(/^stopped$/m);
  });
});

function expectScript(command: string): void {
  const facts = readFileSync(join(ROOT, 'package.json'), 'utf8');
  const scripts = (JSON.parse(facts) as { scripts: Record<string, string> }).scripts;
  const [, name = '', target = ''] = /^npm (?:run )?([\w:]+)(?: -- )?(.*)$/.exec(command) ?? [];
  const file = scripts[name]?.split(' ')[1] ?? 'nothing';
  expect(existsSync(join(ROOT, file)), command).toBe(true);
  if (name !== 'acceptance') return;
  const steps = readFileSync(join(ROOT, 'scripts/test.mjs'), 'utf8');
  expect(steps.includes(`'${target.split(' ').join("', '")}'`), command).toBe(true);
}
