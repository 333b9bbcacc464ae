/**
 * The runner of the mutants, with a program in the place of the simulator: what counts as found, and that
 * nothing else does. It runs on a small tree of its own that looks like a build.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { makeCopy } from '../../scripts/mutant-copies.mjs';
import {
  findMutant,
  nastyCommand,
  optionsOf,
  type Row,
  type RunOptions,
  runMutants,
  searchesFor,
  simulatorCommand,
  tableOf,
} from '../../scripts/mutants.mjs';
import { optionsOf as versionsOf } from '../../scripts/versions.mjs';
import { parseArguments } from '../run/arguments.ts';
import { givenOptions } from '../run/given-options.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM_COMMAND = [join('dist', 'sim', 'main.js')];
const SOURCE = 'export const sum = (a: number, b: number): number => a + b;\n';
/** Adds, and tells what it saw: the simulator in small. */
const PROGRAM = `
import { sum } from './src/sum.js';
console.log('seed 1');
const isRight = sum(2, 2) === 4 && sum(2, 3) === 5;
const checker = sum(2, 2) === 77 ? 'the run itself' : 'adding';
const violation = { checker, message: 'sum(2, 3) is ' + sum(2, 3) + '\\n    at a stack' };
const found = { seed: 7, mode: 'calm', workload: 'kv', violation };
if (sum(1, 1) === 99) throw new Error('the program itself broke');
console.log(JSON.stringify({ seeds: 7, violations: isRight ? [] : [found] }));
process.exitCode = isRight ? 0 : 1;
`;

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quorate-runner-test-'));
  for (const folder of ['src', 'patches', join('dist', 'src'), join('dist', 'sim')]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'), 'junction');
  write('package.json', '{ "type": "module" }\n');
  const compilerOptions = { module: 'NodeNext', target: 'ES2023', strict: true, types: [] };
  write('tsconfig.build.json', JSON.stringify({ compilerOptions, include: ['src'] }));
  write('src/sum.ts', SOURCE);
  write('dist/src/sum.js', 'export const sum = (a, b) => a + b;\n');
  write('dist/program.js', PROGRAM);
  write('dist/sim/main.js', PROGRAM.replace("'./src/sum.js'", "'../src/sum.js'"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function write(path: string, text: string): void {
  writeFileSync(join(root, path), text);
}

/** A mutant that computes `expression` in the place of the sum. */
function plant(name: string, expression: string): void {
  const diff = [
    '# what: computes something else',
    '# breaks: adding',
    '# expect: whoever adds',
    '--- a/src/sum.ts',
    '+++ b/src/sum.ts',
    '@@ -1 +1 @@',
    `-${SOURCE.trimEnd()}`,
    `+export const sum = (a: number, b: number): number => ${expression};`,
    '',
  ];
  write(`patches/${name}.patch`, diff.join('\n'));
}

async function runAll(
  options: Partial<RunOptions> = {},
): Promise<{ rows: Row[]; lines: string[] }> {
  const lines: string[] = [];
  const rows = await runMutants({
    root,
    folder: join(root, 'patches'),
    searches: () => [PROGRAM_COMMAND],
    baseline: [PROGRAM_COMMAND],
    parallel: 2,
    timeoutMs: 60_000,
    write: (line) => lines.push(line),
    ...options,
  });
  return { rows, lines };
}

it('tells found from missed, and leaves build and sources as they were', async () => {
  plant('src-multiplies', 'a * b');
  plant('src-the-same', 'b + a');
  const { rows, lines } = await runAll({ isTypechecked: true });
  expect(rows).toMatchObject([
    { name: 'src-multiplies', kind: 'found', foundBy: 'adding', seed: 7, where: 'calm, kv' },
    { name: 'src-the-same', kind: 'missed' },
  ]);
  expect(lines[0]).toMatch(/^\(unchanged\): passes/);
  expect(lines.join('\n')).toContain('src-multiplies: found by adding at seed 7 (calm, kv)');
  expect(readFileSync(join(root, 'src', 'sum.ts'), 'utf8')).toBe(SOURCE);
  expect(readFileSync(join(root, 'dist', 'src', 'sum.js'), 'utf8')).toContain('a + b');
});

it('does not count a program that breaks down, or a run that fails by itself', async () => {
  plant('src-breaks', 'a === 1 ? 99 : a + b');
  plant('src-fails-alone', 'a + b === 4 ? 77 : a + b');
  const { rows } = await runAll({ isBaselineSkipped: true });
  expect(rows).toMatchObject([
    { name: 'src-breaks', kind: 'broken', what: 'ended with 1: Error: the program itself broke' },
    { name: 'src-fails-alone', kind: 'broken', what: 'seed 7: sum(2, 3) is 5' },
  ]);
});

it('does not count a program that does not end', async () => {
  plant('src-hangs', '((): number => { while (a > 0) b++; return b; })()');
  const { rows } = await runAll({ isBaselineSkipped: true, timeoutMs: 1_000 });
  expect(rows).toMatchObject([{ kind: 'stuck', what: 'no end after 1 s' }]);
});

it('runs only what is asked for, and says when nothing is called so', async () => {
  plant('src-multiplies', 'a * b');
  plant('src-subtracts', 'a - b');
  const { rows } = await runAll({ only: 'subtracts' });
  expect(rows.map(({ name }) => name)).toEqual(['src-subtracts']);
  await expect(runAll({ only: 'divides' })).rejects.toThrow('is called divides');
});

it('says nothing about mutants while the unchanged sources fail', async () => {
  plant('src-multiplies', 'a * b');
  write('dist/src/sum.js', 'export const sum = (a, b) => a - b;\n');
  await expect(runAll()).rejects.toThrow(
    'the sources without any mutant do not pass, so the table would mean nothing: ' +
      'adding says at seed 7: sum(2, 3) is -1',
  );
});

it('tells all patches that do not fit before it runs any', async () => {
  plant('src-multiplies', 'a * b');
  plant('src-subtracts', 'a - b');
  write('src/sum.ts', SOURCE.replace('sum', 'total'));
  const run = runAll();
  await expect(run).rejects.toThrow('mutant src-multiplies: hunk 1 of 1 for src/sum.ts');
  await expect(run).rejects.toThrow('mutant src-subtracts: hunk 1 of 1 for src/sum.ts');
});

it('refuses a mutant that the compiler would not pass, when asked to look', async () => {
  plant('src-answers-text', 'String(a + b)');
  await expect(runAll({ isTypechecked: true })).rejects.toThrow(
    'mutant src-answers-text does not pass the compiler',
  );
});

it('gives each copy files of its own, and the rest as links', () => {
  const copy = makeCopy(root, new Map([['src/sum.ts', SOURCE.replace('a + b', 'a - b')]]));
  try {
    const mutated = readFileSync(join(copy, 'dist', 'src', 'sum.js'), 'utf8');
    expect(mutated).toBe('export const sum = (a, b) => a - b;\n');
    expect(existsSync(join(copy, 'node_modules', 'typescript'))).toBe(true);
    expect(readdirSync(join(copy, 'dist')).sort()).toEqual(['sim', 'src']);
  } finally {
    rmSync(copy, { recursive: true });
  }
});

it('tells the lowest seed of several, and passes over what is no verdict', async () => {
  const at = (seed: number): object => {
    const violation = { checker: `checker ${seed}`, message: 'm' };
    return { seed, mode: 'calm', workload: 'kv', violation };
  };
  const said = `{"noise":1}\n{ no JSON\n${JSON.stringify({ violations: [at(9), at(2)] })}`;
  const command = ['-e', 'process.stdout.write(process.argv[1])', said];
  const verdict = await findMutant(root, { command, timeoutMs: 60_000 });
  expect(verdict).toMatchObject({ kind: 'found', foundBy: 'checker 2', seed: 2 });
});

it('goes on with the next search until one finds something', async () => {
  plant('src-multiplies', 'a * b');
  const nothing = ['-e', `console.log('{"violations":[]}')`];
  const never = ['-e', 'process.exit(3)'];
  const { rows } = await runAll({ searches: () => [nothing, PROGRAM_COMMAND, never] });
  expect(rows).toMatchObject([{ kind: 'found', foundBy: 'adding' }]);
  const missed = await runAll({ searches: () => [nothing, nothing] });
  expect(missed.rows).toMatchObject([{ kind: 'missed' }]);
  await expect(runAll({ baseline: [nothing, never] })).rejects.toThrow('ended with 3');
});

it('searches some seeds, the scenarios that are named, all scenarios, and the other seeds', () => {
  const patch = { breaks: 'N-21, N-4: x', expect: 'N-21' };
  expect(searchesFor(patch, '1..200')).toEqual([
    simulatorCommand('1..5'),
    nastyCommand(['N-21', 'N-4']),
    simulatorCommand('6..40'),
    nastyCommand(),
    simulatorCommand('41..200'),
  ]);
  const unnamed = { breaks: 'x', expect: 'y' };
  expect(searchesFor(unnamed, '3..6')).toEqual([simulatorCommand('3..6'), nastyCommand()]);
  expect(searchesFor(patch, '1..200', false)).toEqual([simulatorCommand('1..200')]);
  expect(() => searchesFor(patch, '9')).toThrow('give a range');
});

it('asks of the simulator what it knows how to do', () => {
  const [program, ...options] = simulatorCommand('1..200');
  const source = String(program)
    .replace(/^dist./, '')
    .replace(/js$/, 'ts');
  expect(existsSync(join(ROOT, source)), source).toBe(true);
  expect(parseArguments(options)).toMatchObject({
    seeds: { from: 1, to: 200 },
    mode: 'any',
    threads: 1,
    stopAtFirst: true,
    shrink: false,
    json: true,
  });
});

it('prints a table that ends with what was found and what was not', () => {
  const seed = { where: 'calm, kv', seed: 12, what: 'x' };
  const rows: Row[] = [
    { name: 'raft-one', kind: 'found', foundBy: 'election-safety', ...seed, seconds: 1.25 },
    { name: 'raft-other', kind: 'missed', seconds: 100 },
  ];
  expect(tableOf(rows)).toEqual([
    'mutant      found by         mode, workload  seed  seconds',
    'raft-one    election-safety  calm, kv          12      1.3',
    'raft-other  NOT FOUND                                100.0',
    '2 mutants, 1 found, 1 not found',
  ]);
});

it('takes what its usage says', () => {
  const args = ['other', '--only', 'raft-', '--parallel', '3', '--skip-baseline', '--no-nasty'];
  const options = optionsOf(args, givenOptions);
  expect(options).toMatchObject({
    folder: join(ROOT, 'other'),
    only: 'raft-',
    parallel: 3,
    timeoutMs: 1_800_000,
    isTypechecked: true,
    isBaselineSkipped: true,
  });
  const given = optionsOf(['--', 'program.js', '--own'], givenOptions);
  expect((given as RunOptions).baseline).toEqual([['program.js', '--own']]);
  expect(optionsOf(['-h'], givenOptions)).toBe('help');
});

it.each([
  [['--bogus'], 'there is no option --bogus'],
  [['a', 'b'], 'one folder of mutants is taken, not b as well'],
  [['--seeds', '9'], '--seeds is 9: give a range'],
  [['--parallel', '0'], '--parallel is 0: give a whole number'],
])('refuses %j', (args, message) => {
  expect(() => optionsOf(args, givenOptions)).toThrow(message);
});

it('the comparison of versions takes seeds, and nothing else', () => {
  const parser = { givenOptions, parseArguments };
  expect(versionsOf([], parser)).toEqual({ seeds: '1..4' });
  expect(versionsOf(['--seeds', '7'], parser)).toEqual({ seeds: '7' });
  expect(versionsOf(['--help'], parser)).toBe('help');
  expect(() => versionsOf(['--bogus'], parser)).toThrow('there is no option --bogus');
  expect(() => versionsOf(['5..9'], parser)).toThrow('5..9 is no option');
  expect(() => versionsOf(['--seeds', '9..5'], parser)).toThrow('ends before it begins');
});
