/** Goal: a disk that is full refuses writes, and takes them again once it was relieved. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';

import { SmallDisk } from './small-disk.ts';

it('is full, and has room again; or says why it can not be had', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-small-'));
  const disk = SmallDisk.mount(folder, 2);
  try {
    if (typeof disk === 'string') {
      expect(disk).not.toBe('');
      return;
    }
    const write = (): void => writeFileSync(join(folder, 'log'), Buffer.alloc(64 * 1024));
    disk.fill();
    expect(write).toThrow('ENOSPC');
    disk.relieve();
    write();
    const copy = join(folder, '..', `${basename(folder)}-copy`);
    disk.copyTo(copy);
    expect(readdirSync(copy)).toEqual(['log']);
    rmSync(copy, { recursive: true });
  } finally {
    if (typeof disk !== 'string') disk.unmount();
    rmSync(folder, { recursive: true, force: true });
  }
});
