/**
 * `npm run sim -- --mutants [DIR] [options] [-- PROGRAM ARGUMENTS...]`: does the simulator find what it is
 * there to find? Each patch of DIR (sim/mutants) is a fault that somebody could have made. It is planted in
 * a copy of the build, and the simulator runs there until something is found: first the worlds of a few seeds,
 * then the nasty scenarios that the patch names, more seeds, all scenarios, and all the other seeds. The
 * table says which it was. What is cheap and likely comes before what is not: most faults are found by the
 * first seeds, and a named scenario costs less than one. It is not first for a script only ever finds what
 * somebody had thought of. The options: USAGE.
 *
 * The program prints, as one line of JSON on stdout, what the simulator says under --json: `violations`, a
 * list, each with `seed`, `mode`, `workload`, and `violation: { checker, message }`. A program that does not
 * has broken down, and one that does not end is stuck; so is a run that failed by itself. None of these is a
 * mutant that was found: the simulator has to find them, and the table would tell nothing if anything counted.
 *
 * For the same reason the unchanged sources run first, on the same seeds: they must pass.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { applyPatch, readPatches } from './mutant-patches.mjs';
import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { exitCodeOf, main, ROOT, StepFailed, WrongArguments } from './steps.mjs';

const USAGE = `usage: npm run sim -- --mutants [DIR] [options] [-- PROGRAM ARGUMENTS...]

  DIR                  the folder of patches (default sim/mutants)
  --only NAME          only the mutants whose name holds NAME
  --seeds A..B         which worlds each of them lives in (1..200)
  --parallel N         how many at a time (2)
  --timeout-seconds N  longest for one of them (1800)
  --skip-typecheck     does not check first that each mutant passes the compiler
  --skip-baseline      does not run the unchanged sources first
  --no-nasty           only the worlds of the seeds, not the scenarios
  -- PROGRAM ...       what Node is to run in the copy, in place of the simulator
`;
const KINDS = {
  only: 'text',
  seeds: 'text',
  parallel: 'text',
  'timeout-seconds': 'text',
  'skip-typecheck': 'flag',
  'skip-baseline': 'flag',
  'no-nasty': 'flag',
};
const FOLDER = join('sim', 'mutants');
const BASELINE = '(unchanged)';
const SEEDS = '1..200';
/** Of these so many before the scenarios that a patch names, and so many before all of them. */
const SEEDS_FIRST = 5;
const SEEDS_EARLY = 40;
const PARALLEL = 2;
const TIMEOUT_SECONDS = 1800;
/** Of a program that broke down: enough to see why. */
const ERROR_BYTES_KEPT = 4096;

/** What a run says that failed without a checker. */
const NO_CHECKER = 'the run itself';

/** What runs in each copy, from its root. On one thread, so that the first seed that fails is the one told. */
export function simulatorCommand(seeds, threads = 1) {
  const simulator = join('dist', 'sim', 'run', 'main.js');
  const told = ['--json', '--stop-at-first', '--no-shrink'];
  return [simulator, ...told, '--seeds', seeds, '--threads', String(threads)];
}

/** The scripts of these scenarios (as N-21), or all. */
export function nastyCommand(scenarios = []) {
  return [join('dist', 'sim', 'nasty', 'main.js'), '--json', '--stop-at-first', ...scenarios];
}

/** What is run in the copy of a mutant, one after the other until something is found. */
export function searchesFor(patch, seeds, isNasty = true) {
  if (!isNasty) return [simulatorCommand(seeds)];
  const [from, to] = rangeOf(seeds);
  const named = [...new Set(`${patch.breaks} ${patch.expect}`.match(/\bN-\d+/g) ?? [])];
  const worlds = (first, last) => {
    const [begin, end] = [from + first, Math.min(to, from + last - 1)];
    return begin <= end ? [simulatorCommand(`${begin}..${end}`)] : [];
  };
  return [
    ...worlds(0, SEEDS_FIRST),
    ...(named.length > 0 ? [nastyCommand(named)] : []),
    ...worlds(SEEDS_FIRST, SEEDS_EARLY),
    nastyCommand(),
    ...worlds(SEEDS_EARLY, Number.POSITIVE_INFINITY),
  ];
}

function rangeOf(seeds) {
  const match = /^(\d+)\.\.(\d+)$/.exec(seeds);
  const [from, to] = [Number(match?.[1]), Number(match?.[2])];
  if (match !== null && from <= to) return [from, to];
  throw new WrongArguments(`--seeds is ${seeds}: give a range such as ${SEEDS}`);
}

/** What must not outlive this process. */
const folders = new Set();
const children = new Set();

function cleanUp() {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/**
 * Runs the command in a copy. `{ kind: 'found', foundBy, seed, where, what }`, `{ kind: 'missed' }`, or
 * `{ kind: 'broken' | 'stuck', what }`.
 */
export function findMutant(folder, { command, timeoutMs }) {
  return new Promise((settle) => {
    const child = spawn(process.execPath, command, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    let said;
    let line = '';
    let errors = '';
    let isLate = false;
    const look = (text) => {
      said = verdictOf(text) ?? said;
    };
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      const lines = (line + chunk).split('\n');
      line = lines.pop();
      for (const whole of lines) look(whole);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      errors = (errors + chunk).slice(-ERROR_BYTES_KEPT);
    });
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.on('error', (error) => {
      errors += error.message;
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      children.delete(child);
      look(line);
      if (said !== undefined) settle(said);
      else if (isLate) settle({ kind: 'stuck', what: `no end after ${timeoutMs / 1000} s` });
      else settle({ kind: 'broken', what: `ended with ${signal ?? code}: ${lastLine(errors)}` });
    });
  });
}

/** The first of the searches that comes to anything tells what. */
async function search(folder, searches, timeoutMs) {
  let verdict = { kind: 'missed' };
  for (const command of searches) {
    verdict = await findMutant(folder, { command, timeoutMs });
    if (verdict.kind !== 'missed') break;
  }
  return verdict;
}

function verdictOf(line) {
  if (!line.startsWith('{')) return undefined;
  let value;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value.violations)) return undefined;
  const [first] = [...value.violations].sort((a, b) => a.seed - b.seed);
  if (first === undefined) return { kind: 'missed' };
  const { seed, mode, workload, violation } = first;
  const { checker, message } = violation;
  const what = firstLine(message);
  if (checker === NO_CHECKER) return { kind: 'broken', what: `seed ${seed}: ${what}` };
  return { kind: 'found', foundBy: checker, seed, where: `${mode}, ${workload}`, what };
}

function firstLine(text) {
  return String(text).split('\n')[0];
}

/** Of a stack the line that says what it is about. */
function lastLine(text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /Error\b.*:/.test(line))?.trim() ?? lines.at(-1)?.trim() ?? 'nothing';
}

/** Runs them all; what came of each, in their order. Throws when the table would mean nothing. */
export async function runMutants(options) {
  const { root, folder, only, searches, baseline, timeoutMs, parallel, write } = options;
  const { makeCopy } = await import('./mutant-copies.mjs');
  const patches = readPatches(folder).filter(({ name }) => name.includes(only ?? ''));
  if (patches.length === 0) throw new WrongArguments(noneCalled(folder, only));
  const mutants = applyAll(root, patches);
  if (options.isTypechecked) await checkTypes(root, mutants);

  const attempt = async (name, changes, commands) => {
    const startMs = performance.now();
    const copy = makeCopy(root, changes);
    folders.add(copy);
    try {
      const verdict = await search(copy, commands, timeoutMs);
      return { name, ...verdict, seconds: (performance.now() - startMs) / 1000 };
    } finally {
      folders.delete(copy);
      rmSync(copy, { recursive: true, force: true });
    }
  };
  if (!options.isBaselineSkipped) {
    const row = await attempt(BASELINE, new Map(), baseline);
    write(lineOf(row));
    if (row.kind !== 'missed') throw new StepFailed(wrongBaseline(row));
  }
  const rows = new Array(mutants.length);
  let next = 0;
  const work = async () => {
    for (let i = next++; i < mutants.length; i = next++) {
      const { patch, changes } = mutants[i];
      rows[i] = await attempt(patch.name, changes, searches(patch));
      write(lineOf(rows[i]));
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return rows;
}

function noneCalled(folder, only) {
  return `no mutant in ${folder} is called ${only}: give a part of the name of one of its files`;
}

/** All that do not fit are told at once. */
function applyAll(root, patches) {
  const misfits = [];
  const mutants = patches.map((patch) => {
    try {
      return { patch, changes: applyPatch(root, patch) };
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      misfits.push(error.message);
      return undefined;
    }
  });
  if (misfits.length > 0) throw new StepFailed(misfits.join('\n'));
  return mutants;
}

async function checkTypes(root, mutants) {
  const { TypeChecker } = await import('./mutant-copies.mjs');
  const checker = new TypeChecker(root);
  const wrong = mutants.flatMap(({ patch, changes }) => {
    const error = checker.errorsOf(changes);
    return error === '' ? [] : [`mutant ${patch.name} does not pass the compiler: ${error}`];
  });
  if (wrong.length > 0) throw new StepFailed(wrong.join('\n'));
}

function wrongBaseline({ kind, foundBy, seed, what }) {
  const said = kind === 'found' ? `${foundBy} says at seed ${seed}: ${what}` : `${kind}: ${what}`;
  return `the sources without any mutant do not pass, so the table would mean nothing: ${said}`;
}

function lineOf({ name, kind, foundBy, where, seed, seconds, what }) {
  const took = `${seconds.toFixed(1)} s`;
  if (name === BASELINE && kind === 'missed') return `${name}: passes, ${took}`;
  if (kind !== 'found') return `${name}: ${wordFor(kind)}, ${took}${what ? ` (${what})` : ''}`;
  return `${name}: found by ${foundBy} at seed ${seed} (${where}), ${took}: ${what}`;
}

function wordFor(kind) {
  return kind === 'missed' ? 'NOT FOUND' : kind.toUpperCase();
}

/** The table, as lines. */
export function tableOf(rows) {
  const head = ['mutant', 'found by', 'mode, workload', 'seed', 'seconds'];
  const cells = rows.map((row) => [
    row.name,
    row.kind === 'found' ? row.foundBy : wordFor(row.kind),
    row.where ?? '',
    row.seed === undefined ? '' : String(row.seed),
    row.seconds.toFixed(1),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...cells].map((line) => line[i].length)));
  const lines = [head, ...cells].map((line) =>
    line
      .map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd(),
  );
  const found = rows.filter(({ kind }) => kind === 'found').length;
  return [
    ...lines,
    `${rows.length} mutant${rows.length === 1 ? '' : 's'}, ${found} found, ${rows.length - found} not found`,
  ];
}

/** What `runMutants` takes, or `help`. `givenOptions`: of the build, as sim/run/given-options.ts. */
export function optionsOf(argv, givenOptions) {
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  const { texts, flags, names } = givenOptions(own, KINDS);
  if (flags.has('help')) return 'help';
  const [folder = FOLDER, ...more] = names;
  if (more.length > 0)
    throw new WrongArguments(
      `one folder of mutants is taken, not ${more[0]} as well: leave it out`,
    );
  const seeds = texts.get('seeds') ?? SEEDS;
  return {
    root: ROOT,
    folder: isAbsolute(folder) ? folder : join(ROOT, folder),
    only: texts.get('only'),
    ...searchesOf(seeds, flags.has('no-nasty'), end < 0 ? undefined : argv.slice(end + 1)),
    parallel: countOf('--parallel', texts.get('parallel') ?? PARALLEL),
    timeoutMs: countOf('--timeout-seconds', texts.get('timeout-seconds') ?? TIMEOUT_SECONDS) * 1000,
    isTypechecked: !flags.has('skip-typecheck'),
    isBaselineSkipped: flags.has('skip-baseline'),
    write: (line) => process.stdout.write(`${line}\n`),
  };
}

/** The unchanged sources run alone, with all processors, and through all seeds. */
function searchesOf(seeds, isSeedsOnly, given) {
  if (given !== undefined) return { searches: () => [given], baseline: [given] };
  rangeOf(seeds);
  return {
    searches: (patch) => searchesFor(patch, seeds, !isSeedsOnly),
    baseline: [
      simulatorCommand(seeds, availableParallelism()),
      ...(isSeedsOnly ? [] : [nastyCommand()]),
    ],
  };
}

function countOf(option, text) {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new WrongArguments(`${option} is ${text}: give a whole number above 0`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    await ensureInstalled();
    await ensureBuilt();
    process.once('exit', cleanUp);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.once(signal, () => process.exit(exitCodeOf(signal)));
    }
    const parser = join(ROOT, 'dist', 'sim', 'run', 'given-options.js');
    const { givenOptions } = await import(pathToFileURL(parser).href);
    const options = optionsOf(process.argv.slice(2), givenOptions);
    if (options === 'help') {
      process.stdout.write(USAGE);
      return 0;
    }
    const rows = await runMutants(options);
    process.stdout.write(`\n${tableOf(rows).join('\n')}\n`);
    return rows.every(({ kind }) => kind === 'found') ? 0 : 1;
  }, 'npm run sim -- --mutants --help');
}
