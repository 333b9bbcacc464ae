/**
 * That a watcher sees the newest value, misses what it was too slow for, and can leave at any
 * moment.
 */
import { describe, expect, it } from 'vitest';
import { LatestValue } from './latest-value.ts';

const DONE = { value: undefined, done: true };

describe('a watcher', () => {
  it('begins with the present value, and sees the newest that it has time for', async () => {
    const value = new LatestValue(1);
    const watch = value[Symbol.asyncIterator]();
    expect(await watch.next()).toEqual({ value: 1, done: false });
    value.set(2);
    value.set(3);
    expect(await watch.next()).toEqual({ value: 3, done: false });
    const waiting = watch.next();
    value.set(4);
    expect(await waiting).toEqual({ value: 4, done: false });
    expect(value.value).toBe(4);
  });

  it('that comes late, or a second one, sees the present value as well', async () => {
    const value = new LatestValue('a');
    value.set('b');
    const watches = [value[Symbol.asyncIterator](), value[Symbol.asyncIterator]()];
    for (const watch of watches) expect((await watch.next()).value).toBe('b');
  });

  it('sees the newest value before the end, also one that comes after it', async () => {
    const value = new LatestValue(1);
    const early = value[Symbol.asyncIterator]();
    await early.next();
    value.set(2);
    value.end();
    value.set(3);
    for (const watch of [early, value[Symbol.asyncIterator]()]) {
      expect(await watch.next()).toEqual({ value: 2, done: false });
      expect(await watch.next()).toEqual(DONE);
    }
  });

  it('that waits is told of the end', async () => {
    const value = new LatestValue(1);
    const watch = value[Symbol.asyncIterator]();
    await watch.next();
    const waiting = [watch.next(), watch.next()];
    value.end();
    expect(await Promise.all(waiting)).toEqual([DONE, DONE]);
  });

  it('leaves at once while it waits, and sees nothing any more; others go on', async () => {
    const value = new LatestValue(1);
    const [watch, other] = [value[Symbol.asyncIterator](), value[Symbol.asyncIterator]()];
    for (const it of [watch, other]) await it.next();
    const waiting = [watch.next(), watch.next()];
    const left = other.next();
    expect(await watch.return?.()).toEqual(DONE);
    expect(await Promise.all(waiting)).toEqual([DONE, DONE]);
    value.set(2);
    expect(await watch.next()).toEqual(DONE);
    expect(await left).toEqual({ value: 2, done: false });
  });

  it('leaves when its loop is left', async () => {
    const value = new LatestValue(1);
    const watch = value[Symbol.asyncIterator]();
    for await (const seen of watch) {
      expect(seen).toBe(1);
      break;
    }
    value.set(2);
    expect(await watch.next()).toEqual(DONE);
  });
});
