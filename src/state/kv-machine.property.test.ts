/**
 * The machine against a naive model, under random commands: what it answers, what it holds, what
 * watches see, over snapshots and restores; and against itself, for determinism.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CommandResult } from '../consensus/index.ts';
import { rangeHolds } from './key-ranges.ts';
import { KvMachine } from './kv-machine.ts';
import { resultToError } from './rejections.ts';
import { decodeResult } from './result-codec.ts';
import {
  ALL,
  anyCommand,
  anyRange,
  anyWrite,
  apply,
  collect,
  drain,
  KvModel,
  readerOf,
} from './state.fixture.ts';
import type { KeyRange, KvChange, KvEvent } from './types.ts';

function outcome(result: CommandResult): unknown {
  return resultToError(result)?.code ?? decodeResult(result.bytes);
}

function keyOf(event: KvEvent): Uint8Array {
  return event.kind === 'put' ? event.item.key : event.key;
}

/** What a watch of `range` from `from` on must see. */
function wanted(model: KvModel, range: KeyRange, from: number): KvChange[] {
  return model.changes
    .filter(({ revision }) => revision >= from)
    .map(({ revision, events }) => {
      return { revision, events: events.filter((event) => rangeHolds(range, keyOf(event))) };
    })
    .filter(({ events }) => events.length > 0);
}

it('answers and holds what the model does, over snapshots and restores', async () => {
  const step = fc.oneof(
    { weight: 12, arbitrary: anyWrite.map((command) => ({ command })) },
    { weight: 2, arbitrary: anyRange.map((range) => ({ range })) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 300 }).map((chunk) => ({ chunk })) },
  );
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    let machine = new KvMachine();
    const model = new KvModel();
    for (const one of steps) {
      if ('command' in one) {
        const [result] = apply(machine, one.command);
        expect(outcome(result as CommandResult)).toEqual(model.apply(one.command));
      } else if ('range' in one) {
        const page = machine.range({ ...one.range, limit: 3 });
        const expected = model.range(one.range);
        expect(page.items).toEqual(expected.slice(0, 3));
        expect(page.more).toBe(expected.length > 3);
        expect(machine.count(one.range)).toBe(expected.length);
      } else {
        const sections = await collect(machine.snapshot());
        machine = new KvMachine();
        await machine.restore(readerOf(sections, one.chunk));
      }
      expect(machine.revision).toBe(model.revision);
    }
    expect(machine.range(ALL).items).toEqual(model.items);
    for (const item of model.items) expect(machine.get(item.key)).toEqual(item);
    const history = await drain(machine.watch({ ...ALL, fromRevision: 1 }));
    expect(history).toEqual(model.changes);
  });
  await fc.assert(property, { numRuns: 150 });
});

it('two replicas answer the same bytes and write the same snapshots, in whatever batches', async () => {
  const property = fc.asyncProperty(
    fc.array(anyCommand, { maxLength: 60 }),
    fc.integer({ min: 1, max: 9 }),
    fc.nat(),
    async (commands, batch, restoreAt) => {
      const history = { changesMax: 12, bytesMax: 400 };
      const one = new KvMachine({ history });
      let other = new KvMachine({ history });
      const results = commands.map((command) => apply(one, command)[0]);
      const others: CommandResult[] = [];
      for (let at = 0; at < commands.length; at += batch) {
        // Somewhere on the way, the other one is replaced by what its snapshot makes.
        if (at <= restoreAt % 60 && restoreAt % 60 < at + batch) {
          const sections = await collect(other.snapshot());
          other = new KvMachine({ history });
          await other.restore(readerOf(sections));
        }
        others.push(...apply(other, ...commands.slice(at, at + batch)));
      }
      expect(others).toEqual(results);
      expect(await collect(other.snapshot())).toEqual(await collect(one.snapshot()));
      expect(other.compactedRevision).toBe(one.compactedRevision);
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

it('watches miss and repeat nothing, whenever they begin, read, and are moved by a snapshot', async () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ command: anyWrite, isLate: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ range: anyRange, back: fc.nat({ max: 9 }) }) },
    { weight: 3, arbitrary: fc.nat({ max: 9 }).map((read) => ({ read })) },
    { weight: 2, arbitrary: fc.nat({ max: 9 }).map((readAll) => ({ readAll })) },
    { weight: 3, arbitrary: fc.constant({ restore: true }) },
  );
  const property = fc.asyncProperty(fc.array(step, { maxLength: 70 }), async (steps) => {
    const machine = new KvMachine();
    // Applies the same, ahead of the machine, whose watches a snapshot of it then moves.
    const ahead = new KvMachine();
    const model = new KvModel();
    const late: (() => void)[] = [];
    const watches: {
      range: KeyRange;
      from: number;
      seen: KvChange[];
      watch: AsyncIterator<KvChange>;
    }[] = [];
    for (const one of steps) {
      if ('command' in one) {
        model.apply(one.command);
        apply(ahead, one.command);
        late.push(() => apply(machine, one.command));
        // The machine lags behind now and then, so that a restore jumps over changes.
        if (!one.isLate) for (const run of late.splice(0)) run();
      } else if ('range' in one) {
        const from = Math.max(1, machine.revision + 3 - one.back);
        const watch = machine.watch({ ...one.range, fromRevision: from });
        watches.push({ range: one.range, from, seen: [], watch });
      } else if ('read' in one) {
        const chosen = watches[one.read % Math.max(1, watches.length)];
        const isReady =
          chosen !== undefined &&
          wanted(model, chosen.range, chosen.from).some(
            ({ revision }) =>
              revision > (chosen.seen.at(-1)?.revision ?? 0) && revision <= machine.revision,
          );
        if (isReady) chosen.seen.push((await chosen.watch.next()).value as KvChange);
      } else if ('readAll' in one) {
        const chosen = watches[one.readAll % Math.max(1, watches.length)];
        if (chosen !== undefined) await readAll(machine, model, chosen);
      } else {
        await machine.restore(readerOf(await collect(ahead.snapshot())));
        late.length = 0;
      }
    }
    for (const run of late) run();
    for (const chosen of watches) {
      chosen.seen.push(...(await drain(chosen.watch)));
      expect(chosen.seen).toEqual(wanted(model, chosen.range, chosen.from));
    }
  });
  await fc.assert(property, { numRuns: 150 });
});

/** Reads all that is ready, and no more. */
async function readAll(
  machine: KvMachine,
  model: KvModel,
  chosen: { range: KeyRange; from: number; seen: KvChange[]; watch: AsyncIterator<KvChange> },
): Promise<void> {
  const ready = wanted(model, chosen.range, chosen.from).filter(
    ({ revision }) => revision <= machine.revision,
  );
  while (chosen.seen.length < ready.length) {
    chosen.seen.push((await chosen.watch.next()).value as KvChange);
  }
}
