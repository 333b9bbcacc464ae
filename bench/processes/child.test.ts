/**
 * Goal: no process outlives the benchmark that started it, and what a child says reaches who asked. Method:
 * real processes; one of them ends in the worst way with a child of its own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { until } from '../../test/waiting.ts';
import { Child } from './child.ts';
import { program } from './paths.ts';
import { cpuSeconds, kernelWorkOf, openFiles, residentBytes } from './proc-files.ts';

const TIMEOUT_MS = 60_000;
const ECHO = `process.stdin.on('data', (text) => process.stdout.write('say\\n' + text)).on('end', () => process.exit());
console.log('ready');`;

const start = (text: string): Child => new Child(process.execPath, ['-e', text], { name: 'child' });

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('answers questions, line by line', async () => {
  const child = start(ECHO);
  expect(await child.line((line) => line === 'ready', TIMEOUT_MS)).toBe('ready');
  expect(await child.ask({ number: 7 }, TIMEOUT_MS)).toEqual({ number: 7 });
  await expect(child.ask({ error: 'out of order' }, TIMEOUT_MS)).rejects.toThrow(
    'child: out of order',
  );
  await child.stop();
  expect(isAlive(child.pid)).toBe(false);
});

it('tells who waits that it ended, with what it complained of', async () => {
  const child = start(`console.error('no such disk'); process.exit(3);`);
  const waiting = child.line(() => false, TIMEOUT_MS);
  await expect(waiting).rejects.toThrow('child: it ended with 3\nno such disk');
  await expect(child.line(() => false, TIMEOUT_MS)).rejects.toThrow('no such disk');
});

it('leaves no process and no folder behind when its parent breaks', async () => {
  const url = pathToFileURL(program('bench/processes/child')).href;
  const text = `import { Child, makeFolder } from '${url}';
    const child = new Child(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { name: 'idler' });
    console.log(JSON.stringify({ pid: child.pid, folder: makeFolder('broken') }));
    setTimeout(() => { throw new Error('broken'); });`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', text], {
    encoding: 'utf8',
  });
  const { pid, folder } = JSON.parse(stdout) as { pid: number; folder: string };
  expect(status).not.toBe(0);
  expect(existsSync(folder)).toBe(false);
  await until('the idler to end', TIMEOUT_MS, () => (isAlive(pid) ? undefined : true));
});

it('what Linux knows of a process can be read', () => {
  expect(cpuSeconds(process.pid)).toBeGreaterThan(0);
  expect(residentBytes(process.pid)).toBeGreaterThan(2 ** 20);
  expect(openFiles(process.pid)).toBeGreaterThan(2);
  const { readCalls, writeCalls, switches } = kernelWorkOf([process.pid]);
  expect(Math.min(readCalls, writeCalls, switches)).toBeGreaterThan(0);
});
