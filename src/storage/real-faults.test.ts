/**
 * Faults of real file systems: one that is full, one that may only be read, a folder that another process
 * holds, a path that is no folder. The small file system is a tmpfs that is mounted for one child process alone
 * (`unshare`), so nothing is left behind, however a test ends. Where the machine does not allow that, the test
 * is skipped and says why; in CI it fails instead.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clock, dice } from '../../sim/rigs/storage-rig.ts';
import { type ChildPrograms, childPrograms, ended, line } from '../../test/house/child-program.ts';
import { nullLogger, realDisk } from '../world/index.ts';
import { openDiskStorage } from './disk-storage.ts';

let programs: ChildPrograms;
let folder = '';
beforeAll(() => {
  programs = childPrograms(['world', 'raft', 'storage']);
});
afterAll(() => programs.dispose());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-faults-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What the programs share: a storage in the folder that they are given, entries, and one line of JSON to say. */
const PRELUDE = `
  import { spawnSync } from 'node:child_process';
  import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
  import { nullLogger } from 'DOOR/world/null-logger.js';
  import { realClock } from 'DOOR/world/real-clock.js';
  import { realDisk } from 'DOOR/world/real-disk.js';
  import { realRandom } from 'DOOR/world/real-random.js';
  import { inspect, openDiskStorage } from 'DOOR/storage/index.js';
  const root = process.argv[2];
  const directory = root + '/data';
  const open = (at = directory) => openDiskStorage({ disk: realDisk(), clock: realClock(),
    random: realRandom(), logger: nullLogger, directory: at });
  const found = (storage) => storage.found({ clusterName: 'c', clusterId: '0'.repeat(32),
    nodeId: 'n', raftId: 1, incarnation: '0'.repeat(16) });
  const entry = (index) => ({ index, term: 1, type: 0, data: Buffer.alloc(20000, index % 251) });
  const refusal = (work) => work.then(() => undefined, ({ code, message }) => ({ code, message }));
  const say = (value) => console.log(JSON.stringify(value));
`;

/** The command before "node PROGRAM": mounts a tmpfs of its own over `folder`. */
function mounted(sizeMib: number): string[] {
  const script = `mount -t tmpfs -o size=${sizeMib}m tmpfs "$0" && exec "$@"`;
  const unshare = process.getuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-rm'];
  return [...unshare, 'sh', '-c', script, folder];
}

/** `undefined`: small file systems can be mounted here. */
function whyNoMount(): string | undefined {
  const [command, ...args] = [...mounted(1), 'true'];
  const tried = spawnSync(command!, args, { encoding: 'utf8' });
  if (tried.status === 0) return undefined;
  return `no tmpfs can be mounted here: ${(tried.error?.message ?? tried.stderr).trim()}`;
}

/** Runs a program on a small file system of its own, and reads the line that it says. */
async function onSmallDisk<T>(
  skip: (note: string) => never,
  sizeMib: number,
  program: string,
): Promise<T> {
  const why = whyNoMount();
  if (why !== undefined) {
    if (process.env['CI'] === 'true') throw new Error(why);
    skip(why);
  }
  const { stdout, stderr, code } = await ended(
    programs.start(PRELUDE + program, [folder], mounted(sizeMib)),
  );
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  return JSON.parse(stdout) as T;
}

interface Refusal {
  readonly code: string;
  readonly message: string;
}

describe('a file system', () => {
  it('ENOSPC: a full disk ends the storage; with room again all that was acknowledged is there', async ({
    skip,
  }) => {
    const found = await onSmallDisk<{
      acknowledged: number;
      refused: Refusal;
      next: Refusal;
      fact: Refusal;
      failure: string;
      reopened: Refusal;
      again: number;
      isSame: boolean;
      more: number;
    }>(
      skip,
      2,
      `writeFileSync(root + '/ballast', Buffer.alloc(100_000));
      const storage = await open();
      await found(storage);
      let acknowledged = 0;
      let refused;
      while (refused === undefined) {
        refused = await refusal(storage.append({ hardState: { term: 1, vote: 1, commit: 0 },
          entries: [entry(acknowledged + 1)] }));
        if (refused === undefined) acknowledged++;
      }
      const next = await refusal(storage.append({ entries: [entry(acknowledged + 2)] }));
      const fact = await refusal(storage.writeFact('x', Buffer.from('y')));
      const failure = storage.failure?.code;
      await storage.close();
      for (const bytes of [65_536, 4_096, 1])
        try { for (;;) appendFileSync(root + '/more', Buffer.alloc(bytes)); } catch {}
      const reopened = await refusal(open());
      rmSync(root + '/more');
      rmSync(root + '/ballast');
      const second = await open();
      let isSame = true;
      for (let index = 1; index <= acknowledged; index++) {
        await second.load(index, index + 1, 1e6);
        const [one] = second.entries(index, index + 1, 1e6);
        isSame &&= entry(index).data.equals(one.data);
      }
      const again = second.lastIndex();
      await second.append({ hardState: { term: 2, vote: 1, commit: 0 },
        entries: [{ ...entry(again + 1), term: 2, data: Buffer.from('more') }] });
      const more = second.durableIndex;
      await second.close();
      say({ acknowledged, refused, next, fact, failure, reopened, again, isSame, more });`,
    );
    expect(found.acknowledged).toBeGreaterThan(20);
    expect(found.refused.code).toBe('DISK_FULL');
    expect(found.refused.message).toContain(`${folder}/data/wal/`);
    expect(found.refused.message).toContain('Free space');
    expect([found.next, found.fact]).toEqual([found.refused, found.refused]);
    expect(found.failure).toBe('DISK_FULL');
    expect(found.reopened.code).toBe('DISK_FULL');
    expect(found.reopened.message).toContain(`could not open the data folder ${folder}/data: `);
    expect(found.reopened.message).toContain('Free space');
    expect(found.isSame).toBe(true);
    expect(found.again).toBeGreaterThanOrEqual(found.acknowledged);
    expect(found.more).toBe(found.again + 1);
  });

  it('ENOSPC: a snapshot that finds no room leaves log and folder as they were', async ({
    skip,
  }) => {
    const found = await onSmallDisk<{ refused: Refusal; isAlive: boolean; left: string[] }>(
      skip,
      3,
      `import { readdirSync } from 'node:fs';
      const storage = await open();
      await found(storage);
      const hardState = { term: 1, vote: 1, commit: 0 };
      await storage.append({ hardState, entries: [entry(1), entry(2)] });
      const conf = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
      function* chunks() { for (let i = 0; i < 40; i++) yield Buffer.alloc(100_000, i); }
      const refused = await refusal(storage.saveSnapshot({ index: 1, term: 1, confState: conf },
        [{ name: 'state', chunks: chunks() }]));
      await storage.append({ entries: [entry(3)] });
      const left = readdirSync(directory + '/snap');
      say({ refused, isAlive: storage.failure === undefined && storage.durableIndex === 3, left });
      await storage.close();`,
    );
    expect(found.refused.code).toBe('DISK_FULL');
    expect(found.refused.message).toContain('write the snapshot at 1');
    expect(found.isAlive).toBe(true);
    expect(found.left).toEqual([]);
  });

  it('read-only: refused by name, fresh or not; an inspection reads it', async ({ skip }) => {
    const found = await onSmallDisk<{ old: Refusal; fresh: Refusal; last: number; damage: [] }>(
      skip,
      4,
      `const storage = await open();
      await found(storage);
      await storage.append({ hardState: { term: 1, vote: 1, commit: 0 }, entries: [entry(1)] });
      await storage.close();
      const mount = spawnSync('mount', ['-o', 'remount,ro', root], { encoding: 'utf8' });
      if (mount.status !== 0) throw new Error(mount.stderr);
      const old = await refusal(open());
      const fresh = await refusal(open(root + '/other'));
      const { log, damage } = await inspect(realDisk(), directory);
      say({ old, fresh, last: log.lastIndex, damage });`,
    );
    for (const [refused, path] of [
      [found.old, `${folder}/data`],
      [found.fresh, `${folder}/other`],
    ] as const) {
      expect(refused.code).toBe('DATA_DIR_UNUSABLE');
      expect(refused.message).toContain(path);
      expect(refused.message).toContain('read-only');
      expect(refused.message).toContain('Give the node a folder that its user may write to');
    }
    expect(found).toMatchObject({ last: 1, damage: [] });
  });
});

describe('a folder', () => {
  const openHere = (directory: string) =>
    openDiskStorage({ disk: realDisk(), clock, random: dice(1), logger: nullLogger, directory });

  it('that a live process holds is refused by its id, and free once that is killed', async () => {
    const child = programs.start(
      `${PRELUDE} const storage = await open(); await found(storage); say('open'); process.stdin.resume();`,
      [folder],
    );
    await line(child, 'open');
    const directory = join(folder, 'data');
    await expect(openHere(directory)).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
      message: expect.stringContaining(`process ${child.pid} on`),
    });
    child.kill('SIGKILL');
    await ended(child);
    const storage = await openHere(directory);
    expect(storage.identity?.nodeId).toBe('n');
    await storage.close();
  });

  it('S-102 NASTY 2 a vote that was acknowledged is there after kill -9', async () => {
    const child = programs.start(
      `${PRELUDE} const storage = await open();
      await found(storage);
      await storage.append({ hardState: { term: 7, vote: 3, commit: 0 }, entries: [] });
      say('voted');
      storage.append({ hardState: { term: 8, vote: 2, commit: 0 }, entries: [] });
      process.stdin.resume();`,
      [folder],
    );
    await line(child, 'voted');
    child.kill('SIGKILL');
    await ended(child);
    const storage = await openHere(join(folder, 'data'));
    // The one that was not acknowledged may be there, whole.
    const { term, vote } = storage.initialState().hardState;
    expect(['7/3', '8/2']).toContain(`${term}/${vote}`);
    await storage.close();
  });

  it.each([
    ['that is a file', 'file', 'a file has that name; move it away'],
    ['below a file', 'file/data', 'is a file; move it away'],
  ])('%s is refused in words for people', async (_name, path, says) => {
    writeFileSync(join(folder, 'file'), '');
    await expect(openHere(join(folder, path))).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
      message: expect.stringContaining(says),
    });
  });

  it('that can not be made is refused, and not tried for ever', async ({ skip }) => {
    if ((await realDisk().info('/proc/self')) === undefined) skip('there is no /proc here');
    await expect(openHere('/proc/quorate-test/data')).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
    });
  });
});
