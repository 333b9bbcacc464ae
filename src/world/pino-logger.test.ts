import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { childPrograms, ended } from '../../test/house/child-program.ts';
import { nullLogger } from './null-logger.ts';
import { pinoLogger } from './pino-logger.ts';

type Line = Record<string, unknown>;

async function linesOf(write: (file: string) => void, count: number): Promise<Line[]> {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-log-'));
  const file = join(folder, 'log');
  write(file);
  try {
    for (;;) {
      const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
      if (lines.length >= count) return lines.map((line) => JSON.parse(line) as Line);
      await new Promise<void>((done) => setImmediate(done));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('writes one JSON line per event, with level by name, time, event and fields', async () => {
  const [line] = await linesOf((file) => {
    const logger = pinoLogger({ to: { file }, fields: { node: 'n1' } });
    logger.debug('not.written');
    logger.child({ group: 0 }).info('leader.elected', { term: 7, level: 'mine' });
  }, 1);
  expect(line).toMatchObject({
    level: 'info',
    event: 'leader.elected',
    node: 'n1',
    group: 0,
    term: 7,
    levelField: 'mine',
  });
  expect(Date.parse(String(line?.['time']))).toBeGreaterThan(0);
  expect(line).not.toHaveProperty('pid');
});

it('writes errors as name, code and message, and big numbers as text', async () => {
  const failure = Object.assign(new Error('no space'), { code: 'DISK_FULL' });
  const [line] = await linesOf((file) => {
    pinoLogger({ to: { file } }).error('storage.failed', { failure, bytes: 2n ** 60n });
  }, 1);
  expect(line?.['failure']).toEqual({ name: 'Error', code: 'DISK_FULL', message: 'no space' });
  expect(line?.['bytes']).toBe('1152921504606846976');
});

it('flushes at the end of the process, to the stream that was asked for', async () => {
  const programs = childPrograms(['world']);
  try {
    const run = await ended(
      programs.start(`import { pinoLogger } from 'DOOR/world/pino-logger.js';
        pinoLogger({ to: 'stderr' }).warn('last.words'); process.exit(3);`),
    );
    expect(run.stderr).toContain('"event":"last.words"');
    expect(run).toMatchObject({ stdout: '', code: 3 });
  } finally {
    programs.dispose();
  }
});

it('the null logger says nothing and stays silent in its children', () => {
  expect(nullLogger.child({ a: 1 })).toBe(nullLogger);
});
