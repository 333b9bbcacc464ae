/** The parts of the set-up that can be tried without installing anything. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

import { checkNode, filesBelow } from '../../scripts/setup.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

it('refuses a Node that is too old, and says what to do', () => {
  for (const version of ['16.20.0', '18.20.4', '20.18.3']) {
    expect(() => checkNode(version)).toThrow(`needs Node.js 20.19 or newer; this is ${version}`);
  }
  for (const version of ['20.19.0', '20.20.2', '22.0.0', '24.1.0']) {
    expect(() => checkNode(version)).not.toThrow();
  }
});

it('asks for the same Node as package.json does', () => {
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  expect(engines.node).toBe('>=20.19');
});

it('lists files as paths from the root, in a fixed order, none for a folder that is not there', () => {
  const found = filesBelow('scripts');
  expect(found).toContain(join('scripts', 'setup.mjs'));
  expect(found).toEqual([...found].sort());
  expect(filesBelow('no-such-folder')).toEqual([]);
});

it('the lock file names every package that an installed one may ask for', () => {
  // npm ci refuses a lock file that leaves out an optional package of another platform.
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const asked = Object.values(packages).flatMap(({ optionalDependencies }) =>
    Object.keys(optionalDependencies ?? {}),
  );
  expect(asked.filter((name) => packages[`node_modules/${name}`] === undefined)).toEqual([]);
});
