/**
 * The rules of the house hold, and they bite: each is broken on purpose in a small tree of its own.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

import { checkFile, checkHouse } from '../../scripts/house.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ESSAY = '/** Why this file is here. */\n';

/** The rules that `text` breaks when it stands at `path`, each once. */
function broken(path: string, text: string): string[] {
  const findings = checkFile(path, ESSAY + text);
  return [...new Set(findings.map((finding) => finding.split(': ')[1] ?? ''))];
}

it('finds the sources of this repository in order', () => {
  expect(checkHouse(ROOT)).toEqual([]);
});

it('finds a planted wrong direction in a tree, with file, line and advice', () => {
  const root = mkdtempSync(join(tmpdir(), 'quorate-house-'));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), ESSAY + text);
  };
  try {
    write('src/storage/index.ts', "export { log } from './log.ts';\n");
    write(
      'src/storage/log.ts',
      "import { node } from '../consensus/index.ts';\nexport const log = node;\n",
    );
    write('src/consensus/index.ts', "export { log as node } from '../storage/index.ts';\n");
    expect(checkHouse(root)).toEqual([
      'src/storage/log.ts:2: import-direction: storage is below consensus; ' +
        'return the value, or let consensus subscribe',
    ]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

it.each([
  ['src/raft/a.ts', "import type { Node } from '../consensus/index.ts';", 'import-direction'],
  ['src/consensus/a.ts', "export * from '../engine/index.ts';", 'import-direction'],
  ['src/errors.ts', "import { A } from './world/index.ts';", 'import-direction'],
  ['src/state/a.ts', "import { fake } from '../../sim/index.ts';", 'import-direction'],
  ['src/cli/a.ts', "import { simulate } from '../../sim/index.ts';", 'import-direction'],
  ['src/cli/a.ts', "import type { Simulation } from '../../sim/index.ts';", 'import-direction'],
  ['src/cli/a.ts', "await import('../../sim/run/simulate.ts');", 'import-direction'],
  ['src/server/a.ts', "await import('../../sim/index.ts');", 'import-direction'],
  ['src/pantry/a.ts', "import { A } from '../world/index.ts';", 'import-direction'],
  ['src/consensus/a.ts', "import { crc } from '../storage/wal/crc.ts';", 'import-door'],
  ['src/consensus/a.ts', "const a: import('../storage/wal/crc.ts').A = 1;", 'import-door'],
  ['conformance/a.ts', "import { crc } from '../src/storage/crc.ts';", 'import-door'],
  ['src/raft/a.ts', 'const now = Date.now();', 'raft-pure'],
  ['src/raft/a.ts', 'export async function a(): Promise<void> {}', 'raft-pure'],
  ['src/raft/a.ts', 'const wait = async () => { await 1; };', 'raft-pure'],
  ['src/raft/a.ts', "import { hash } from 'node:crypto';", 'raft-pure'],
  ['src/raft/a.ts', "import { A } from '../world/index.ts';", 'raft-pure'],
  ['src/raft/a.ts', "console.log('x');", 'raft-pure'],
  ['src/consensus/a.ts', 'setTimeout(() => {}, 10);', 'world-door'],
  ['src/consensus/a.ts', 'const later = setImmediate;', 'world-door'],
  ['src/consensus/a.ts', 'const x = { now: performance.now() };', 'world-door'],
  ['src/consensus/a.ts', 'const signal = AbortSignal.timeout(5);', 'world-door'],
  ['src/consensus/a.ts', 'const today = new Date();', 'world-door'],
  ['src/state/a.ts', 'if (Math.random() > process.pid) globalThis.x = 1;', 'world-door'],
  ['src/storage/a.ts', "import { open } from 'node:fs';", 'world-door'],
  ['src/storage/a.ts', "const net = await import('node:net');", 'world-door'],
  ['src/storage/a.ts', "import { randomBytes } from 'node:crypto';", 'world-door'],
  ['src/storage/a.ts', "import * as zlib from 'node:zlib';", 'world-door'],
  ['src/transport/a.ts', "import { pino } from 'pino';", 'frugal-room'],
  ['src/api/a.ts', 'export default 1;', 'no-default-export'],
  ['sim/a.ts', 'export default function a(): void {}', 'no-default-export'],
  ['test/a.test.ts', 'const a = 1 as any;', 'no-any'],
  ['src/api/a.ts', '\n'.repeat(500), 'long-file'],
  ['sim/cluster/a.ts', 'const at = Date.now();', 'world-door'],
  ['sim/faults/a.ts', 'const dice = Math.random();', 'world-door'],
  ['sim/checkers/a.ts', 'process.exit(1);', 'world-door'],
  ['sim/history/a.ts', "import { readFileSync } from 'node:fs';", 'world-door'],
  ['sim/world/kernel.ts', 'setTimeout(() => {}, 1);', 'world-door'],
  ['sim/world/disk.ts', 'setImmediate(() => {});', 'world-door'],
])('%s, planted case %#', (path, text, rule) => {
  expect(broken(path, text)).toContain(rule);
});

it('asks for an essay at the top of each source file', () => {
  expect(checkFile('src/api/a.ts', 'export const a = 1;\n')).toEqual([
    'src/api/a.ts:1: essay: begin with a comment: purpose, the rule protected, what may go wrong',
  ]);
});

it.each([
  ['src/consensus/a.ts', "import { A } from '../raft/index.ts';"],
  ['src/consensus/a.ts', "import { assert } from '../errors.ts';"],
  ['src/consensus/a.ts', "import { b } from './deep/b.ts';"],
  ['src/index.ts', "export { RaftNode } from './consensus/index.ts';"],
  ['src/storage/a.ts', "import { crc32 } from 'node:zlib';\nimport { join } from 'node:path';"],
  ['src/storage/a.ts', '// setTimeout, Date.now() and any are only spoken of\n"process.exit"'],
  ['src/storage/a.ts', 'const now = clock.now(); clock.setTimeout(1); const a = { process: 1 };'],
  ['src/storage/a.ts', 'function run(process: Step): void { process.go(); }'],
  ['src/storage/a.ts', 'const shown = new Date(wallTime);'],
  ['src/server/a.ts', "import { createServer } from 'node:http';\nsetTimeout(() => {}, 1);"],
  ['src/raft/a.test.ts', "import { it } from 'vitest';\nconst at = Date.now();"],
  ['src/raft/a.fixture.ts', "import { fake } from '../../sim/index.ts';"],
  ['src/cli/commands/a.ts', "const { simulate } = await import('../../../sim/index.ts');"],
  ['sim/world/kernel.ts', 'setImmediate(() => process.nextTick(() => {}));'],
  ['sim/run/a.ts', 'const began = performance.now();'],
  ['sim/world/a.test.ts', 'setTimeout(() => {}, 1);'],
  ['sim/a.ts', "import { crc } from '../src/storage/wal/crc.ts';"],
  ['conformance/a.ts', "import { A } from '../src/storage/index.ts';\nsetTimeout(() => {}, 1);"],
])('%s, harmless case %#', (path, text) => {
  expect(broken(path, text)).toEqual([]);
});
