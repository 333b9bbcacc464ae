/** Three functions make a state machine: results, rejections, and a state that comes back. */
import { describe, expect, it } from 'vitest';
import { MemoryStorage } from '../storage/index.ts';
import { simpleMachine } from './simple-machine.ts';

function counter(): { total: () => number; machine: ReturnType<typeof simpleMachine> } {
  let total = 0;
  const machine = simpleMachine({
    apply: (command) => {
      const by = Number(Buffer.from(command).toString());
      if (Number.isNaN(by)) return { code: 1, bytes: Buffer.from('not a number') };
      total += by;
      return Buffer.from(String(total));
    },
    snapshot: () => Buffer.from(String(total)),
    restore: (state) => {
      total = Number(Buffer.from(state).toString());
    },
  });
  return { total: () => total, machine };
}

describe('simple machine', () => {
  it('answers bytes with code 0, and rejections as they are', () => {
    const { machine } = counter();
    const commands = ['2', 'x', '3'].map((text) => Buffer.from(text));
    const results = machine.applyBatch(commands, { index: 1, term: 1 });
    expect(results.map(({ code, bytes }) => [code, Buffer.from(bytes).toString()])).toEqual([
      [0, '2'],
      [1, 'not a number'],
      [0, '5'],
    ]);
  });

  it('comes back from its snapshot', async () => {
    const before = counter();
    before.machine.applyBatch([Buffer.from('7')], { index: 1, term: 1 });
    const storage = new MemoryStorage();
    const confState = {
      voters: [1],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    const at = { index: 1, term: 1, confState };
    const saved = await storage.saveSnapshot(at, before.machine.snapshot());
    const after = counter();
    await after.machine.restore(await storage.openSnapshot(saved));
    expect(after.total()).toBe(7);
  });
});

it('waits for a restore that is async, and hears of its failure', async () => {
  let state = '';
  let gate: Promise<void> = Promise.resolve();
  const machine = simpleMachine({
    apply: () => new Uint8Array(0),
    snapshot: () => Buffer.from(state),
    restore: async (bytes) => {
      await gate;
      state = Buffer.from(bytes).toString();
    },
  });
  const reader = { section: () => [Buffer.from('from '), Buffer.from('before')] };
  await machine.restore(reader as never);
  expect(state).toBe('from before');
  gate = Promise.reject(new Error('no room'));
  await expect(machine.restore(reader as never)).rejects.toThrow('no room');
});

it.each([
  [undefined, /the machine is undefined: simpleMachine takes an object with the functions apply/],
  [null, /the machine is null/],
  [{}, /an object without apply, snapshot, restore/],
  [{ apply: () => new Uint8Array(0), snapshot: 5, restore() {} }, /without snapshot/],
])('%j is no machine of three functions, and refused at once', (simple, message) => {
  expect(() => simpleMachine(simple as never)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
  );
});

it('a state that is no bytes is refused by name', () => {
  const machine = simpleMachine({
    apply: () => new Uint8Array(0),
    snapshot: () => 'text' as never,
    restore: () => undefined,
  });
  expect(() => machine.snapshot()).toThrow(/snapshot\(\) returned "text": it must return/);
});
