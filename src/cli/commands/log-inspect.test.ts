/**
 * `quorate log inspect` on real folders: whole, in use, damaged, quarantined, and none at all. The storage
 * is the one that nodes use; the command runs in this process with streams of its own.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  clock,
  dice,
  entries,
  entry,
  hardState,
  IDENTITY,
  save,
} from '../../../sim/rigs/storage-rig.ts';
import { EntryType } from '../../raft/index.ts';
import { type DiskStorage, openDiskStorage } from '../../storage/index.ts';
import { nullLogger, realDisk } from '../../world/index.ts';
import { run } from '../program.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-inspect-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function quorate(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let [out, err] = ['', ''];
  stdout.on('data', (chunk) => {
    out += chunk;
  });
  stderr.on('data', (chunk) => {
    err += chunk;
  });
  const terminal = { stdout, stderr, stdin: new PassThrough(), env: {}, cwd: folder };
  const code = await run(['log', 'inspect', ...args], terminal);
  return { code, out, err };
}

/** A folder `data` with six entries of two terms in three segments, and a snapshot. */
async function filled(): Promise<DiskStorage> {
  const directory = join(folder, 'data');
  const random = dice(1);
  const storage = await openDiskStorage({
    ...{ disk: realDisk(), clock, random, logger: nullLogger, directory },
    options: { segmentBytes: 2048 },
  });
  await storage.found(IDENTITY);
  await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 3) });
  const large = { ...entry(4, 2), data: Buffer.alloc(1800, 'x') };
  await storage.append({ hardState: hardState(2, 3, 2), entries: [large] });
  const members = { ...entry(5, 2), type: EntryType.ConfChangeV2 };
  const first = { ...entry(6, 2), data: Buffer.alloc(0) };
  await storage.append({ entries: [members, first] });
  await save(storage, 2);
  await storage.writeFact('incarnations', Buffer.from('{"1": "0123456789abcdef"}'));
  return storage;
}

async function closed(): Promise<void> {
  await (await filled()).close();
}

function segment(): string {
  const names = readdirSync(join(folder, 'data', 'wal')).sort();
  return join(folder, 'data', 'wal', names[0]!);
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

describe('quorate log inspect', () => {
  it('prints whose the folder is, its log, snapshots and facts', async () => {
    await closed();
    const { code, out, err } = await quorate('data');
    expect([code, err]).toEqual([0, '']);
    for (const line of [
      `data folder   ${join(folder, 'data')}`,
      '  cluster     test (0123456789abcdef0123456789abcdef)',
      '  node        node-1 (raft id 1, incarnation 0123456789abcdef)',
      '  in use      no',
      'log           6 entries: 1 to 6 (term 2)',
      '  hard state  term 2, vote raft id 3, commit 2',
      '  terms       1 from 1, 2 from 4',
      '  end         closed in good order',
      expect.stringMatching(/^ {2}witness {5}durable up to offset \d+ of segment 3$/),
      '                members 7 B, state 10 B',
      '  incarnations  {"1": "0123456789abcdef"}',
      'No damage found.',
    ]) {
      expect(out.split('\n')).toContainEqual(line);
    }
    expect(out).toMatch(/ +0000000001.wal +1 to 3 +1 record +\d+ B of 2.0 KiB\n/);
    expect(out).toMatch(/entry 2 \(term 1\), \d+ B: voters node-1, raft id 2, raft id 3\n/);
  });

  it('--json prints the same as one object', async () => {
    await closed();
    const { code, out } = await quorate('data', '--json');
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(out)).toMatchObject({
      identity: IDENTITY,
      log: { firstIndex: 1, lastIndex: 6, entries: 6, isSealed: true, isWhole: true },
      snapshots: [{ index: 2, term: 1, sections: [{ name: 'members' }, { name: 'state' }] }],
      facts: [{ name: 'incarnations', bytes: 25 }],
      damage: [],
    });
  });

  it('looks into the folder of a running node, and leaves it its lock', async () => {
    const storage = await filled();
    const { code, out } = await quorate('data');
    expect(code).toBe(0);
    expect(out).toContain(`in use      by process ${process.pid} on`);
    expect(out).toContain('end         whole, but not closed');
    expect((await quorate('data', '--json')).out).toContain(`"holder":{"pid":${process.pid}`);
    await storage.append({ entries: entries(7, 7, 2) });
    await storage.close();
  });

  it('prints entries, one line each', async () => {
    await closed();
    const { code, out } = await quorate('data', '--entries', '3..');
    expect(code).toBe(0);
    const rows = out
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/));
    expect(rows).toEqual([
      ['INDEX', 'TERM', 'KIND', 'BYTES', 'DATA'],
      ['3', '1', 'commands', '7', 'entry 3'],
      ['4', '2', 'commands', '1,800', `${'x'.repeat(60)}…`],
      ['5', '2', 'membership', '7', 'entry 5'],
      ['6', '2', 'new leader', '0'],
    ]);
    const json = await quorate('data', '--entries', '2', '--json');
    expect(JSON.parse(json.out)).toEqual({
      index: 2,
      term: 1,
      type: 0,
      bytes: 7,
      dataBase64: Buffer.from('entry 2').toString('base64'),
    });
    expect((await quorate('data', '--entries', '..2')).out.split('\n')).toHaveLength(4);
  });

  it.each([
    ['9..', 'names no entry: the log holds entries 1 to 6'],
    ['4..2', 'names no entry'],
    ['all', 'expected FROM..TO'],
  ])('--entries %s is wrong usage: exit code 2', async (range, says) => {
    await closed();
    const { code, err } = await quorate('data', '--entries', range);
    expect(code).toBe(2);
    expect(err).toContain(says);
  });

  it('names file and offset of damage, shows what can be read, and ends with 8', async () => {
    await closed();
    const [, second] = readdirSync(join(folder, 'data', 'wal')).sort();
    const path = join(folder, 'data', 'wal', second!);
    flip(path, 400);
    const { code, out } = await quorate('data');
    expect(code).toBe(8);
    expect(out).toContain('log           up to the damage: 3 entries: 1 to 3 (term 1)');
    expect(out).toMatch(
      new RegExp(`! damaged: ${path} at offset \\d+: .*\n  what to do: Nothing was`),
    );
    const listed = await quorate('data', '--entries', '..');
    expect(listed.code).toBe(8);
    expect(listed.out.split('\n')).toHaveLength(5);
    expect(listed.err).toContain(`${path} is damaged at offset`);
  });

  it('tells of a segment that is missing, and of a log that is gone', async () => {
    await closed();
    rmSync(segment());
    const one = await quorate('data');
    expect(one.code).toBe(8);
    expect(one.out).toMatch(/entries 1 to 3 lie in a segment before it, which is gone/);
    rmSync(join(folder, 'data', 'wal'), { recursive: true });
    mkdirSync(join(folder, 'data', 'wal'));
    const none = await quorate('data');
    expect(none.code).toBe(8);
    expect(none.out).toMatch(/the log once went on to offset \d+ of segment 3, but there is none/);
  });

  it('tells of a damaged snapshot and a damaged fact', async () => {
    await closed();
    const snap = join(folder, 'data', 'snap', readdirSync(join(folder, 'data', 'snap'))[0]!);
    flip(snap, 300);
    const fact = join(folder, 'data', 'facts', 'incarnations.fact');
    flip(fact, 30);
    const { code, out } = await quorate('data');
    expect(code).toBe(8);
    expect(out).toMatch(new RegExp(`! damaged: ${snap} at offset \\d+: `));
    expect(out).toContain(`! damaged: ${fact} at offset 20: `);
  });

  it('an older snapshot that is damaged keeps no node from starting: exit code 0', async () => {
    const storage = await filled();
    await save(storage, 3);
    await storage.close();
    const [older, newest] = readdirSync(join(folder, 'data', 'snap'))
      .sort()
      .map((name) => join(folder, 'data', 'snap', name));
    flip(older!, 300);
    const { code, out } = await quorate('data');
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`! damaged, but not needed: ${older} at offset \\d+: `));
    expect(out).not.toContain('No damage found');
    flip(older!, 300);
    flip(newest!, 300);
    expect(await quorate('data')).toMatchObject({ code: 8 });
  });

  it('says one thing to do where the log does not reach back to a whole snapshot', async () => {
    const storage = await filled();
    await save(storage, 4, 2);
    await storage.compact(4);
    await storage.close();
    const newest = readdirSync(join(folder, 'data', 'snap'))
      .sort()
      .at(-1);
    flip(join(folder, 'data', 'snap', newest!), 300);
    const { code, out } = await quorate('data');
    expect(code).toBe(8);
    expect(out.match(/! damaged: /g)).toHaveLength(2);
    expect(out.match(/what to do: /g)).toHaveLength(1);
    expect(out).toMatch(/what to do: Nothing was changed\. Remove this member/);
    expect(out).not.toContain('Move the file away');
  });

  it('ends with the code that a node would end with: quarantined, removed, gone back', async () => {
    const storage = await filled();
    await storage.writeFact('removed', Buffer.from('{"version":1,"raftId":1}'));
    expect(await quorate('data')).toMatchObject({
      code: 9,
      out: expect.stringContaining('! removed: this node is no member'),
    });
    await storage.writeFact('quarantine', Buffer.from('{"version":1,"index":5}'));
    expect(await quorate('data')).toMatchObject({
      code: 10,
      out: expect.stringContaining('! in quarantine'),
    });
    await storage.writeFact('rolled-back', Buffer.from('{"version":1,"lastIndex":5}'));
    expect(await quorate('data')).toMatchObject({
      code: 8,
      out: expect.stringContaining('! went back'),
    });
    await storage.close();
  });

  it('lists files that do not count', async () => {
    await closed();
    writeFileSync(join(folder, 'data', 'notes.txt'), 'mine');
    writeFileSync(join(folder, 'data', 'facts', 'x.fact.tmp'), 'half');
    const part = '0000000000000009-0000000000000002-0123abcd.part';
    writeFileSync(join(folder, 'data', 'snap', part), 'half');
    const { code, out } = await quorate('data');
    expect(code).toBe(0);
    expect(out).toMatch(/^ {2}notes.txt +4 B +not known to Quorate$/m);
    expect(out).toMatch(/^ {2}facts\/x.fact.tmp +4 B +unfinished; the next start removes it$/m);
    expect(out).toMatch(/0123abcd.part +4 B +a snapshot that is being received/);
  });

  it('says so when there is no data folder, and where one is: exit code 13', async () => {
    await closed();
    expect(await quorate('nowhere')).toMatchObject({
      code: 13,
      err: expect.stringContaining('is no data folder: there is nothing at that path'),
    });
    expect(await quorate('.')).toMatchObject({
      code: 13,
      err: expect.stringContaining(`Did you mean ${join(folder, 'data')}?`),
    });
    expect(await quorate(join('data', 'IDENTITY'))).toMatchObject({
      code: 13,
      err: expect.stringContaining('it is a file'),
    });
  });

  it('an empty path is refused: it would be this folder', async () => {
    for (const path of ['', ' ']) {
      const { code, err } = await quorate(path);
      expect(code).toBe(2);
      expect(err).toContain(`the data folder is "${path}": give the path of one`);
    }
  });
});
