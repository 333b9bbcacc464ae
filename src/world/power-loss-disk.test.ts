/**
 * A crash is a disk object that is dropped: what the base disk holds then is what a restart finds. Once
 * it is a real process and a real kill -9. And for any sequence of operations the disk must show what a
 * plain disk shows, since otherwise tests on it would test something else.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { childPrograms, ended, line } from '../../test/house/child-program.ts';
import { powerLossDisk } from './power-loss-disk.ts';
import { realDisk } from './real-disk.ts';
import { type Disk, DiskError, type DiskFile } from './types.ts';

let folder = '';
let disk: Disk;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-power-'));
  disk = powerLossDisk(realDisk());
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
const text = (value: string): Uint8Array => Buffer.from(value);

async function put(name: string, value: string, synced: 'synced' | 'unsynced'): Promise<void> {
  const file = await disk.open(at(name), 'create');
  await file.write(0, [text(value)]);
  if (synced === 'synced') await file.sync();
  await file.close();
}

/** Name → content, folders as `name/`, hidden things as the disk shows them: not at all. */
async function shown(by: Disk, path = folder): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const infos = [...(await by.list(path))].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const info of infos) {
    if (info.kind === 'directory') {
      found[`${info.name}/`] = JSON.stringify(await shown(by, join(path, info.name)));
      continue;
    }
    const file = await by.open(join(path, info.name), 'read');
    found[info.name] = Buffer.from(await file.read(0, 10_000)).toString('latin1');
    expect(await file.size()).toBe(info.size);
    await file.close();
  }
  return found;
}

/** What the next process finds. */
function afterCrash(): Promise<Record<string, string>> {
  return shown(powerLossDisk(realDisk()));
}

describe('after a crash', () => {
  it('a file whose data and name were synced is there', async () => {
    await put('a', 'data', 'synced');
    await disk.syncDirectory(folder);
    expect(await afterCrash()).toEqual({ a: 'data' });
  });

  it('a Buffer that its owner uses again after the write does not change the file', async () => {
    const file = await disk.open(at('a'), 'create');
    const own = Buffer.from('first');
    await file.write(0, [own]);
    own.write('later');
    await file.sync();
    expect(Buffer.from(await file.read(0, 10)).toString()).toBe('first');
    await file.close();
  });

  it('a synced file whose name was not synced is gone', async () => {
    await put('a', 'data', 'synced');
    expect(await shown(disk)).toEqual({ a: 'data' });
    expect(await afterCrash()).toEqual({});
  });

  it('a named file whose data was not synced is there and empty', async () => {
    await put('a', 'data', 'unsynced');
    await disk.syncDirectory(folder);
    expect(await shown(disk)).toEqual({ a: 'data' });
    expect(await afterCrash()).toEqual({ a: '' });
  });

  it('writes and sizes since the last sync are lost', async () => {
    await put('a', '12345678', 'synced');
    await disk.syncDirectory(folder);
    const file = await disk.open(at('a'), 'write');
    await file.writeAndSync(0, [text('AB')]);
    await file.write(2, [text('CD')]);
    await file.truncate(3);
    await file.write(6, [text('Z')]);
    expect(Buffer.from(await file.read(0, 9)).toString('latin1')).toBe('ABC\0\0\0Z');
    expect(await afterCrash()).toEqual({ a: 'AB345678' });
    await file.sync();
    expect(await afterCrash()).toEqual({ a: 'ABC\0\0\0Z' });
  });

  it('a rename that was not synced is undone, and the file it replaced is back', async () => {
    await put('old', 'old', 'synced');
    await put('new', 'new', 'synced');
    await disk.syncDirectory(folder);
    await disk.rename(at('new'), at('old'));
    expect(await shown(disk)).toEqual({ old: 'new' });
    expect(await afterCrash()).toEqual({ old: 'old', new: 'new' });
    await disk.syncDirectory(folder);
    expect(await afterCrash()).toEqual({ old: 'new' });
  });

  it('a removal that was not synced is undone', async () => {
    await put('a', 'data', 'synced');
    await disk.syncDirectory(folder);
    await disk.remove(at('a'));
    expect(await shown(disk)).toEqual({});
    expect(await afterCrash()).toEqual({ a: 'data' });
    await disk.syncDirectory(folder);
    expect(await afterCrash()).toEqual({});
  });

  it('temporary file, sync, rename, sync of the folder: the new file, whole', async () => {
    await put('tmp', 'whole', 'synced');
    await disk.rename(at('tmp'), at('final'));
    expect(await afterCrash()).toEqual({});
    await disk.syncDirectory(folder);
    expect(await afterCrash()).toEqual({ final: 'whole' });
  });

  it('swapped names are swapped', async () => {
    await put('a', 'A', 'synced');
    await put('b', 'B', 'synced');
    await disk.syncDirectory(folder);
    await disk.rename(at('a'), at('t'));
    await disk.rename(at('b'), at('a'));
    await disk.rename(at('t'), at('b'));
    await disk.syncDirectory(folder);
    expect(await afterCrash()).toEqual({ a: 'B', b: 'A' });
  });

  it('a new folder needs a sync of its parent, and its files one of the folder', async () => {
    await disk.makeDirectory(at('x/y'));
    await put('x/y/a', 'data', 'synced');
    expect(await shown(disk)).toEqual({ 'x/': '{"y/":"{\\"a\\":\\"data\\"}"}' });
    await disk.syncDirectory(at('x/y'));
    expect(await afterCrash()).toEqual({});
    await disk.syncDirectory(folder);
    expect(await afterCrash()).toEqual({ 'x/': '{}' });
    await disk.syncDirectory(at('x'));
    expect(await afterCrash()).toEqual({ 'x/': '{"y/":"{\\"a\\":\\"data\\"}"}' });
  });

  it('a removed file that is still open stays readable, and leaves nothing behind', async () => {
    const file = await disk.open(at('a'), 'create');
    await file.writeAndSync(0, [text('data')]);
    await disk.remove(at('a'));
    await put('a', 'other', 'synced');
    await disk.syncDirectory(folder);
    expect(Buffer.from(await file.read(0, 9)).toString()).toBe('data');
    await file.close();
    expect(await shown(realDisk())).toEqual({ a: 'other' });
  });
});

it('a disk that lies loses what it said was synced', async () => {
  disk = powerLossDisk(realDisk(), { ignoreSync: true });
  await put('a', 'data', 'synced');
  await disk.syncDirectory(folder);
  expect(await shown(disk)).toEqual({ a: 'data' });
  expect(await afterCrash()).toEqual({});
});

it('names faults as a plain disk does', async () => {
  await put('a', '', 'unsynced');
  await disk.makeDirectory(at('sub'));
  const faults = async (by: Disk): Promise<string[]> => {
    const attempts = [
      by.open(at('a'), 'create'),
      by.open(at('none'), 'read'),
      by.open(at('none/a'), 'create'),
      by.rename(at('none'), at('b')),
      by.list(at('none')),
      by.syncDirectory(at('none')),
      by.makeDirectory(at('a')),
    ];
    const settled = await Promise.allSettled(attempts);
    return settled.map((end) =>
      end.status === 'rejected' && end.reason instanceof DiskError ? end.reason.fault : 'none',
    );
  };
  const here = await faults(disk);
  await disk.syncDirectory(folder);
  expect(here).toEqual(await faults(realDisk()));
  const file = await disk.open(at('a'), 'read');
  await expect(file.write(0, [text('x')])).rejects.toMatchObject({ fault: 'denied' });
  await file.close();
  await expect(file.read(0, 1)).rejects.toMatchObject({ fault: 'failed' });
});

it('loses what was not synced, and only that, when the process is killed', async () => {
  const programs = childPrograms(['world']);
  try {
    const child = programs.start(
      `import { powerLossDisk } from 'DOOR/world/power-loss-disk.js';
      import { realDisk } from 'DOOR/world/real-disk.js';
      const folder = process.argv[2];
      const disk = powerLossDisk(realDisk());
      const file = await disk.open(folder + '/log', 'create');
      await disk.syncDirectory(folder);
      await file.writeAndSync(0, [Buffer.from('synced')]);
      await file.write(6, [Buffer.from(' and not')]);
      const lost = await disk.open(folder + '/lost', 'create');
      await lost.writeAndSync(0, [Buffer.from('no name')]);
      console.log('ready');
      setInterval(() => {}, 1000);`,
      [folder],
    );
    await line(child, 'ready');
    child.kill('SIGKILL');
    await ended(child);
    expect(await readFile(at('log'), 'utf8')).toBe('synced');
    expect(await shown(disk)).toEqual({ log: 'synced' });
    // The hidden file of the dead process was swept by that listing.
    expect(await shown(realDisk())).toEqual({ log: 'synced' });
  } finally {
    programs.dispose();
  }
});

type Step =
  | { readonly kind: 'write'; readonly name: string; readonly at: number; readonly size: number }
  | { readonly kind: 'truncate'; readonly name: string; readonly size: number }
  | { readonly kind: 'rename'; readonly name: string; readonly to: string }
  | { readonly kind: 'remove' | 'sync'; readonly name: string }
  | { readonly kind: 'folder'; readonly name: string };

const NAMES = ['a', 'b', 'd/a', 'd/b', 'd/e/a'];
const FOLDERS = ['.', 'd', 'd/e'];
const name = fc.constantFrom(...NAMES);
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('write' as const), name, at: fc.nat(20), size: fc.nat(9) }),
    fc.record({ kind: fc.constant('truncate' as const), name, size: fc.nat(25) }),
    fc.record({ kind: fc.constant('rename' as const), name, to: name }),
    fc.record({ kind: fc.constantFrom('remove' as const, 'sync' as const), name }),
    fc.record({ kind: fc.constant('folder' as const), name: fc.constantFrom(...FOLDERS) }),
  ),
  { maxLength: 40 },
);

/** One step, with an outcome that can be compared between disks. */
async function take(on: Disk, root: string, step: Step, turn: number): Promise<string> {
  const path = join(root, step.name);
  const withFile = async (work: (file: DiskFile) => Promise<void>): Promise<void> => {
    const mode = (await on.info(path)) === undefined ? 'create' : 'write';
    const file = await on.open(path, mode);
    await work(file);
    await file.close();
  };
  try {
    if (step.kind === 'write') {
      const letter = String.fromCharCode(65 + (turn % 26));
      await withFile((file) => file.write(step.at, [text(letter.repeat(step.size))]));
    } else if (step.kind === 'truncate') await withFile((file) => file.truncate(step.size));
    else if (step.kind === 'sync') await withFile((file) => file.sync());
    else if (step.kind === 'rename') await on.rename(path, join(root, step.to));
    else if (step.kind === 'remove') await on.remove(path);
    else await on.syncDirectory(path);
    return 'done';
  } catch (error) {
    return error instanceof DiskError ? error.fault : String(error);
  }
}

it('shows at every step what a plain disk shows, and keeps all of it once all is synced', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      const plain = realDisk();
      const root = await mkdtemp(join(folder, 'run-'));
      const [expected, lossy] = [join(root, 'plain'), join(root, 'lossy')];
      const tested = powerLossDisk(plain);
      for (const sub of FOLDERS) {
        await plain.makeDirectory(join(expected, sub));
        await plain.makeDirectory(join(lossy, '.'));
        await tested.makeDirectory(join(lossy, sub));
      }
      for (const [turn, step] of taken.entries()) {
        const outcome = await take(tested, lossy, step, turn);
        expect(outcome).toBe(await take(plain, expected, step, turn));
        expect(await shown(tested, lossy)).toEqual(await shown(plain, expected));
      }
      for (const sub of FOLDERS) {
        for (const info of await tested.list(join(lossy, sub))) {
          if (info.kind === 'directory') continue;
          const file = await tested.open(join(lossy, sub, info.name), 'write');
          await file.sync();
          await file.close();
        }
        await tested.syncDirectory(join(lossy, sub));
      }
      expect(await shown(plain, lossy)).toEqual(await shown(plain, expected));
    }),
    { numRuns: 25 },
  );
});
