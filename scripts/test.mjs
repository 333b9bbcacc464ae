/**
 * `npm test`: set-up, build, all tests. `npm test -- storage` runs the test files whose path holds
 * "storage". With `--all`, or when CI=true, also the steps of `STEPS_OF_ALL` below.
 *
 * Every step runs, also after one has failed, so that one run tells everything. The very last line is
 * plain, alone and always the same: `N passed, N failed, N skipped`.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main, ROOT, runNode, StepFailed, step } from './steps.mjs';

/** What `--all` and CI add. */
const STEPS_OF_ALL = [
  {
    title: 'Check: types, lint, house rules',
    run: ['scripts/check.mjs'],
  },
  {
    title: 'Conformance of the raft core',
    run: ['scripts/conformance-raft.mjs', 'conformance/raft/scripts'],
  },
  {
    title: 'Fuzz',
    run: ['scripts/fuzz.mjs', 'codec', 'storage', 'transport', '--seconds', '20'],
  },
  {
    title: 'Simulation: the nasty scenarios',
    run: ['scripts/sim.mjs', '--nasty'],
  },
  {
    title: 'Simulation: the same seeds each time, each twice',
    run: ['scripts/sim.mjs', '--seeds', '1..14', '--twice', '--no-shrink'],
  },
  {
    title: 'Simulation: seeds that nobody has tried',
    run: ['scripts/sim.mjs', '--fresh', '16'],
  },
  {
    title: 'Simulation: the same way under every version of Node.js',
    run: ['scripts/sim.mjs', '--versions'],
    // It fetches them: not of everybody who runs all steps is that to be asked.
    isForCi: true,
  },
  {
    title: 'Chaos on real processes',
    run: ['scripts/chaos.mjs', '--quick'],
  },
  {
    title: 'Acceptance: survive',
    run: ['scripts/acceptance.mjs', 'survive', '--quick'],
  },
  {
    title: 'Acceptance: bad input',
    run: ['scripts/acceptance.mjs', 'bad-input', '--quick'],
  },
  {
    title: 'Acceptance: members',
    run: ['scripts/acceptance.mjs', 'members', '--quick'],
  },
  {
    title: 'Acceptance: wire',
    run: ['scripts/acceptance.mjs', 'wire', '--quick'],
  },
  {
    title: 'Acceptance: snapshot',
    run: ['scripts/acceptance.mjs', 'snapshot', '--quick'],
  },
];

const VITEST = join('node_modules', 'vitest', 'vitest.mjs');
const RESULTS = join('.setup', 'test-results.json');

async function vitest(filters) {
  mkdirSync(join(ROOT, '.setup'), { recursive: true });
  rmSync(join(ROOT, RESULTS), { force: true });
  const code = await runNode([
    VITEST,
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${RESULTS}`,
    ...filters,
  ]);
  if (code !== 0) throw new StepFailed('tests failed');
}

function outcome() {
  if (!existsSync(join(ROOT, RESULTS))) return { passed: 0, failed: 0, skipped: 0, names: [] };
  const results = JSON.parse(readFileSync(join(ROOT, RESULTS), 'utf8'));
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests,
    skipped: results.numPendingTests + results.numTodoTests,
    names: results.testResults.flatMap(failedIn),
  };
}

/** Tests that failed in a file; the file itself where it did not load. */
function failedIn({ name, status, assertionResults }) {
  const file = relative(ROOT, name);
  const failed = assertionResults.filter((test) => test.status === 'failed');
  if (failed.length > 0) return failed.map(({ fullName }) => `${file}: ${fullName}`);
  return status === 'failed' ? [file] : [];
}

await main(async () => {
  const args = process.argv.slice(2);
  const isAll = args.includes('--all');
  const filters = args.filter((arg) => arg !== '--all');
  const failures = [];
  const attempt = async (title, work) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      failures.push(`${title}: ${error.message}`);
    }
  };
  await ensureInstalled();
  await attempt('Build', () => ensureBuilt());
  const isCi = process.env.CI === 'true';
  if (isCi) {
    // Their tests say why they are left out where the peers are missing; there, nothing is left out.
    await attempt('Peers', () =>
      step('The peers of the benchmarks, and their drivers', async () => {
        const code = await runNode(['scripts/bench.mjs', '--prepare']);
        if (code !== 0) throw new StepFailed('something is missing');
      }),
    );
  }
  await attempt('Tests', () => step('Tests (vitest)', () => vitest(filters)));
  const steps = isAll || isCi ? STEPS_OF_ALL.filter((one) => isCi || one.isForCi !== true) : [];
  for (const { title, run } of steps) {
    await attempt(title, () =>
      step(title, async () => {
        const code = await runNode(run);
        if (code !== 0) throw new StepFailed(`node ${run.join(' ')} ended with ${code}`);
      }),
    );
  }
  const { passed, failed, skipped, names } = outcome();
  for (const failure of [...names, ...failures]) process.stdout.write(`FAILED  ${failure}\n`);
  // A file that does not load, or a step that is no test, fails without a failed test: count it.
  const failedAtLeast = failures.length > 0 ? Math.max(failed, 1) : failed;
  process.stdout.write(`${passed} passed, ${failedAtLeast} failed, ${skipped} skipped\n`);
  return failures.length === 0 ? 0 : 1;
});
