/**
 * `npm run sim -- --versions [--seeds A..B]`: the same seeds under this Node.js and under others, which npx fetches;
 * each seed must take the same way under all of them, told by the hash of everything that happened in it.
 *
 * That a seed brings a run back on any machine is a claim. Engines differ in what no page promises (how
 * Math.log rounds, how a sort treats equals, in which order microtasks settle), and nothing here may hang on it.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main, ROOT, StepFailed } from './steps.mjs';

/** Major versions that Quorate is meant for. The one that runs this is compared as it is. */
const MAJORS = [20, 22, 24];
/** Of three modes and workloads at least; some seconds a version. */
const SEEDS = '1..4';
const SIMULATOR = join(ROOT, 'dist', 'sim', 'run', 'main.js');

/** What a program printed. @throws StepFailed with what it had to say. */
function outputOf(program, args, failure) {
  return new Promise((resolve, reject) => {
    // On Windows npx is a script of its shell.
    const shell = program === 'npx' && process.platform === 'win32';
    const child = spawn(program, args, { cwd: ROOT, shell });
    const texts = { out: '', err: '' };
    child.stdout.on('data', (data) => {
      texts.out += data;
    });
    child.stderr.on('data', (data) => {
      texts.err += data;
    });
    child.on('error', (error) => reject(new StepFailed(`${failure}: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) resolve(texts.out.trim());
      else reject(new StepFailed(`${failure} (exit code ${code}):\n${texts.err}${texts.out}`));
    });
  });
}

/** Where npx put it. */
async function fetched(major) {
  const failure = `Node.js ${major} could not be fetched by npx. Is the package registry reachable?`;
  const printed = await outputOf(
    'npx',
    ['-y', '-p', `node@${major}`, 'node', '-p', 'process.execPath'],
    failure,
  );
  return printed.split('\n').at(-1);
}

/** Hash by seed, as one text each. */
async function hashesUnder(program, seeds) {
  const threads = String(availableParallelism());
  const args = [SIMULATOR, '--json', '--seeds', seeds, '--threads', threads];
  const printed = await outputOf(program, args, `seeds ${seeds} failed under ${program}`);
  return JSON.parse(printed).runs.map(({ seed, hash }) => `${seed} ${hash}`);
}

await main(async () => {
  const { values } = parseArgs({ options: { seeds: { type: 'string', default: SEEDS } } });
  await ensureInstalled();
  await ensureBuilt();
  const own = process.versions.node;
  const expected = await hashesUnder(process.execPath, values.seeds);
  process.stdout.write(`Node.js ${own}: ${expected.join(', ')}\n`);
  let different = 0;
  for (const major of MAJORS) {
    if (own.startsWith(`${major}.`)) continue;
    const program = await fetched(major);
    const version = await outputOf(program, ['-p', 'process.versions.node'], program);
    const found = await hashesUnder(program, values.seeds);
    const strays = expected.flatMap((one, at) => (found[at] === one ? [] : [found[at] ?? one]));
    different += strays.length;
    const verdict = strays.length === 0 ? 'the same' : `DIFFERENT ${strays.join(', ')}`;
    process.stdout.write(`Node.js ${version}: ${verdict}\n`);
  }
  return different === 0 ? 0 : 1;
});
