/**
 * The pages of the API cover the package: every entry point that package.json exports is one of those
 * that typedoc reads. That each thing has its doc comment is a step of `npm run check`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function json(path: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
}

it('typedoc reads every entry point of the package, and nothing else', () => {
  const { exports } = json('package.json') as { exports: Record<string, string> };
  const { entryPoints } = json('typedoc.json') as { entryPoints: string[] };
  const sources = Object.values(exports)
    .filter((path) => path.endsWith('.js'))
    .map((path) => path.replace(/^\.\/dist\/(.*)\.js$/, '$1.ts'));
  expect([...entryPoints].sort()).toEqual(sources.sort());
});

it('gaps in the documentation are failures, not warnings', () => {
  const config = json('typedoc.json') as Record<string, unknown>;
  expect(config).toMatchObject({
    treatWarningsAsErrors: true,
    treatValidationWarningsAsErrors: true,
    validation: { notExported: true, invalidLink: true, notDocumented: true },
  });
  for (const kind of ['Class', 'Interface', 'TypeAlias', 'Variable', 'Function', 'Method']) {
    expect(config['requiredToBeDocumented']).toContain(kind);
  }
});
