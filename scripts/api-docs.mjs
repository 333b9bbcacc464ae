/**
 * `npm run docs:api`: the pages of everything that the package exports, in dist/api-docs, made by
 * typedoc from the doc comments. It fails on what a reader would stumble over: an exported thing without
 * a comment, a type that is spoken of and not exported, a link that leads nowhere. What counts stands in
 * typedoc.json; types are not checked here, `npm run check` has a step for them.
 *
 * `npm run check` runs it too. The pages are not committed: the doc comments are the source.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { ensureInstalled } from './setup.mjs';
import { main, ROOT, runNode, StepFailed } from './steps.mjs';

const TYPEDOC = join('node_modules', 'typedoc', 'bin', 'typedoc');

await main(async () => {
  await ensureInstalled();
  const { out } = JSON.parse(readFileSync(join(ROOT, 'typedoc.json'), 'utf8'));
  // Pages of things that are gone would stay.
  rmSync(join(ROOT, out), { recursive: true, force: true });
  const code = await runNode([TYPEDOC, ...process.argv.slice(2)]);
  if (code !== 0 || !existsSync(join(ROOT, out, 'index.html'))) {
    throw new StepFailed(
      'The API documentation has gaps: give each thing above a doc comment (/** ... */) that says ' +
        'what it is for, with units, bounds, errors and defaults',
    );
  }
  process.stdout.write(`open ${join(out, 'index.html')}\n`);
  return 0;
});
