/** Each workload finds a fault that was planted in what it watches, and says what is wrong. */
import { describe, expect, it } from 'vitest';
import type { Api } from '../../src/api/index.ts';
import type { ApplyContext, CommandResult } from '../../src/consensus/index.ts';
import { ClusterError } from '../../src/errors.ts';
import {
  decodeCommand,
  decodeResult,
  encodeCommand,
  encodeResult,
  type KeyValue,
  type KvChange,
  type KvCommand,
  KvMachine,
  type KvWatch,
  type WatchQuery,
} from '../../src/state/index.ts';
import { lost } from '../../src/state/kv-watch.ts';
import type { Violation } from '../checkers/checker.ts';
import { WORKLOADS } from './index.ts';
import { bytesOf, textOf } from './revision-log.ts';
import { plantApi, plantEngine, violationOf } from './workload.fixture.ts';
import type { Workload } from './workload.ts';

const {
  kv,
  transactions,
  locks,
  watches,
  sessions,
  plain,
  'large-values': large,
} = WORKLOADS as Record<string, Workload> as {
  [name in 'kv' | 'transactions' | 'locks' | 'watches' | 'sessions' | 'plain']: Workload;
} & { 'large-values': Workload };

/** The same wrong on every node: `change` sees each command, and how the real machine applies one. */
function machineThat(
  change: (
    command: KvCommand,
    at: ApplyContext,
    apply: (command: KvCommand) => CommandResult,
  ) => CommandResult | undefined,
): () => KvMachine {
  class Changed extends KvMachine {
    override applyBatch(commands: readonly Uint8Array[], at: ApplyContext): CommandResult[] {
      const apply = (bytes: Uint8Array): CommandResult => super.applyBatch([bytes], at)[0]!;
      return commands.map(
        (bytes) =>
          change(decodeCommand(bytes), at, (command) => apply(encodeCommand(command))) ??
          apply(bytes),
      );
    }
  }
  return () => new Changed();
}

describe('planted faults', () => {
  it('kv finds a write that was acknowledged and lost', async () => {
    const machine = machineThat((command, { index }, apply) => {
      if (command.kind !== 'put' || index % 5 !== 0) return undefined;
      return apply({ ...command, key: bytesOf('elsewhere') });
    });
    const { checker, message } = await violationOf(kv, { machine });
    expect(checker).toBe('linearizability');
    expect(message).toMatch(/ms c\d at n\d/);
  });

  it('kv finds stale reads', async () => {
    class Stale extends KvMachine {
      readonly #old: Map<string, KeyValue | undefined> = new Map();
      #reads = 0;

      override get(key: Uint8Array): KeyValue | undefined {
        const item = super.get(key);
        const name = textOf(key);
        const old = this.#old.get(name);
        if (++this.#reads % 3 === 0 && this.#old.has(name)) return old;
        this.#old.set(name, item && { ...item, value: new Uint8Array(item.value) });
        return item;
      }
    }
    const { checker } = await violationOf(kv, { machine: () => new Stale() });
    expect(checker).toBe('linearizability');
  });

  it('kv finds a node that shows an older state than it has shown', async () => {
    let reads = 0;
    const plant = plantApi((api) => ({
      get: async (key, options) => {
        const answer = await api.get(key, options);
        const isBack = options?.consistency === 'local' && ++reads % 4 === 0;
        return isBack ? { ...answer, revision: Math.max(0, answer.revision - 2) } : answer;
      },
    }));
    const { checker, message } = await violationOf(kv, { plant });
    expect(checker).toBe('a node never goes back');
    expect(message).toMatch(/local get .* at n\d \(life 1, .* ms\) saw revision/);
  });

  it('kv finds an increment that was applied twice', async () => {
    const machine = machineThat((command, { index }, apply) => {
      if (command.kind !== 'increment' || index % 4 !== 0) return undefined;
      const result = apply(command);
      apply(command);
      return result;
    });
    const { checker } = await violationOf(kv, { machine });
    // The second one shows as a revision too many: to whoever reads, or to whoever is next.
    expect(['one revision a change', 'nothing from the future']).toContain(checker);
  });

  it('transactions finds one that was done by half', async () => {
    const machine = machineThat((command, { index }, apply) => {
      if (command.kind !== 'transaction' || index % 6 !== 0) return undefined;
      const [first, ...rest] = command.then;
      if (first?.kind !== 'put' || rest.length !== 1) return undefined;
      const result = decodeResult(apply({ ...command, then: [first] }).bytes);
      if (result.kind !== 'transaction' || !result.succeeded) return encodeResult(result);
      return encodeResult({ ...result, steps: [{ kind: 'put' }, { kind: 'put' }] });
    });
    const { checker, message } = await violationOf(transactions, { machine });
    expect(checker).toBe('linearizability');
    expect(message).toMatch(/range "bank\/a" to "bank\/z"/);
  });

  it('locks finds two holders', async () => {
    const machine = machineThat((command, { index }, apply) => {
      if (command.kind !== 'compareAndSet' || index % 3 !== 0) return undefined;
      if (!textOf(command.key).startsWith('lock/')) return undefined;
      const { revision } = decodeResult(apply({ ...command, kind: 'put' }).bytes);
      return encodeResult({ kind: 'compareAndSet', revision, swapped: true });
    });
    const { checker, message } = await violationOf(locks, { machine });
    expect(checker).toBe('one holder at a time');
    expect(message).toMatch(/c\d#\d+ .*token \d+/);
  });

  it('locks finds a token that is given again', async () => {
    const plant = plantApi((api) => ({
      write: async (command, options) => {
        const result = await api.write(command, options);
        const isLock = command.kind === 'compareAndSet';
        return isLock ? { ...result, revision: Math.floor(result.revision / 40) * 40 } : result;
      },
    }));
    const { checker } = await violationOf(locks, { plant });
    expect(['tokens grow', 'one holder a token']).toContain(checker);
  });

  it('locks finds one who only looks as if he held a lock', async () => {
    const refused = new Map<string, Uint8Array>();
    const plant = plantApi((api) => ({
      write: async (command, options) => {
        const result = await api.write(command, options);
        const isRefused = result.kind === 'compareAndSet' && !result.swapped;
        if (isRefused && command.kind === 'compareAndSet') {
          refused.set(textOf(command.key), command.value);
        }
        return result;
      },
      get: async (key, options) => {
        const answer = await api.get(key, options);
        const value = refused.get(textOf(key));
        refused.delete(textOf(key));
        const isOther = answer.item !== undefined && value !== undefined;
        return isOther ? { ...answer, item: { ...answer.item, value } } : answer;
      },
    }));
    const { checker, message } = await violationOf(locks, { plant });
    expect(['one holder at a time', 'one holder a token', 'tokens grow']).toContain(checker);
    expect(message).toMatch(/c\d#\d+ .*token \d+/);
  });

  it('locks finds an old token that a look has found', async () => {
    let swaps = 0;
    const plant = plantApi((api) => ({
      write: async (command, options) => {
        const result = await api.write(command, options);
        const isLost = result.kind === 'compareAndSet' && result.swapped && ++swaps % 3 === 0;
        // The lock was given and nobody was told so: he who asked must look.
        if (isLost) throw new ClusterError('OUTCOME_UNKNOWN', 'the answer is lost');
        return result;
      },
      get: async (key, options) => {
        const { item, ...rest } = await api.get(key, options);
        if (item === undefined) return { ...rest, item };
        return { ...rest, item: { ...item, modRevision: Math.ceil(item.modRevision / 2) } };
      },
    }));
    const { checker, message } = await violationOf(locks, { plant });
    expect(['tokens grow', 'one holder at a time']).toContain(checker);
    expect(message).toMatch(/token \d+/);
  });

  it('locks finds a token of a lease that two were given', async () => {
    /** By lock: the newest token that anybody was told. By mark: the newest one when it asked. */
    const newest = new Map<string, number>();
    const atAsking = new Map<string, number>();
    const plant = plantApi((api) => ({
      write: async (command, options) => {
        if (command.kind !== 'compareAndSet') return await api.write(command, options);
        const lock = textOf(command.key);
        const mark = textOf(command.value);
        if (!atAsking.has(mark)) atAsking.set(mark, newest.get(lock) ?? 0);
        const result = await api.write(command, options);
        if (result.kind !== 'compareAndSet' || !result.swapped) return result;
        const token = newest.get(lock) ?? 0;
        // Who asked before the other one was told can not know that the token should be higher.
        const isTwice = lock.startsWith('lease/') && token > (atAsking.get(mark) ?? 0);
        if (!isTwice) newest.set(lock, result.revision);
        return isTwice ? { ...result, revision: token } : result;
      },
    }));
    const { checker, message } = await violationOf(locks, { plant });
    expect(checker).toBe('one holder a token');
    expect(message).toMatch(/c\d#\d+ and c\d#\d+ both hold lease\/a by token \d+/);
  });

  it.each(['leaves out', 'repeats'])('watches finds a node that %s a change', async (what) => {
    class Faulty extends KvMachine {
      override watch(query: WatchQuery): KvWatch {
        return faulty(super.watch(query), what === 'repeats');
      }
    }
    const { checker, message } = await violationOf(watches, { machine: () => new Faulty() });
    expect(checker).toBe('watches miss and repeat nothing');
    expect(message).toMatch(/the watcher of .* gave it revision .* behind revision/);
  });

  it('watches finds a change that never comes', async () => {
    class Silent extends KvMachine {
      override watch(query: WatchQuery): KvWatch {
        const watch = super.watch(query);
        const isOne = query.end === undefined;
        return isOne ? endlessly(watch) : watch;
      }
    }
    const { checker, message } = await violationOf(watches, { machine: () => new Silent() });
    expect(checker).toBe('watches miss and repeat nothing');
    expect(message).toMatch(/ms after all was healed: the watcher of w\/3 .* misses revision/);
  });

  describe('watches, where a history is said to be gone, finds', () => {
    type Range = Awaited<ReturnType<Api['range']>>;

    /** Every third watch that is to go on must read the keys anew, and is answered what `change` makes of it. */
    async function violationOfResync(change: (answer: Range) => Range): Promise<Violation> {
      let watched = 0;
      const plant = plantApi((api) => ({
        watch: async (keys, options) => {
          const { from } = options ?? {};
          if (from !== undefined && ++watched % 3 === 0) throw lost('WATCH_TOO_SLOW', from, 0);
          return await api.watch(keys, options);
        },
        range: async (query, options) => change(await api.range(query, options)),
      }));
      const violation = await violationOf(watches, { plant });
      expect(violation.checker).toBe('watches miss and repeat nothing');
      return violation;
    }

    it('keys that hide a change', async () => {
      const { message } = await violationOfResync(({ items, ...rest }) => ({
        ...rest,
        items: items.slice(1),
      }));
      expect(message).toMatch(/the watcher of .* has \[.*\] at revision \d+; applied was \[/);
    });

    it('an older state', async () => {
      let first: Range | undefined;
      const { message } = await violationOfResync((answer) => {
        first ??= answer;
        return first;
      });
      expect(message).toMatch(/reads revision \d+, (a client had been told|it had) \d+ before/);
    });

    it('a revision that skips what comes next', async () => {
      const { message } = await violationOfResync((answer) => ({
        ...answer,
        revision: answer.revision + 3,
      }));
      expect(message).toMatch(/reads revision \d+; applied was \d+/);
    });

    it('a history that is there', async () => {
      const plant = plantApi((api) => ({
        watch: async (keys, options) => {
          const { from = 0 } = options ?? {};
          if (from > 20) throw lost('REVISION_COMPACTED', from, from);
          return await api.watch(keys, options);
        },
      }));
      const { checker, message } = await violationOf(watches, { plant });
      expect(checker).toBe('watches miss and repeat nothing');
      expect(message).toMatch(
        /says that the history up to revision \d+ is gone .* compacted up to/,
      );
    });
  });

  it('large values finds one byte that is another', async () => {
    class Rotten extends KvMachine {
      override get(key: Uint8Array): KeyValue | undefined {
        const item = super.get(key);
        if (item === undefined || item.value.length < 1_000) return item;
        const value = new Uint8Array(item.value);
        value[value.length - 7] = 1 ^ (value[value.length - 7] as number);
        return { ...item, value };
      }
    }
    const { checker, message } = await violationOf(large, { machine: () => new Rotten() });
    expect(checker).toBe('linearizability');
    expect(message).toMatch(/bytes, crc/);
  });

  it('N-40 sessions finds a repetition that was applied again', async () => {
    const plant = plantApi((api) => ({
      write: (command, { timeoutMs = 1_000 } = {}) => api.write(command, { timeoutMs }),
    }));
    const { checker, message } = await violationOf(sessions, { plant });
    expect(['applied once', 'one result a request']).toContain(checker);
    expect(message).toMatch(/c\d\.\d+\.\d+/);
  });

  it('sessions finds a session that comes back', async () => {
    const plant = plantApi((api) => ({
      write: async (command, options) => {
        try {
          return await api.write(command, options);
        } catch {
          return { kind: 'put', revision: 1 };
        }
      },
    }));
    const { checker } = await violationOf(sessions, { plant });
    const rules = ['a session that is gone stays gone', 'what is done with is not answered'];
    expect([...rules, 'one result a request', 'applied once']).toContain(checker);
  });

  it('plain finds a request that was applied twice', async () => {
    const plant = plantEngine((engine) => ({
      propose: (command, options) => {
        const { timeoutMs = 1_000 } = options ?? {};
        return engine.propose(command, { timeoutMs });
      },
    }));
    const { checker } = await violationOf(plain, { plant });
    expect(['applied as often as answered', 'one result a request']).toContain(checker);
  });

  it('plain finds the result of another request', async () => {
    let last: CommandResult | undefined;
    let calls = 0;
    const plant = plantEngine((engine) => ({
      propose: async (command, options) => {
        const result = await engine.propose(command, options);
        const told = ++calls % 5 === 0 && last !== undefined ? { ...result, ...last } : result;
        last = { code: result.code, bytes: result.bytes };
        return told;
      },
    }));
    const { checker } = await violationOf(plain, { plant });
    expect(['a result is what the machine gave', 'one result a request']).toContain(checker);
  });
});

/** Leaves out, or repeats, every fifth change. */
function faulty(watch: KvWatch, repeats: boolean): KvWatch {
  let count = 0;
  let again: IteratorResult<KvChange, undefined> | undefined;
  const next = async (): Promise<IteratorResult<KvChange, undefined>> => {
    if (again !== undefined) {
      const result = again;
      again = undefined;
      return result;
    }
    const result = await watch.next();
    if (result.done === true || ++count % 5 !== 0) return result;
    if (!repeats) return await watch.next();
    again = result;
    return result;
  };
  return { next, cancel: () => watch.cancel(), [Symbol.asyncIterator]: () => ({ next }) } as never;
}

/** Gives nothing, ever. */
function endlessly(watch: KvWatch): KvWatch {
  const next = (): Promise<never> => new Promise(() => {});
  return { next, cancel: () => watch.cancel(), [Symbol.asyncIterator]: () => ({ next }) } as never;
}
