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
import { fileURLToPath, pathToFileURL } from 'node:url';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { endOf, main, ROOT, StepFailed, WrongArguments } from './steps.mjs';

const USAGE = `usage: npm run sim -- --versions [--seeds A..B]

  --seeds A..B      which seeds (default 1..4)
`;

/** Major versions that Quorate is meant for. The one that runs this is compared as it is. */
const MAJORS = [20, 22, 24];
/** Of three modes and workloads at least; some seconds a version. */
const SEEDS = '1..4';
const SIMULATOR = join(ROOT, 'dist', 'sim', 'run', 'main.js');

/** What a program printed. @throws StepFailed with what it had to say. */
async function outputOf(program, args, failure) {
  // On Windows npx is a script of its shell.
  const shell = program === 'npx' && process.platform === 'win32';
  const child = spawn(program, args, { cwd: ROOT, shell, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { out: '', err: '' };
  child.stdout.on('data', (data) => {
    texts.out += data;
  });
  child.stderr.on('data', (data) => {
    texts.err += data;
  });
  const code = await endOf(child).catch((error) => {
    throw new StepFailed(`${failure}: ${error.message}`);
  });
  if (code === 0) return texts.out.trim();
  throw new StepFailed(`${failure} (exit code ${code}):\n${texts.err}${texts.out}`);
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

/** `seeds`, or `help`. `parser`: of the build, as sim/run/arguments.ts and given-options.ts. */
export function optionsOf(argv, { givenOptions, parseArguments }) {
  const { texts, flags, names } = givenOptions(argv, { seeds: 'text' });
  if (flags.has('help')) return 'help';
  if (names.length > 0) throw new WrongArguments(`${names[0]} is no option: leave it out`);
  const seeds = texts.get('seeds') ?? SEEDS;
  parseArguments(['--seeds', seeds]);
  return { seeds };
}

async function compare({ seeds }) {
  const own = process.versions.node;
  const expected = await hashesUnder(process.execPath, seeds);
  process.stdout.write(`Node.js ${own}: ${expected.join(', ')}\n`);
  let different = 0;
  for (const major of MAJORS) {
    if (own.startsWith(`${major}.`)) continue;
    const program = await fetched(major);
    const version = await outputOf(program, ['-p', 'process.versions.node'], program);
    const found = await hashesUnder(program, seeds);
    const strays = expected.flatMap((one, at) => (found[at] === one ? [] : [found[at] ?? one]));
    different += strays.length;
    const verdict = strays.length === 0 ? 'the same' : `DIFFERENT ${strays.join(', ')}`;
    process.stdout.write(`Node.js ${version}: ${verdict}\n`);
  }
  return different === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    await ensureInstalled();
    await ensureBuilt();
    const built = (name) => import(pathToFileURL(join(ROOT, 'dist', 'sim', 'run', name)).href);
    const parser = { ...(await built('given-options.js')), ...(await built('arguments.js')) };
    const options = optionsOf(process.argv.slice(2), parser);
    if (options !== 'help') return await compare(options);
    process.stdout.write(USAGE);
    return 0;
  }, 'npm run sim -- --versions --help');
}
