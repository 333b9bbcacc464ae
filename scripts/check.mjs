/**
 * `npm run check`: what can be said about the sources without running them. Types, format and lint,
 * house rules, API documentation; all of them run, so that one look shows everything. `-- --write`
 * formats instead.
 */
import { join } from 'node:path';

import { ensureInstalled } from './setup.mjs';
import { main, ROOT, runNode, StepFailed, step } from './steps.mjs';

const TSC = join('node_modules', 'typescript', 'bin', 'tsc');
const API_DOCS = join('scripts', 'api-docs.mjs');
const BIOME = join('node_modules', '@biomejs', 'biome', 'bin', 'biome');

async function succeed(args, advice) {
  if ((await runNode(args)) !== 0) throw new StepFailed(advice);
}

async function houseRules() {
  // Needs the installed packages, so not at the top.
  const { checkHouse } = await import('./house.mjs');
  const findings = checkHouse(ROOT);
  for (const finding of findings) process.stdout.write(`${finding}\n`);
  if (findings.length > 0) throw new StepFailed(`${findings.length} house rules broken`);
}

const CHECKS = [
  {
    title: 'Types',
    work: () =>
      succeed(
        [TSC, '-p', 'tsconfig.json', '--noEmit', '--tsBuildInfoFile', 'dist/.tsbuildinfo-check'],
        'types do not fit',
      ),
  },
  {
    title: 'Format and lint',
    work: () => succeed([BIOME, 'check', '.'], 'format or lint; try "npm run format"'),
  },
  { title: 'House rules', work: houseRules },
  {
    title: 'API documentation',
    work: () => succeed([API_DOCS, '--logLevel', 'Warn'], 'exported things lack documentation'),
  },
];

await main(async () => {
  await ensureInstalled();
  if (process.argv.includes('--write')) return runNode([BIOME, 'check', '--write', '.']);
  const failures = [];
  for (const { title, work } of CHECKS) {
    try {
      await step(title, work);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      failures.push(`${title}: ${error.message}`);
    }
  }
  if (failures.length > 0) throw new StepFailed(`check failed\n  ${failures.join('\n  ')}`);
  process.stdout.write('check passed\n');
  return 0;
});
