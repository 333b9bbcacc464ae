/**
 * A file that is written and synced again and again gets a descriptor whose writes are synced, where the file
 * system is trusted with that: shown by what the system says of the descriptors of this process. Then what it must
 * not change: order, what was written without a sync before, and that a failure is final.
 */
import { closeSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type ChildPrograms, childPrograms, ended } from '../../test/house/child-program.ts';
import { realDisk } from './real-disk.ts';
import { openSyncedDescriptor } from './synced-descriptor.ts';

const O_DSYNC = 0o10000;

let programs: ChildPrograms;
let folder = '';
beforeAll(() => {
  programs = childPrograms(['world']);
});
afterAll(() => programs.dispose());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-synced-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const text = (value: string): Uint8Array => Buffer.from(value);

/** The descriptors of this process that lead to the file. */
function descriptorsOf(path: string): readonly string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false; // Closed meanwhile.
    }
  });
}

function descriptorOf(path: string): number {
  return Number(descriptorsOf(path)[0]);
}

/** Of each of them, whether what is written through it is synced; the plain ones first. */
function syncsOf(path: string): readonly boolean[] {
  const flags = descriptorsOf(path).map((fd) =>
    /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')),
  );
  return flags.map((found) => (Number.parseInt(found?.[1] ?? '', 8) & O_DSYNC) !== 0).sort();
}

it('is opened by the second synced write, and closed with the file', async ({ skip }) => {
  const path = join(folder, 'log');
  const file = await realDisk().open(path, 'create');
  const offered = await offersSyncedWrites();
  if (!offered) skip('the file system below the temporary folder is none of those');
  await file.writeAndSync(0, [text('ab')]);
  expect(syncsOf(path)).toEqual([false]);
  await file.writeAndSync(2, [text('cd')]);
  await expect.poll(() => syncsOf(path)).toEqual([false, true]);
  await file.writeAndSync(4, [text('e'), text('f')]);
  expect(Buffer.from(await file.read(0, 10)).toString()).toBe('abcdef');
  await file.close();
  expect(descriptorsOf(path)).toEqual([]);
});

async function offersSyncedWrites(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const path = join(folder, 'tried');
  const file = await realDisk().open(path, 'create');
  const synced = await openSyncedDescriptor(descriptorOf(path));
  await file.close();
  if (synced !== undefined) closeSync(synced);
  return synced !== undefined;
}

it('is none where the file system is not known to sync such writes', async () => {
  if (process.platform !== 'linux') return;
  const file = await realDisk().open('/dev/null', 'write');
  expect(await openSyncedDescriptor(descriptorOf('/dev/null'))).toBeUndefined();
  await file.close();
});

it('keeps the order of all that is asked for, whichever way each write goes', async () => {
  const file = await realDisk().open(join(folder, 'log'), 'create');
  const expected = Buffer.alloc(64);
  for (let round = 0; round < 40; round++) {
    const at = (round * 7) % 60;
    const bytes = Buffer.from(String(round).padStart(3, '.'));
    bytes.copy(expected, at);
    const way = round % 3;
    if (way === 0) void file.write(at, [bytes]);
    else void file.writeAndSync(at, [bytes.subarray(0, 1), bytes.subarray(1)]);
    if (way === 2) expect(Buffer.from(await file.read(at, 3))).toEqual(bytes);
  }
  await file.sync();
  expect(Buffer.from(await file.read(0, 64))).toEqual(expected.subarray(0, await file.size()));
  await file.close();
});

it('a failure of a synced write is final, for those behind it, too, in their order', async () => {
  // The shell lets the program write files of 64 KiB at most.
  const program = `
    import { readdirSync, readlinkSync } from 'node:fs';
    import { realDisk } from 'DOOR/world/real-disk.js';
    const leadsToTheFile = (fd) => {
      try {
        return readlinkSync('/proc/self/fd/' + fd) === process.argv[2];
      } catch {
        return false;
      }
    };
    const isOpenTwice = () => readdirSync('/proc/self/fd').filter(leadsToTheFile).length > 1;
    const file = await realDisk().open(process.argv[2], 'create');
    const faults = [];
    const write = (at, length) => file.writeAndSync(at, [Buffer.alloc(length, 1)]).then(
      () => faults.push('none'), (error) => faults.push(error.fault));
    for (let at = 0; at < 4; at++) await write(at * 100, 100);
    while (process.argv[3] === 'true' && !isOpenTwice()) await new Promise(setImmediate);
    await Promise.all([write(0, 10), write(60000, 10000), write(0, 10), write(0, 20)]);
    await file.sync().then(() => faults.push('synced'), (error) => faults.push(error.fault));
    await file.close();
    console.log(JSON.stringify(faults));
  `;
  const offered = await offersSyncedWrites();
  const limited = ['sh', '-c', 'ulimit -f 128; exec "$@"', 'sh'];
  const { stdout, stderr } = await ended(
    programs.start(
      program,
      [join(folder, 'log'), String(offered)],
      process.platform === 'linux' ? limited : [],
    ),
  );
  expect(stderr).toBe('');
  if (process.platform !== 'linux') return;
  const faults = JSON.parse(stdout) as string[];
  expect(faults.slice(0, 5)).toEqual(['none', 'none', 'none', 'none', 'none']);
  expect(faults.slice(5)).toEqual(
    offered ? ['full', 'full', 'full', 'full'] : ['full', 'none', 'none', 'synced'],
  );
});
