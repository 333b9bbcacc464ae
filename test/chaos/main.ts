/** `npm run chaos`: see scripts/chaos.mjs and docs/guides/chaos.md. */
import { Report } from '../acceptance/report.ts';
import { chaos } from './chaos.ts';
import { judge } from './judge.ts';
import { LINK_FAULTS } from './link-faults.ts';
import { parseOptions, USAGE } from './options.ts';
import { PROCESS_FAULTS } from './process-faults.ts';
import { WORLD_FAULTS } from './world-faults.ts';

const FAULTS = [...LINK_FAULTS, ...PROCESS_FAULTS, ...WORLD_FAULTS];

const options = parseOptions(process.argv.slice(2), FAULTS, Date.now() % 1_000_000);
if (typeof options === 'string') {
  process.stderr.write(`${options}\n${USAGE}\n`);
  process.exit(2);
}
const report = new Report();
const { check } = options;
if (check !== undefined) await report.step('the history', async () => judge(report, check));
else await report.step('chaos', () => chaos(report, options));
process.exit(report.summary());
