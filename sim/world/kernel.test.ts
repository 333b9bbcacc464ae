/** The kernel: order, pauses, death, and that a run can be repeated. */
import { describe, expect, it } from 'vitest';

import { Kernel } from './kernel.ts';
import { SeededRandom } from './seeded-random.ts';
import { Trace } from './trace.ts';

describe('time', () => {
  it('moves from one due thing to the next, over all processes', async () => {
    const kernel = new Kernel();
    const seen: string[] = [];
    const a = kernel.loop('a');
    const b = kernel.loop('b');
    a.after(30, () => seen.push(`a ${a.now()}`));
    b.after(10, () => seen.push(`b ${b.now()}`));
    a.after(20, () => b.io(5, () => seen.push(`io of b ${b.now()}`)));
    await kernel.run(100);
    expect(seen).toEqual(['b 10', 'io of b 25', 'a 30']);
    expect(kernel.nowMs).toBe(100);
  });

  it('gives what is due at one instant in the order in which it was asked for', async () => {
    const kernel = new Kernel();
    const loop = kernel.loop('a');
    const seen: number[] = [];
    for (let at = 0; at < 50; at++) loop.after(5, () => seen.push(at));
    await kernel.run(5);
    expect(seen).toEqual(Array.from({ length: 50 }, (_, at) => at));
  });

  it('lets all promises settle between two callbacks', async () => {
    const kernel = new Kernel();
    const loop = kernel.loop('a');
    const seen: string[] = [];
    loop.after(1, () => {
      void (async () => {
        for (let step = 0; step < 20; step++) await Promise.resolve();
        seen.push('settled');
      })();
    });
    loop.after(1, () => seen.push('next'));
    await kernel.run(1);
    expect(seen).toEqual(['settled', 'next']);
  });

  it('stops where a condition is reached', async () => {
    const kernel = new Kernel();
    let count = 0;
    const again = (): void => {
      count += 1;
      kernel.nature.after(10, again);
    };
    again();
    expect(await kernel.run(1_000, () => count === 5)).toBe(true);
    expect(kernel.nowMs).toBe(40);
    expect(await kernel.run(60, () => count === 50)).toBe(false);
  });

  it('finds what asks for itself for ever', async () => {
    const kernel = new Kernel();
    const again = (): void => kernel.nature.afterIo(again);
    again();
    await expect(kernel.run(10)).rejects.toThrow('time stands still at 0 ms');
  });
});

describe('a process', () => {
  it('has timers, then I/O, then what waited for the I/O, in each turn', async () => {
    const kernel = new Kernel();
    const loop = kernel.loop('a');
    const seen: string[] = [];
    loop.io(0, () => seen.push('io'));
    loop.afterIo(() => seen.push('check'));
    loop.after(0, () => seen.push('timer'));
    await kernel.run(0);
    expect(seen).toEqual(['timer', 'io', 'check']);
  });

  it('that stood still gets everything late: timers first, and before the bytes that came meanwhile', async () => {
    const kernel = new Kernel();
    const loop = kernel.loop('a');
    const other = kernel.loop('b');
    const seen: string[] = [];
    loop.io(10, () => seen.push(`io ${loop.now()}`));
    loop.after(20, () => seen.push(`timer ${loop.now()}`));
    other.after(20, () => seen.push(`other ${other.now()}`));
    loop.block(50);
    await kernel.run(100);
    expect(seen).toEqual(['other 20', 'timer 50', 'io 50']);
  });

  it('that is dead hears nothing more, and asks for nothing', async () => {
    const kernel = new Kernel();
    const loop = kernel.loop('a');
    const seen: string[] = [];
    loop.after(5, () => {
      seen.push('first');
      loop.end();
      loop.after(1, () => seen.push('asked for after its death'));
    });
    loop.after(5, () => seen.push('of the same instant'));
    await kernel.run(100);
    expect(seen).toEqual(['first']);
    expect(loop.operation()).toBe(false);
    expect(loop.waiting).toBe(0);
  });

  it('dies at the operation on its door that was chosen', () => {
    const loop = new Kernel().loop('a');
    loop.operation();
    loop.dieAfter(3, () => loop.end());
    expect([1, 2, 3, 4].map(() => loop.operation())).toEqual([true, true, false, false]);
  });

  it('has a wall clock of its own', () => {
    const kernel = new Kernel();
    const [a, b] = [kernel.loop('a'), kernel.loop('b')];
    b.wallSkewMs = -5_000;
    expect(b.wallTime() - a.wallTime()).toBe(-5_000);
    expect(b.now()).toBe(a.now());
  });

  it('that throws is told, and time goes on', async () => {
    const kernel = new Kernel();
    const told: string[] = [];
    kernel.onUncaught = (error, loop) => told.push(`${loop.name} ${(error as Error).message}`);
    const loop = kernel.loop('a');
    loop.after(1, () => {
      throw new Error('a bug');
    });
    await kernel.run(10);
    expect(told).toEqual(['a a bug']);
  });
});

describe('chance', () => {
  it('comes back with its seed, and each purpose has its own', () => {
    const draw = (random: SeededRandom): number[] =>
      Array.from({ length: 8 }, () => random.below(1_000_000));
    expect(draw(new SeededRandom(7, 'x'))).toEqual(draw(new SeededRandom(7, 'x')));
    expect(draw(new SeededRandom(7, 'x'))).not.toEqual(draw(new SeededRandom(8, 'x')));
    expect(draw(new SeededRandom(7, 'x'))).not.toEqual(draw(new SeededRandom(7, 'y')));
    const parent = new SeededRandom(7);
    parent.below(10);
    expect(draw(parent.stream('child'))).toEqual(draw(new SeededRandom(7).stream('child')));
    expect(draw(new SeededRandom(2 ** 40 + 7))).not.toEqual(draw(new SeededRandom(7)));
  });

  it('draws the same numbers on every machine and engine', () => {
    const random = new SeededRandom(1, 'golden');
    const drawn = Array.from({ length: 4 }, () => random.below(2 ** 32));
    expect(drawn).toMatchInlineSnapshot(`
      [
        4267334725,
        3143687887,
        3595052302,
        2339149037,
      ]
    `);
  });

  it('is fair enough, and heavy tails end at their bound', () => {
    const random = new SeededRandom(3);
    const counts = [0, 0, 0, 0];
    for (let draw = 0; draw < 4_000; draw++) counts[random.below(4)]! += 1;
    for (const count of counts) expect(count).toBeGreaterThan(850);
    const late = Array.from({ length: 2_000 }, () => random.heavyTailed(1, 50));
    expect(Math.max(...late)).toBeLessThanOrEqual(50);
    expect(Math.max(...late)).toBeGreaterThan(10);
    expect(late.filter((value) => value < 2).length).toBeGreaterThan(1_200);
    expect([...random.shuffled([1, 2, 3, 4, 5])].sort()).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('a trace', () => {
  it('tells runs apart by any difference, order and time included', () => {
    const hashOf = (...notes: [string, number, number][]): string => {
      const trace = new Trace();
      for (const [what, at, first] of notes) trace.note(what, at, first);
      return trace.hash;
    };
    const base = hashOf(['a', 1, 1], ['b', 2, 2]);
    expect(hashOf(['a', 1, 1], ['b', 2, 2])).toBe(base);
    expect(hashOf(['b', 2, 2], ['a', 1, 1])).not.toBe(base);
    expect(hashOf(['a', 1, 1], ['b', 2.000001, 2])).not.toBe(base);
    expect(hashOf(['a', 1, 1], ['b', 2, 3])).not.toBe(base);
    expect(base).toMatch(/^[0-9a-f]{16}$/);
  });
});
