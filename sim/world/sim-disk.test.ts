/** The simulated disk: order, time, death before and after every operation, and each fault for what it is. */
import { describe, expect, it } from 'vitest';
import { DiskError, type DiskFile } from '../../src/world/index.ts';
import type { EventLoop } from './event-loop.ts';
import { Kernel } from './kernel.ts';
import { MemoryDisk, SECTOR_BYTES } from './memory-disk.ts';
import { SeededRandom } from './seeded-random.ts';
import { type DiskConditions, healthyDisk, SimDisk } from './sim-disk.ts';
import { Trace } from './trace.ts';

const KEEPS_NOTHING = { below: () => 0 };

interface Bench {
  readonly kernel: Kernel;
  readonly memory: MemoryDisk;
  readonly conditions: DiskConditions;
  readonly trace: Trace;
  loop: EventLoop;
  disk: SimDisk;
  /** Runs on the loop, to its end or for a minute; answers whether it came to its end. */
  run(work: () => Promise<void>): Promise<boolean>;
  /** And it must come to its end. */
  mustRun(work: () => Promise<void>): Promise<void>;
  /** Another process. */
  next(): void;
}

function bench(seed = 1, memory: MemoryDisk = new MemoryDisk()): Bench {
  const kernel = new Kernel();
  const conditions = healthyDisk();
  const random = new SeededRandom(seed, 'disk');
  const trace = new Trace();
  const born = (): { loop: EventLoop; disk: SimDisk } => {
    const loop = kernel.loop('process');
    const note = (what: string, first: number, second: number): void =>
      trace.note(what, kernel.nowMs, first, second);
    return { loop, disk: new SimDisk({ disk: memory, loop, random, conditions, trace: note }) };
  };
  const self: Bench = {
    kernel,
    memory,
    conditions,
    trace,
    ...born(),
    next: () => Object.assign(self, born()),
    mustRun: async (work) => {
      if (!(await self.run(work))) throw new Error('it did not come to its end');
    },
    run: async (work) => {
      let isDone = false;
      let failure: unknown;
      self.loop.after(0, () => {
        work().then(
          () => {
            isDone = true;
          },
          (error: unknown) => {
            failure = error;
          },
        );
      });
      await kernel.run(kernel.nowMs + 60_000, () => isDone || failure !== undefined);
      if (failure !== undefined) throw failure;
      return isDone;
    },
  };
  return self;
}

async function made(at: Bench, path = '/d/a'): Promise<DiskFile> {
  let file: DiskFile | undefined;
  await at.mustRun(async () => {
    await at.disk.makeDirectory('/d');
    file = await at.disk.open(path, 'create');
    await at.disk.syncDirectory('/d');
  });
  return file!;
}

const text = (value: string): readonly Uint8Array[] => [Buffer.from(value)];

describe('time and order', () => {
  it('operations on one file take effect and settle in the order asked, and files overlap', async () => {
    const overlaps = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const at = bench(seed);
      const a = await made(at, '/d/a');
      const b = await made(at, '/d/b');
      const settled: string[] = [];
      await at.mustRun(async () => {
        const all: Promise<void>[] = [];
        for (let turn = 0; turn < 10; turn++) {
          for (const [name, file] of [['a', a] as const, ['b', b] as const]) {
            const work =
              turn % 3 === 0
                ? file.writeAndSync(0, text(`${name}${turn}`))
                : file.write(0, text(`${name}${turn}`));
            all.push(work.then(() => void settled.push(`${name}${turn}`)));
          }
        }
        await Promise.all(all);
      });
      for (const name of ['a', 'b']) {
        const own = settled.filter((one) => one.startsWith(name));
        expect(own).toEqual(Array.from({ length: 10 }, (_, turn) => `${name}${turn}`));
        expect(at.memory.peek(`/d/${name}`).toString()).toBe(`${name}9`);
      }
      overlaps.add(settled.join());
    }
    expect(overlaps.size).toBeGreaterThan(10);
  });

  it('an operation takes its time, with a heavy and bounded tail, and longer on a stuck disk', async () => {
    const at = bench();
    const file = await made(at);
    const times: number[] = [];
    at.conditions.sync = { typicalMs: 1, maxMs: 50 };
    for (let turn = 0; turn < 2_000; turn++) {
      const before = at.kernel.nowMs;
      await at.mustRun(() => file.sync());
      times.push(at.kernel.nowMs - before);
    }
    times.sort((a, b) => a - b);
    expect(times[0]).toBeGreaterThanOrEqual(0.5);
    expect(times[1_000]).toBeLessThan(2);
    expect(times[1_999]).toBeGreaterThan(10);
    expect(times[1_999]).toBeLessThanOrEqual(50 + 1e-6);
    at.conditions.extraMs = 3_000;
    const before = at.kernel.nowMs;
    await at.mustRun(() => file.sync());
    expect(at.kernel.nowMs - before).toBeGreaterThanOrEqual(3_000.5);
    expect(at.disk.struck.slow).toBe(1);
  });

  it('the same seed takes the same way, another one another', async () => {
    const hashes: string[] = [];
    for (const seed of [7, 7, 8]) {
      const at = bench(seed);
      at.conditions.failWrites = 2_000;
      at.conditions.failSyncs = 2_000;
      const file = await made(at);
      for (let turn = 0; turn < 30; turn++) {
        await at.mustRun(() => file.writeAndSync(turn, text('x'.repeat(turn)))).catch(() => {});
      }
      hashes.push(at.trace.hash);
    }
    expect(hashes[1]).toBe(hashes[0]);
    expect(hashes[2]).not.toBe(hashes[0]);
  });
});

/** Each step leaves another state behind. */
async function steps(disk: SimDisk, done: (step: string) => void): Promise<void> {
  await disk.makeDirectory('/d').then(() => done('folder'));
  const file = await disk.open('/d/a', 'create');
  done('create');
  await file.write(0, text('one')).then(() => done('write'));
  await file.truncate(2).then(() => done('truncate'));
  await disk.rename('/d/a', '/d/b').then(() => done('rename'));
  await disk.remove('/d/b').then(() => done('remove'));
}

function stateOf(memory: MemoryDisk): string {
  if (memory.tree.info('/d') === undefined) return 'nothing';
  return memory.paths().map((path) => `${path}=${memory.peek(path)}`)[0] ?? 'empty';
}

const STATES = ['nothing', 'empty', '/d/a=', '/d/a=one', '/d/a=on', '/d/b=on', 'empty'];

describe('the death of a process', () => {
  it('lies before and after any operation: without its effect, or with it and without its answer', async () => {
    for (let count = 1; count <= 12; count++) {
      const at = bench(count);
      const { loop } = at;
      loop.dieAfter(count, () => loop.end());
      const done: string[] = [];
      expect(await at.run(() => steps(at.disk, (step) => done.push(step)))).toBe(false);
      // Two touches an operation: the odd ones die before the effect, the even ones before the answer.
      expect(done.length, `touch ${count}`).toBe(Math.floor((count - 1) / 2));
      expect(stateOf(at.memory), `touch ${count}`).toBe(STATES[Math.floor(count / 2)]);
    }
  });

  it('at any time never settles what it had asked for, and lets the next one go on', async () => {
    const left = new Set<string>();
    for (let seed = 1; seed <= 100; seed++) {
      const at = bench(seed);
      const { loop, kernel } = at;
      kernel.nature.after(seed * 0.01, () => loop.end());
      const done: string[] = [];
      const isDone = await at.run(() => steps(at.disk, (step) => done.push(step)));
      const count = done.length;
      const state = stateOf(at.memory);
      expect([STATES[count], STATES[count + 1]]).toContain(state);
      left.add(`${count} ${state}`);
      at.next();
      await at.mustRun(async () => {
        await at.disk.makeDirectory('/d');
        expect(done.length, 'the dead heard something').toBe(count);
      });
      expect(isDone).toBe(done.length === 6);
    }
    expect(left.size).toBeGreaterThan(6);
  });

  it('frees its locks, which hold as long as it lives', async () => {
    const at = bench();
    await at.mustRun(async () => {
      await at.disk.makeDirectory('/d');
      await at.disk.lock('/d');
      await expect(at.disk.lock('/d')).rejects.toMatchObject({ fault: 'locked' });
    });
    expect(at.disk.locks).toBe(1);
    const first = at.loop;
    at.next();
    await at.mustRun(() => expect(at.disk.lock('/d')).rejects.toThrow('another process'));
    first.end();
    await at.mustRun(async () => {
      const lock = await at.disk.lock('/d');
      await lock.release();
      await lock.release();
    });
    expect(at.disk.locks).toBe(0);
  });

  it('a disk that a power cut took away answers nobody', async () => {
    const at = bench();
    const file = await made(at);
    const after = at.memory.crash(KEEPS_NOTHING);
    expect(await at.run(() => file.write(0, text('late')))).toBe(false);
    expect(after.peek('/d/a').length).toBe(0);
  });
});

describe('faults', () => {
  async function faultOf(work: Promise<unknown>): Promise<string> {
    return work.then(
      () => 'none',
      (error: unknown) => (error instanceof DiskError ? error.fault : String(error)),
    );
  }

  it('EIO of a write leaves nothing or a part', async () => {
    const lengths = new Set<number>();
    for (let seed = 1; seed <= 60; seed++) {
      const at = bench(seed);
      const file = await made(at);
      at.conditions.failWrites = 10_000;
      await at.mustRun(async () => {
        expect(await faultOf(file.writeAndSync(0, text('0123456789')))).toBe('failed');
      });
      const left = at.memory.peek('/d/a').toString();
      expect('0123456789'.startsWith(left)).toBe(true);
      lengths.add(left.length);
      expect(at.disk.struck).toMatchObject({ writeErrors: 1, syncErrors: 0 });
      expect(at.disk.struck.partialWrites).toBe(left.length > 0 ? 1 : 0);
      // The sync behind it was never made.
      expect(at.disk.pending).toBe(0);
      expect(at.memory.crash(KEEPS_NOTHING).peek('/d/a').length).toBe(0);
    }
    expect(lengths.has(0)).toBe(true);
    expect(lengths.size).toBeGreaterThan(6);
  });

  it('EIO of a sync loses sectors for ever, whatever a later sync says', async () => {
    const at = bench();
    const file = await made(at);
    await at.mustRun(async () => {
      await file.writeAndSync(0, text('old'));
      at.conditions.failSyncs = 10_000;
      expect(await faultOf(file.writeAndSync(0, text('new')))).toBe('failed');
      at.conditions.failSyncs = 0;
      expect(await faultOf(file.sync())).toBe('none');
    });
    expect(at.disk.struck.syncErrors).toBe(1);
    expect(at.memory.peek('/d/a').toString()).toBe('new');
    expect(at.memory.crash(KEEPS_NOTHING).peek('/d/a').toString()).toBe('old');
  });

  it('ENOSPC leaves what fitted, and what is there may be written over', async () => {
    const at = bench();
    const file = await made(at);
    await at.mustRun(async () => {
      await file.write(0, text('1234'));
      at.memory.capacityBytes = at.memory.usedBytes;
      expect(await at.disk.freeBytes('/d')).toBe(0);
      expect(await faultOf(file.write(2, text('abcd')))).toBe('full');
      expect(await faultOf(file.write(0, text('AB')))).toBe('none');
      const made: string[] = [];
      for (let turn = 0; turn < 40; turn++) {
        made.push(await faultOf(at.disk.open(`/d/${turn}`, 'create')));
      }
      expect(new Set(made)).toEqual(new Set(['full', 'none']));
      at.memory.capacityBytes = 6;
      expect(await faultOf(file.write(4, text('567')))).toBe('full');
    });
    expect(at.memory.peek('/d/a').toString()).toBe('ABab56');
    expect(at.disk.struck.full).toBeGreaterThan(20);
  });

  it('reads and names fail, and a file system goes read-only', async () => {
    const at = bench();
    const file = await made(at);
    await at.mustRun(async () => {
      at.conditions.failReads = 10_000;
      at.conditions.failNames = 10_000;
      expect(await faultOf(file.read(0, 1))).toBe('failed');
      expect(await faultOf(at.disk.rename('/d/a', '/d/b'))).toBe('failed');
      expect(await faultOf(at.disk.syncDirectory('/d'))).toBe('failed');
      at.conditions.failReads = 0;
      at.conditions.failNames = 0;
      at.conditions.isReadOnly = true;
      expect(await faultOf(file.write(0, text('x')))).toBe('read-only');
      expect(await faultOf(file.truncate(9))).toBe('read-only');
      expect(await faultOf(at.disk.open('/d/c', 'create'))).toBe('read-only');
      expect(await faultOf(at.disk.open('/d/a', 'write'))).toBe('read-only');
      expect(await faultOf(at.disk.open('/d/a', 'read'))).toBe('none');
    });
    expect(at.memory.paths()).toEqual(['/d/a']);
    expect(at.disk.struck).toMatchObject({ readErrors: 1, nameErrors: 2, readOnly: 4 });
  });

  it('a chance of a part of 10,000 strikes about as often', async () => {
    const at = bench();
    const file = await made(at);
    at.conditions.failSyncs = 500;
    for (let turn = 0; turn < 1_000; turn++) await at.mustRun(() => file.sync()).catch(() => {});
    expect(at.disk.struck.syncErrors).toBeGreaterThan(25);
    expect(at.disk.struck.syncErrors).toBeLessThan(90);
  });

  it('a file that was closed is refused at once, and files are counted', async () => {
    const at = bench();
    const file = await made(at);
    expect(at.disk.openFiles).toBe(1);
    await at.mustRun(async () => {
      await Promise.all([file.write(0, text('last')), file.close()]);
      await file.close();
      expect(await faultOf(file.write(0, text('late')))).toBe('failed');
      expect(await faultOf(file.writeAndSync(0, text('late')))).toBe('failed');
    });
    expect(at.disk.openFiles).toBe(0);
    expect(at.memory.peek('/d/a').toString()).toBe('last');
  });
});

describe('the machine below', () => {
  it('a power cut says what it took', async () => {
    const at = bench();
    const file = await made(at);
    await at.mustRun(async () => {
      await file.writeAndSync(0, [Buffer.alloc(4 * SECTOR_BYTES, 1)]);
      await file.write(SECTOR_BYTES, [Buffer.alloc(2 * SECTOR_BYTES, 2)]);
      // The same bytes again: nothing to lose.
      await file.write(0, [Buffer.alloc(SECTOR_BYTES, 1)]);
      await file.write(4 * SECTOR_BYTES, [Buffer.alloc(1)]);
      await at.disk.rename('/d/a', '/d/b');
    });
    expect(at.memory.picture().losses).toBeUndefined();
    const keepsAll = { below: (bound: number) => bound - 1 };
    expect(at.memory.picture().crash(keepsAll).losses).toEqual({ sectors: 0, sizes: 0, names: 0 });
    const { losses } = at.memory.picture().crash(KEEPS_NOTHING);
    expect(losses).toEqual({ sectors: 2, sizes: 1, names: 1 });
  });

  it('rot flips exactly one bit, and no power cut brings it back', async () => {
    const spots = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const memory = new MemoryDisk();
      memory.tree.makeDirectory('/d');
      memory.poke('/d/a', Buffer.alloc(1_000, 5));
      memory.poke('/d/b', Buffer.alloc(700, 6));
      memory.poke('/d/empty', Buffer.alloc(0));
      memory.scribble('/d/a', 0, Buffer.alloc(100, 7));
      const twin = memory.picture();
      const random = new SeededRandom(seed);
      const rot = memory.rot(random, (path) => path !== '/d/b');
      expect(rot).toMatchObject({ path: '/d/a' });
      const { path, offset, bit } = rot!;
      spots.add(`${offset}.${bit}`);
      // In what programs see, in what is durable, and nowhere in a copy made before.
      for (const [one, other] of [
        [memory, twin],
        [memory.picture().crash(KEEPS_NOTHING), twin.picture().crash(KEEPS_NOTHING)],
      ] as const) {
        const flipped = other.peek(path);
        flipped[offset] = flipped[offset]! ^ (1 << bit);
        expect(one.peek(path).equals(flipped)).toBe(true);
        expect(one.peek('/d/b').equals(other.peek('/d/b'))).toBe(true);
      }
    }
    expect(spots.size).toBeGreaterThan(35);
    const random = new SeededRandom(1);
    expect(new MemoryDisk().rot(random)).toBeUndefined();
  });

  it('knows at any time how many bytes its files hold', async () => {
    const random = new SeededRandom(3);
    const at = bench();
    await made(at);
    let { memory } = at;
    for (let turn = 0; turn < 3_000; turn++) {
      const path = `/d/${random.below(4)}`;
      const other = `/d/${random.below(4)}`;
      const kind = random.below(7);
      const isThere = memory.tree.find(path) !== undefined;
      if (kind === 0 && !isThere) memory.tree.open(path, 'create');
      else if (kind === 1) memory.poke(path, Buffer.alloc(random.below(600)));
      else if (kind === 2 && isThere) memory.scribble(path, random.below(900), Buffer.alloc(99));
      else if (kind === 3 && isThere) memory.tree.rename(path, other);
      else if (kind === 4) memory.tree.remove(path);
      else if (kind === 5 && isThere) {
        memory.tree.truncate(memory.tree.mustFind(path), random.below(999));
      } else if (kind === 6) memory = random.chance(1, 2) ? memory.crash(random) : memory.kill();
      if (random.chance(1, 9)) memory.tree.syncDirectory('/d');
      const files = new Set(memory.paths().map((one) => memory.tree.mustFind(one)));
      const used = [...files].reduce((sum, inode) => sum + inode.size, 0);
      expect(memory.usedBytes).toBe(used);
    }
  });
});
