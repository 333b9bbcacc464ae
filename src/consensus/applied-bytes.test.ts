/** Which index lies how many bytes of log back, to the next MiB. */
import { expect, it } from 'vitest';
import { AppliedBytes } from './applied-bytes.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

it('knows which index lies so many bytes back, to the next MiB', () => {
  const applied = new AppliedBytes();
  expect(applied.indexBehind(1_000_000, 0)).toBe(0);
  for (let index = 1; index <= 1_000; index++) applied.add(index, 64 * KIB);
  expect(applied.total).toBe(1_000 * 64 * KIB);
  for (const until of [1_000, 777, 500]) {
    const behind = applied.indexBehind(until, 10 * MIB);
    const bytes = (until - behind) * 64 * KIB;
    expect(bytes).toBeGreaterThanOrEqual(10 * MIB);
    expect(bytes).toBeLessThanOrEqual(12 * MIB);
  }
});

it('says 0 where the log does not reach as far back as it knows', () => {
  const applied = new AppliedBytes();
  for (let index = 501; index <= 600; index++) applied.add(index, MIB);
  expect(applied.indexBehind(600, 200 * MIB)).toBe(0);
  expect(applied.indexBehind(500, 0)).toBe(0);
  expect(applied.indexBehind(600, 50 * MIB)).toBe(550);
  applied.forgetBefore(551);
  expect(applied.indexBehind(600, 50 * MIB)).toBe(0);
  expect(applied.indexBehind(600, 49 * MIB)).toBe(551);
});

it('goes on behind a large entry, and over indexes that a snapshot has passed', () => {
  const applied = new AppliedBytes();
  applied.add(1, 10);
  applied.add(2, 100 * MIB);
  applied.add(900, 10);
  expect(applied.indexBehind(900, 50 * MIB)).toBe(1);
});
