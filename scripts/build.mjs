/** `npm run build`: packages if they are missing, then dist/. `-- --force` builds in any case. */
import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main } from './steps.mjs';

await main(async () => {
  await ensureInstalled();
  await ensureBuilt({ force: process.argv.includes('--force') });
  process.stdout.write('dist/ is up to date\n');
});
