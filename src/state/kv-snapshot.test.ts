import { describe, expect, it } from 'vitest';
import { SNAPSHOT_CHUNK_BYTES, VALUE_BYTES_MAX } from '../limits.ts';
import { KvMachine } from './kv-machine.ts';
import { HISTORY_SECTION, ITEMS_SECTION, META_SECTION } from './kv-snapshot.ts';
import {
  ALL,
  apply,
  ask,
  bytes,
  collect,
  drain,
  put,
  readerOf,
  type Sections,
  seen,
} from './state.fixture.ts';
import type { KvCommand } from './types.ts';

function filled(count: number): KvMachine {
  const machine = new KvMachine({ history: { changesMax: 50 } });
  const commands: KvCommand[] = [];
  for (let i = 0; i < count; i++) commands.push(put(`key ${(i * 7919) % count}`, `value ${i}`));
  apply(machine, ...commands);
  return machine;
}

async function restored(sections: Sections, chunkBytes?: number): Promise<KvMachine> {
  const machine = new KvMachine();
  await machine.restore(readerOf(sections, chunkBytes));
  return machine;
}

describe('snapshots', () => {
  it('bring back keys, revisions and history, however the bytes are cut', async () => {
    const machine = filled(500);
    const sections = await collect(machine.snapshot());
    const history = await drain(machine.watch({ ...ALL, fromRevision: 451 }));
    expect(history.length).toBe(50);
    for (const chunkBytes of [1, 7, 4_096, 10_000_000]) {
      const back = await restored(sections, chunkBytes);
      expect(seen(back)).toEqual(seen(machine));
      expect(back.compactedRevision).toBe(450);
      expect(await drain(back.watch({ ...ALL, fromRevision: 451 }))).toEqual(history);
      expect(ask(back, put('more', 'x')).revision).toBe(501);
    }
  });

  it('the bytes are these, for ever (golden)', async () => {
    const machine = new KvMachine();
    apply(machine, put('b', '1'), put('a', '22'), { kind: 'delete', range: { start: bytes('b') } });
    ask(machine, { kind: 'compact', revision: 2 });
    const sections = await collect(machine.snapshot());
    const hex = [...sections].map(([name, section]) => [
      name,
      Buffer.from(section).toString('hex'),
    ]);
    expect(hex).toEqual([
      [META_SECTION, '0103010102'],
      [ITEMS_SECTION, '01' + '08000000' + '0161' + '023232' + '020201'],
      [
        HISTORY_SECTION,
        '01' + '0a000000' + '0201' + '010161' + '023232' + '0201' + '05000000' + '0301' + '020162',
      ],
    ]);
    const back = await restored(
      new Map(hex.map(([name, text]) => [name as string, Buffer.from(text as string, 'hex')])),
    );
    expect(seen(back)).toEqual(seen(machine));
  });

  it('hold the state of their moment, while commands go on being applied', async () => {
    const machine = filled(2_000);
    const before = seen(machine);
    const sections = machine.snapshot();
    for (let round = 0; round < 3; round++) {
      const batch = Array.from({ length: 2_000 }, (_, i) => put(`key ${i}`, `later ${i}`));
      apply(machine, ...batch);
    }
    ask(machine, { kind: 'delete', range: { start: bytes('key 1'), end: bytes('key 5') } });
    const back = await restored(await collect(sections));
    expect(seen(back)).toEqual(before);
    expect(seen(machine)).not.toEqual(before);
  });

  it('are the same bytes on a replica that began with one', async () => {
    const machine = filled(300);
    const back = await restored(await collect(machine.snapshot()));
    const bounds = new KvMachine({ history: { changesMax: 50 } });
    await bounds.restore(readerOf(await collect(back.snapshot())));
    const more = [put('key 3', 'x'), { kind: 'delete', range: { start: bytes('key 9') } } as const];
    expect(apply(bounds, ...more)).toEqual(apply(machine, ...more));
    expect(await collect(bounds.snapshot())).toEqual(await collect(machine.snapshot()));
  });

  it('come in chunks of bounded size', async () => {
    const machine = new KvMachine();
    const value = new Uint8Array(VALUE_BYTES_MAX).fill(1);
    apply(
      machine,
      { kind: 'put', key: bytes('large'), value },
      ...Array.from({ length: 3_000 }, (_, i) => put(`k${i}`, 'v'.repeat(200))),
    );
    let largest = 0;
    for (const { chunks } of machine.snapshot()) {
      for await (const chunk of chunks) largest = Math.max(largest, chunk.length);
    }
    expect(largest).toBeLessThanOrEqual(SNAPSHOT_CHUNK_BYTES);
    const back = await restored(await collect(machine.snapshot()), SNAPSHOT_CHUNK_BYTES);
    expect(Buffer.from(value).equals(back.get(bytes('large'))?.value as Uint8Array)).toBe(true);
    expect(back.count(ALL)).toBe(3_001);
  });

  it('without any of the sections are the empty state that a cluster is founded on', async () => {
    const machine = filled(3);
    await machine.restore(readerOf(new Map()));
    expect(seen(machine)).toEqual({ revision: 0, compactedRevision: 0, items: [] });
    expect(seen(await restored(await collect(machine.snapshot())))).toEqual(seen(machine));
  });
});

describe('damaged snapshots', () => {
  const corrupt = { code: 'DATA_CORRUPT' };

  it('that lack a section, or a part of one, are refused and change nothing', async () => {
    const sections = await collect(filled(20).snapshot());
    const target = filled(3);
    const before = seen(target);
    for (const name of sections.keys()) {
      const without = new Map(sections);
      without.delete(name);
      await expect(target.restore(readerOf(without))).rejects.toMatchObject({
        ...corrupt,
        message: expect.stringContaining(name),
      });
      const whole = sections.get(name) as Uint8Array;
      for (let length = 0; length < whole.length; length += 3) {
        const cut = new Map(sections).set(name, whole.subarray(0, length));
        await expect(target.restore(readerOf(cut))).rejects.toMatchObject(corrupt);
      }
      const longer = new Map(sections).set(name, Uint8Array.from([...whole, 0]));
      await expect(target.restore(readerOf(longer))).rejects.toMatchObject(corrupt);
      const newer = new Map(sections).set(name, Uint8Array.from([2, ...whole.subarray(1)]));
      await expect(target.restore(readerOf(newer))).rejects.toThrow(/has version 2/);
    }
    expect(seen(target)).toEqual(before);
  });

  it('whose parts do not fit together are refused', async () => {
    const sections = await collect(filled(20).snapshot());
    const other = await collect(filled(21).snapshot());
    for (const name of sections.keys()) {
      const mixed = new Map(sections).set(name, other.get(name) as Uint8Array);
      await expect(restored(mixed)).rejects.toMatchObject(corrupt);
    }
  });

  it('fuzz: a changed byte in the lengths and numbers is refused or harmless, never a crash', async () => {
    const sections = await collect(filled(8).snapshot());
    for (const [name, whole] of sections) {
      for (let at = 0; at < whole.length; at++) {
        const changed = Uint8Array.from(whole);
        changed[at] = (changed[at] as number) ^ 0xff;
        const outcome = await restored(new Map(sections).set(name, changed)).then(
          () => 'taken',
          (error: { code: string }) => error.code,
        );
        expect(['taken', 'DATA_CORRUPT']).toContain(outcome);
      }
    }
  });
});
