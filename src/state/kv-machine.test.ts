import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../consensus/index.ts';
import { RANGE_BYTES_MAX, TRANSACTION_READ_BYTES_MAX, VALUE_BYTES_MAX } from '../limits.ts';
import { prefixRange } from './key-ranges.ts';
import { KvMachine } from './kv-machine.ts';
import { resultToError } from './rejections.ts';
import { ALL, AT, apply, ask, bytes, put, seen, text } from './state.fixture.ts';
import type { Compare, KvCommand, TransactionStep } from './types.ts';

function transaction(
  then: TransactionStep[],
  compare: Compare[] = [],
  otherwise: TransactionStep[] = [],
): KvCommand {
  return { kind: 'transaction', compare, then, else: otherwise };
}

function increment(key: string, by: bigint): Extract<KvCommand, { kind: 'increment' }> {
  return { kind: 'increment', key: bytes(key), by };
}

function cas(key: string, expected: string | undefined, value: string): KvCommand {
  const command = { kind: 'compareAndSet', key: bytes(key), value: bytes(value) } as const;
  return expected === undefined ? command : { ...command, expected: bytes(expected) };
}

function refusal(machine: KvMachine, command: KvCommand): string | undefined {
  return resultToError(apply(machine, command)[0] as CommandResult)?.code;
}

function filled(...keys: string[]): KvMachine {
  const machine = new KvMachine();
  for (const key of keys) ask(machine, put(key, `value of ${key}`));
  return machine;
}

describe('put, get, delete', () => {
  it('a key has the revisions of its making and of its newest change, and its version', () => {
    const machine = new KvMachine();
    expect(machine.get(bytes('a'))).toBeUndefined();
    expect(ask(machine, put('a', '1'))).toEqual({ kind: 'put', revision: 1 });
    ask(machine, put('b', 'x'));
    expect(ask(machine, put('a', '2'))).toEqual({ kind: 'put', revision: 3 });
    expect(machine.get(bytes('a'))).toEqual({
      key: bytes('a'),
      value: bytes('2'),
      createRevision: 1,
      modRevision: 3,
      version: 2,
    });
    expect(machine.revision).toBe(3);
  });

  it('a key that is made anew begins anew', () => {
    const machine = filled('a', 'b');
    const range = { start: bytes('a') };
    expect(ask(machine, { kind: 'delete', range })).toEqual({
      kind: 'delete',
      revision: 3,
      deleted: 1,
    });
    expect(machine.get(bytes('a'))).toBeUndefined();
    ask(machine, put('a', 'again'));
    expect(machine.get(bytes('a'))).toMatchObject({ createRevision: 4, version: 1 });
  });

  it('a delete of a range counts, and takes one revision; of nothing it takes none', () => {
    const machine = filled('a/1', 'a/2', 'b', 'c');
    const range = prefixRange(bytes('a/'));
    expect(ask(machine, { kind: 'delete', range })).toMatchObject({ revision: 5, deleted: 2 });
    expect(ask(machine, { kind: 'delete', range })).toMatchObject({ revision: 5, deleted: 0 });
    expect(machine.count(ALL)).toBe(2);
  });

  it('keeps nothing of the bytes that it was given, and hands out copies', () => {
    const machine = new KvMachine();
    const command = Buffer.from([1, 1, 1, 1, 107, 1, 118]);
    machine.applyBatch([command], AT);
    command.fill(0);
    const item = machine.get(bytes('k'));
    expect(text(item?.value)).toBe('v');
    item?.value.fill(0);
    expect(text(machine.get(bytes('k'))?.value)).toBe('v');
  });
});

describe('compare and set', () => {
  it('swaps what is as expected, and says what is there instead', () => {
    const machine = new KvMachine();
    const kind = 'compareAndSet';
    expect(ask(machine, cas('a', 'x', '1'))).toEqual({ kind, revision: 0, swapped: false });
    expect(ask(machine, cas('a', undefined, '1'))).toEqual({ kind, revision: 1, swapped: true });
    expect(ask(machine, cas('a', undefined, '2'))).toEqual({
      kind,
      revision: 1,
      swapped: false,
      actual: bytes('1'),
    });
    expect(ask(machine, cas('a', '1', ''))).toMatchObject({ revision: 2, swapped: true });
    expect(ask(machine, cas('a', '', '3'))).toMatchObject({ revision: 3, swapped: true });
    expect(ask(machine, cas('a', '', '4'))).toMatchObject({ swapped: false, actual: bytes('3') });
  });
});

describe('increment', () => {
  it('counts in decimal digits; a missing key is 0', () => {
    const machine = new KvMachine();
    expect(ask(machine, increment('n', 5n))).toEqual({ kind: 'increment', revision: 1, value: 5n });
    expect(ask(machine, increment('n', -7n))).toMatchObject({ revision: 2, value: -2n });
    expect(text(machine.get(bytes('n'))?.value)).toBe('-2');
    ask(machine, put('padded', '007'));
    expect(ask(machine, increment('padded', 1n))).toMatchObject({ value: 8n });
  });

  it('holds the range of 64-bit signed integers, to the last one', () => {
    const machine = new KvMachine();
    const most = 2n ** 63n - 1n;
    expect(ask(machine, increment('n', most))).toMatchObject({ value: most });
    expect(refusal(machine, increment('n', 1n))).toBe('NUMBER_OUT_OF_RANGE');
    expect(ask(machine, increment('n', -most))).toMatchObject({ value: 0n });
    expect(ask(machine, increment('n', -most - 1n))).toMatchObject({ value: -most - 1n });
    expect(refusal(machine, increment('n', -1n))).toBe('NUMBER_OUT_OF_RANGE');
    ask(machine, put('huge', '9'.repeat(30)));
    expect(refusal(machine, increment('huge', -1n))).toBe('NUMBER_OUT_OF_RANGE');
    expect(machine.revision).toBe(4);
  });

  it.each(['', 'a', '1.5', ' 1', '1e3', '0x10', '-', '--1', '+1', '１', '1'.repeat(65)])(
    'refuses to count on from %j, and changes nothing',
    (value) => {
      const machine = new KvMachine();
      ask(machine, put('n', value));
      expect(refusal(machine, increment('n', 1n))).toBe('NOT_A_NUMBER');
      expect(machine.revision).toBe(1);
      expect(text(machine.get(bytes('n'))?.value)).toBe(value);
    },
  );
});

describe('transactions', () => {
  it('write as one revision; later steps see earlier ones', () => {
    const machine = filled('a');
    const result = ask(
      machine,
      transaction([
        { kind: 'put', key: bytes('b'), value: bytes('1') },
        increment('b', 1n),
        { kind: 'get', range: { start: bytes('b') } },
        { kind: 'delete', range: prefixRange(bytes('a')) },
        { kind: 'get', range: ALL },
      ]),
    );
    const b = {
      key: bytes('b'),
      value: bytes('2'),
      createRevision: 2,
      modRevision: 2,
      version: 2,
    };
    expect(result).toEqual({
      kind: 'transaction',
      revision: 2,
      succeeded: true,
      steps: [
        { kind: 'put' },
        { kind: 'increment', value: 2n },
        { kind: 'get', items: [b], more: false },
        { kind: 'delete', deleted: 1 },
        { kind: 'get', items: [b], more: false },
      ],
    });
    expect(machine.revision).toBe(2);
  });

  it('one that writes nothing takes no revision', () => {
    const machine = filled('a');
    const nothing = { kind: 'delete', range: { start: bytes('x') } } as const;
    const result = ask(machine, transaction([nothing, { kind: 'get', range: ALL }]));
    expect(result).toMatchObject({ revision: 1, succeeded: true });
    expect(ask(machine, transaction([]))).toMatchObject({ revision: 1, steps: [] });
  });

  it('one that is refused in its middle changes nothing at all', () => {
    const machine = filled('a', 'b', 'word');
    const before = seen(machine);
    const steps: TransactionStep[] = [
      { kind: 'put', key: bytes('a'), value: bytes('new') },
      { kind: 'delete', range: { start: bytes('b'), end: bytes('c') } },
      { kind: 'put', key: bytes('c'), value: bytes('new') },
      increment('word', 1n),
    ];
    const result = apply(machine, transaction(steps))[0] as CommandResult;
    expect(resultToError(result)).toMatchObject({
      code: 'NOT_A_NUMBER',
      details: { field: 'then[3].by', key: '"word"' },
    });
    expect(seen(machine)).toEqual(before);
    const { liveBytes } = machine.stats;
    ask(machine, put('d', 'x'));
    ask(machine, { kind: 'delete', range: { start: bytes('d') } });
    expect(machine.stats.liveBytes).toBe(liveBytes);
  });

  const OPERATORS = ['equal', 'notEqual', 'less', 'greater'] as const;
  const holds = (machine: KvMachine, compare: Omit<Compare, 'operator'>): string[] =>
    OPERATORS.filter((operator) => {
      const result = ask(machine, transaction([], [{ ...compare, operator } as Compare]));
      return result.kind === 'transaction' && result.succeeded;
    });

  it('compare values, versions and revisions', () => {
    const machine = new KvMachine();
    ask(machine, put('a', 'm'));
    ask(machine, put('a', 'm'));
    const key = bytes('a');
    const value = (operand: string): string[] =>
      holds(machine, { key, target: 'value', operand: bytes(operand) } as never);
    expect(value('m')).toEqual(['equal']);
    expect(value('n')).toEqual(['notEqual', 'less']);
    expect(value('')).toEqual(['notEqual', 'greater']);
    const number = (target: string, operand: number): string[] =>
      holds(machine, { key, target, operand } as never);
    expect(number('version', 2)).toEqual(['equal']);
    expect(number('createRevision', 2)).toEqual(['notEqual', 'less']);
    expect(number('modRevision', 1)).toEqual(['notEqual', 'greater']);
  });

  it('a missing key has version and revisions 0, and comparisons of its value are all false', () => {
    const machine = new KvMachine();
    const key = bytes('missing');
    expect(holds(machine, { key, target: 'value', operand: bytes('x') } as never)).toEqual([]);
    for (const target of ['version', 'createRevision', 'modRevision']) {
      expect(holds(machine, { key, target, operand: 0 } as never)).toEqual(['equal']);
    }
  });

  it('do the other steps when a comparison fails', () => {
    const machine = filled('a');
    const key = bytes('a');
    const compare: Compare[] = [
      { key, target: 'version', operator: 'equal', operand: 1 },
      { key, target: 'version', operator: 'greater', operand: 1 },
    ];
    const result = ask(
      machine,
      transaction([], compare, [{ kind: 'put', key, value: bytes('else') }]),
    );
    expect(result).toMatchObject({ succeeded: false, steps: [{ kind: 'put' }], revision: 2 });
  });

  it('answer a bounded number of bytes, and say that there is more', () => {
    const machine = new KvMachine();
    const value = 'v'.repeat(TRANSACTION_READ_BYTES_MAX / 4);
    for (const key of ['a', 'b', 'c', 'd', 'e']) ask(machine, put(key, value));
    const get = { kind: 'get', range: ALL } as const;
    const result = ask(machine, transaction([get, get, get]));
    const pages = result.kind === 'transaction' ? result.steps : [];
    const counts = pages.map((page) => page.kind === 'get' && [page.items.length, page.more]);
    // Each read answers at least one item until the bytes are used up.
    expect(counts).toEqual([
      [3, true],
      [1, true],
      [0, true],
    ]);
    const none = transaction([get, get, { kind: 'get', range: { start: bytes('x') } }]);
    expect(ask(machine, none)).toMatchObject({
      steps: [{}, {}, { kind: 'get', items: [], more: false }],
    });
  });
});

describe('ranges', () => {
  it('are half open, in byte order; one key without an end, everything with an empty one', () => {
    const machine = filled('a', 'aa', 'b', 'c');
    const keys = (start: string, end?: string): (string | undefined)[] =>
      machine
        .range({ start: bytes(start), ...(end !== undefined && { end: bytes(end) }) })
        .items.map(({ key }) => text(key));
    expect(keys('a', 'c')).toEqual(['a', 'aa', 'b']);
    expect(keys('a')).toEqual(['a']);
    expect(keys('x')).toEqual([]);
    expect(keys('aa', '')).toEqual(['aa', 'b', 'c']);
    expect(keys('', '')).toEqual(['a', 'aa', 'b', 'c']);
    expect(keys('c', 'a')).toEqual([]);
    expect(machine.count({ start: bytes('a'), end: bytes('b') })).toBe(2);
    expect(machine.count({ start: bytes('a') })).toBe(1);
    expect(machine.count({ start: bytes('c'), end: bytes('a') })).toBe(0);
  });

  it('come in pages, which put together are the whole', () => {
    const names = Array.from({ length: 250 }, (_, i) => `key/${String(i * 7).padStart(5, '0')}`);
    const machine = filled(...names);
    const found: (string | undefined)[] = [];
    let start: Uint8Array = bytes('key/');
    for (let more = true; more; ) {
      const page = machine.range({ ...prefixRange(bytes('key/')), start, limit: 33 });
      found.push(...page.items.map(({ key }) => text(key)));
      more = page.more;
      start = Uint8Array.from([...(page.items.at(-1)?.key ?? []), 0]);
      expect(page.revision).toBe(250);
    }
    expect(found).toEqual(names);
    expect(machine.range({ ...ALL, limit: 250 }).more).toBe(false);
    expect(machine.range({ ...ALL, limit: 249 }).more).toBe(true);
  });

  it('end early at their bytes, but not without an item', () => {
    const machine = new KvMachine();
    const value = new Uint8Array(VALUE_BYTES_MAX);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      ask(machine, { kind: 'put', key: bytes(name), value });
    }
    const page = machine.range(ALL);
    expect(page.items.length).toBe(Math.floor(RANGE_BYTES_MAX / VALUE_BYTES_MAX));
    expect(page.more).toBe(true);
    const keys = machine.range({ ...ALL, keysOnly: true });
    expect(keys.items.map(({ value: none }) => none.length)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(keys.more).toBe(false);
  });
});

describe('compaction of the history', () => {
  it('forgets the changes below a revision', () => {
    const machine = filled('a', 'b', 'c');
    expect(ask(machine, { kind: 'compact', revision: 3 })).toEqual({
      kind: 'compact',
      revision: 3,
    });
    expect(machine.compactedRevision).toBe(2);
    expect(machine.revision).toBe(3);
    expect(machine.count(ALL)).toBe(3);
    expect(refusal(machine, { kind: 'compact', revision: 4 })).toBe('REVISION_FUTURE');
    expect(refusal(machine, { kind: 'compact', revision: 2 })).toBe('REVISION_COMPACTED');
    expect(refusal(machine, { kind: 'compact', revision: 3 })).toBeUndefined();
  });
});

describe('commands that can not be applied', () => {
  it('of a later version stop the node: they throw, with where and what to do', () => {
    const machine = filled('a');
    for (const hex of ['0102', '010201016100', '01ff01016100']) {
      expect(() => machine.applyBatch([Buffer.from(hex, 'hex')], AT)).toThrow(
        expect.objectContaining({
          code: 'COMMAND_UNKNOWN',
          message: expect.stringMatching(/entry at 7 \(term 2\).*start a version/),
        }),
      );
    }
    expect(machine.revision).toBe(1);
  });

  it('that are none at all are rejections, the same everywhere, and stop nothing', () => {
    const machine = filled('a');
    const hexes = [
      '',
      '01',
      '02',
      '020101',
      '0100010161',
      '010100',
      '010163',
      '0101ff',
      '010105000109',
    ];
    const results = machine.applyBatch(
      hexes.map((hex) => Buffer.from(hex, 'hex')),
      AT,
    );
    for (const result of results) {
      expect(result.code).toBe(1);
      expect(resultToError(result)).toMatchObject({
        code: 'REQUEST_INVALID',
        message: expect.stringMatching(/does not decode/),
      });
    }
    expect(machine.revision).toBe(1);
  });

  it('are refused by the check that is made before they are proposed', () => {
    const machine = new KvMachine();
    machine.check(Buffer.from('010101016b00', 'hex'));
    for (const hex of ['', '02', '0101ff', '0102', '0101010561', '010105000109']) {
      expect(() => machine.check(Buffer.from(hex, 'hex'))).toThrow(
        expect.objectContaining({ code: 'REQUEST_INVALID' }),
      );
    }
    expect(() => machine.check(Buffer.from('010101000176', 'hex'))).toThrow(
      expect.objectContaining({ code: 'KEY_INVALID' }),
    );
  });

  it('of a known kind that do not decode, or break a limit, are rejections', () => {
    const machine = filled('a');
    const [cut, empty] = machine.applyBatch(
      [Buffer.from('0101010561', 'hex'), Buffer.from('010101000176', 'hex')],
      AT,
    );
    expect(resultToError(cut!)).toMatchObject({ code: 'REQUEST_INVALID' });
    expect(resultToError(empty!)).toMatchObject({ code: 'KEY_INVALID' });
    expect(machine.revision).toBe(1);
  });
});

describe('memory', () => {
  it('of values that were overwritten is given back', () => {
    const machine = new KvMachine({ history: { changesMax: 10 } });
    const value = 'x'.repeat(1_000);
    for (let round = 0; round < 20; round++) {
      const batch: KvCommand[] = [];
      for (let i = 0; i < 500; i++) batch.push(put(`key${(i * 7 + round) % 1_000}`, value));
      apply(machine, ...batch);
    }
    const { keys, heldBytes, liveBytes, historyChanges } = machine.stats;
    expect(keys).toBe(1_000);
    expect(liveBytes).toBeLessThan(1_000 * 1_060);
    expect(heldBytes).toBeLessThan(2 * liveBytes + 1024 * 1024);
    expect(historyChanges).toBe(10);
    apply(machine, { kind: 'delete', range: ALL });
    expect(machine.stats.liveBytes).toBe(0);
    expect(machine.stats.heldBytes).toBeLessThanOrEqual(512 * 1024);
  });
});
