import { describe, expect, it } from 'vitest';
import { WATCH_REVISIONS_NOTED_MAX } from '../limits.ts';
import { prefixRange } from './key-ranges.ts';
import { KvMachine } from './kv-machine.ts';
import { ALL, apply, ask, bytes, collect, drain, put, readerOf, text } from './state.fixture.ts';
import type { KvChange, KvCommand } from './types.ts';

const ONE = { start: bytes('a') };

function revisions(changes: readonly KvChange[]): number[] {
  return changes.map(({ revision }) => revision);
}

function puts(key: string, count: number): KvCommand[] {
  return Array.from({ length: count }, (_, i) => put(key, String(i)));
}

async function restoreInto(target: KvMachine, source: KvMachine): Promise<void> {
  await target.restore(readerOf(await collect(source.snapshot())));
}

describe('a watch', () => {
  it('sees the changes of its range from now on, all events of a revision together', async () => {
    const machine = new KvMachine();
    apply(machine, put('a/1', 'before'));
    const watch = machine.watch(prefixRange(bytes('a/')));
    apply(machine, put('b', 'other'), put('a/1', 'x'), {
      kind: 'transaction',
      compare: [],
      then: [
        { kind: 'put', key: bytes('a/2'), value: bytes('y') },
        { kind: 'put', key: bytes('b'), value: bytes('not seen') },
        { kind: 'delete', range: { start: bytes('a/1') } },
      ],
      else: [],
    });
    const changed = { key: bytes('a/1'), value: bytes('x'), createRevision: 1, modRevision: 3 };
    const made = { key: bytes('a/2'), value: bytes('y'), createRevision: 4, modRevision: 4 };
    expect(await drain(watch)).toEqual([
      { revision: 3, events: [{ kind: 'put', item: { ...changed, version: 2 } }] },
      {
        revision: 4,
        events: [
          { kind: 'put', item: { ...made, version: 1 } },
          { kind: 'delete', key: bytes('a/1'), modRevision: 4 },
        ],
      },
    ]);
  });

  it('answers one that waits already, and never inside of applying', async () => {
    const machine = new KvMachine();
    const watch = machine.watch(ONE);
    let answered = 0;
    const waiting = [watch.next(), watch.next()].map((next) => next.finally(() => answered++));
    apply(machine, put('a', '1'), put('a', '2'));
    expect(answered).toBe(0);
    waiting.push(watch.next());
    apply(machine, put('a', '3'));
    const results = await Promise.all(waiting);
    expect(results.map(({ value }) => (value as KvChange).revision)).toEqual([1, 2, 3]);
  });

  it('begins at a revision of the past', async () => {
    const machine = new KvMachine();
    apply(machine, put('a', '1'), put('b', 'x'), put('a', '2'), put('a', '3'));
    expect(revisions(await drain(machine.watch({ ...ONE, fromRevision: 1 })))).toEqual([1, 3, 4]);
    expect(revisions(await drain(machine.watch({ ...ONE, fromRevision: 2 })))).toEqual([3, 4]);
    expect(revisions(await drain(machine.watch({ ...ALL, fromRevision: 5 })))).toEqual([]);
  });

  it('begins at a revision of the future: it was on a node that is ahead', async () => {
    const machine = new KvMachine();
    const watch = machine.watch({ ...ONE, fromRevision: 3 });
    apply(machine, ...puts('a', 4));
    expect(revisions(await drain(watch))).toEqual([3, 4]);
  });

  it('does not begin in what was compacted, nor at what is no revision', () => {
    const machine = new KvMachine();
    apply(machine, ...puts('a', 5), { kind: 'compact', revision: 4 });
    expect(() => machine.watch({ ...ONE, fromRevision: 3 })).toThrow(
      expect.objectContaining({
        code: 'REVISION_COMPACTED',
        details: { field: 'fromRevision', wanted: 3, compactedRevision: 3, resumeRevision: 4 },
      }),
    );
    for (const fromRevision of [0, -1, 1.5]) {
      expect(() => machine.watch({ ...ONE, fromRevision })).toThrow(/revisions begin at 1/);
    }
    expect(() => machine.watch({ start: bytes('') })).toThrow(/^key has 0 bytes/);
    expect(machine.stats.watches).toBe(0);
    machine.watch({ ...ONE, fromRevision: 4 });
  });

  it('that does not read for long gets all the same, from the history', async () => {
    const machine = new KvMachine();
    const watch = machine.watch(ONE);
    const count = 2 * WATCH_REVISIONS_NOTED_MAX + 10;
    for (let i = 0; i < count; i++) apply(machine, put('b', 'other'), put('a', 'x'));
    const changes = await drain(watch);
    expect(revisions(changes)).toEqual(Array.from({ length: count }, (_, i) => 2 * i + 2));
    apply(machine, put('a', 'more'));
    expect(revisions(await drain(watch))).toEqual([2 * count + 1]);
  });

  it('that stays a step behind for ever keeps no more than its bound', async () => {
    const machine = new KvMachine();
    const watch = machine.watch(ONE);
    apply(machine, put('a', 'x'), put('a', 'x'));
    for (let i = 1; i <= 3 * WATCH_REVISIONS_NOTED_MAX; i++) {
      expect((await watch.next()).value?.revision).toBe(i);
      apply(machine, put('a', 'x'));
    }
    expect(revisions(await drain(watch)).length).toBe(2);
  });

  it('that falls behind the history ends, and names where to go on', async () => {
    const machine = new KvMachine({ history: { changesMax: 10 } });
    const watch = machine.watch(ONE);
    apply(machine, ...puts('a', 5));
    expect((await watch.next()).value?.revision).toBe(1);
    apply(machine, ...puts('a', 10));
    await expect(watch.next()).rejects.toMatchObject({
      code: 'WATCH_TOO_SLOW',
      details: { wanted: 2, compactedRevision: 5, resumeRevision: 6 },
    });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    expect(machine.stats.watches).toBe(0);
  });

  it('of a key that rests is not behind, however much others change', async () => {
    const machine = new KvMachine({ history: { changesMax: 10 } });
    const watch = machine.watch(ONE);
    apply(machine, ...puts('b', 100));
    expect(watch.resumeRevision).toBe(101);
    apply(machine, put('a', 'x'));
    expect(watch.resumeRevision).toBe(101);
    expect(revisions(await drain(watch))).toEqual([101]);
    expect(watch.resumeRevision).toBe(102);
  });

  it('is cancelled at any time; who waits is told that it is over', async () => {
    const machine = new KvMachine();
    const watch = machine.watch(ONE);
    const next = watch.next();
    watch.cancel();
    watch.cancel();
    expect(await next).toEqual({ done: true, value: undefined });
    apply(machine, put('a', '1'));
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    const seen: (string | undefined)[] = [];
    apply(machine, put('a', '2'), put('a', '3'));
    for await (const { events } of machine.watch({ ...ONE, fromRevision: 1 })) {
      seen.push(
        ...events.map((event) => text(event.kind === 'put' ? event.item.value : undefined)),
      );
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(['1', '2']);
    expect(machine.stats.watches).toBe(0);
  });

  it('does not depend on the range that it was given staying as it is', async () => {
    const machine = new KvMachine();
    const start = bytes('a');
    const watch = machine.watch({ start });
    start[0] = 98;
    apply(machine, put('a', '1'), put('b', '2'));
    expect(revisions(await drain(watch))).toEqual([1]);
  });
});

describe('a watch over a restore', () => {
  it('goes on where it was, whether it had read all or not', async () => {
    const [here, there] = [new KvMachine(), new KvMachine()];
    const fast = here.watch(ONE);
    const slow = here.watch(ALL);
    const waiting = here.watch({ start: bytes('z') });
    const next = waiting.next();
    for (const machine of [here, there]) apply(machine, put('a', '1'), put('b', '2'));
    expect(revisions(await drain(fast))).toEqual([1]);
    expect((await slow.next()).value?.revision).toBe(1);
    apply(there, put('a', '3'), put('b', '4'), put('z', '5'));
    await restoreInto(here, there);
    apply(here, put('a', '6'));
    expect(revisions(await drain(fast))).toEqual([3, 6]);
    expect(revisions(await drain(slow))).toEqual([2, 3, 4, 5, 6]);
    expect((await next).value?.revision).toBe(5);
  });

  it('ends with REVISION_COMPACTED when the new history begins behind it', async () => {
    const [here, there] = [new KvMachine(), new KvMachine({ history: { changesMax: 2 } })];
    for (const machine of [here, there]) apply(machine, put('a', '1'), put('a', '2'));
    const behind = here.watch(ONE);
    const waits = behind.next();
    const far = here.watch({ ...ONE, fromRevision: 5 });
    apply(there, ...puts('b', 4));
    await restoreInto(here, there);
    await expect(waits).rejects.toMatchObject({
      code: 'REVISION_COMPACTED',
      details: { wanted: 3, compactedRevision: 4, resumeRevision: 5 },
    });
    apply(here, put('a', 'x'));
    expect(revisions(await drain(far))).toEqual([7]);
    expect(here.stats.watches).toBe(1);
  });

  it('moves to another node that began with a snapshot, and misses nothing', async () => {
    const [here, there] = [new KvMachine(), new KvMachine()];
    apply(here, ...puts('a', 3));
    const watch = here.watch({ ...ONE, fromRevision: 1 });
    await watch.next();
    const from = watch.resumeRevision;
    apply(here, ...puts('a', 2));
    await restoreInto(there, here);
    apply(there, put('a', 'there'));
    const moved = there.watch({ ...ONE, fromRevision: from });
    expect(revisions(await drain(moved))).toEqual([2, 3, 4, 5, 6]);
    expect(ask(there, put('a', 'x')).revision).toBe(7);
  });

  it('a snapshot of the past repeats nothing', async () => {
    const [here, there] = [new KvMachine(), new KvMachine()];
    apply(there, ...puts('a', 2));
    apply(here, ...puts('a', 4));
    const watch = here.watch({ ...ONE, fromRevision: 1 });
    expect(revisions(await drain(watch))).toEqual([1, 2, 3, 4]);
    await restoreInto(here, there);
    apply(here, ...puts('a', 3));
    expect(revisions(await drain(watch))).toEqual([5]);
  });
});
