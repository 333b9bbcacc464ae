/** What state machines give back: what is no result ends the node by name, what is too large does not. */
import { describe, expect, it } from 'vitest';
import { JournalMachine, TestCluster, text, until } from '../../sim/rigs/test-cluster.ts';
import { RESULT_BYTES_MAX } from '../limits.ts';
import { simpleMachine } from '../state/index.ts';
import { MemoryStorage } from '../storage/index.ts';
import { checkResults, checkSections } from './machine-results.ts';
import { RaftNode } from './raft-node.ts';
import { NodeResultCode } from './sessions.ts';

const EMPTY = new Uint8Array(0);

class OddMachine extends JournalMachine {
  answer: (results: ReturnType<JournalMachine['applyBatch']>) => unknown = (results) => results;
  snapshotFault: string | undefined;

  override applyBatch(commands: readonly Uint8Array[]): never {
    return this.answer(super.applyBatch(commands)) as never;
  }

  override snapshot(): ReturnType<JournalMachine['snapshot']> {
    if (this.snapshotFault !== undefined) throw new Error(this.snapshotFault);
    return super.snapshot();
  }
}

describe('results', () => {
  const good = { code: 0, bytes: EMPTY };

  it.each<[unknown, RegExp]>([
    [undefined, /returned undefined for 1 commands, at entry 7/],
    [Promise.resolve(), /returned a promise for 1 commands/],
    [{ length: 1, 0: good }, /returned an object for 1/],
    [[], /returned 0 results for 1 commands/],
    [[good, good], /returned 2 results for 1 commands/],
    [[undefined], /as result 1 of 1 undefined, at entry 7/],
    [[Promise.resolve()], /as result 1 of 1 a promise without a code/],
    [[{ code: Number.NaN, bytes: EMPTY }], /one with the code NaN/],
    [[{ code: 60_000, bytes: EMPTY }], /one with the code 60000/],
    [[{ code: -1, bytes: EMPTY }], /one with the code -1/],
    [[{ code: '0', bytes: EMPTY }], /one with the code "0"/],
    [[{ code: 0, bytes: 'text' }], /one whose bytes are "text"/],
    [[{ code: 0 }], /one whose bytes are undefined/],
  ])('%j are none', (answers, message) => {
    const check = (): unknown => checkResults(answers, 1, 7);
    expect(check).toThrow(
      expect.objectContaining({ code: 'STATE_MACHINE_FAILED', details: { index: 7 } }),
    );
    expect(check).toThrow(message);
    expect(check).toThrow(/must return, at once and not as a promise, an array with one/);
  });

  it('that come late are left alone: their failures end no process', () => {
    const late = (): Promise<never> => Promise.reject(new Error('late'));
    for (const answers of [late(), [late()], [{ code: 0 }, late()]]) {
      expect(() => checkResults(answers, Array.isArray(answers) ? answers.length : 1, 7)).toThrow();
    }
  });

  it('are given on as they are', () => {
    const results = [good, { code: 59_999, bytes: new Uint8Array(RESULT_BYTES_MAX) }];
    expect(checkResults(results, 2, 7)).toBe(results);
  });

  it('that are too large are replaced by a rejection that tells them apart', () => {
    const large = new Uint8Array(RESULT_BYTES_MAX + 1);
    const other = large.slice();
    other[5] = 1;
    const [first, second] = [large, other].map((bytes) => {
      const [kept, next] = checkResults([{ code: 0, bytes }, good], 2, 7);
      expect(next).toBe(good);
      expect(kept?.code).toBe(NodeResultCode.ResultTooLarge);
      return Buffer.from(kept?.bytes ?? []).toString('hex');
    });
    expect(first).not.toBe(second);
  });
});

describe('a node', () => {
  it.each<[string, (results: readonly unknown[]) => unknown]>([
    ['a promise', (results) => Promise.resolve(results)],
    ['nothing', () => undefined],
    ['a code of the node', (results) => results.map(() => ({ code: 60_001, bytes: EMPTY }))],
    ['text', (results) => results.map(() => ({ code: 0, bytes: 'ok' }))],
  ])('ends with STATE_MACHINE_FAILED when apply returns %s', async (_what, answer) => {
    await using cluster = new TestCluster(1);
    const machine = new OddMachine();
    const { node } = await cluster.start('n1', new MemoryStorage(), { machine });
    await node.propose(text('fine'));
    machine.answer = answer;
    await expect(node.propose(text('x'))).rejects.toThrow();
    expect(await node.failed).toMatchObject({
      code: 'STATE_MACHINE_FAILED',
      message: expect.stringContaining('at entry'),
    });
  });

  it('lives on when a result is too large, and says on every node that it was applied', async () => {
    await using cluster = new TestCluster(3);
    const machines = ['n1', 'n2', 'n3'].map(() => new OddMachine());
    await Promise.all(
      machines.map((machine, i) => cluster.start(`n${i + 1}`, new MemoryStorage(), { machine })),
    );
    for (const machine of machines) {
      machine.answer = (results) =>
        results.map(() => ({ code: 0, bytes: new Uint8Array(RESULT_BYTES_MAX + 1) }));
    }
    const leader = await cluster.leader();
    const session = await leader.node.openSession();
    const request = { session, sequence: 1 };
    for (const { node } of cluster.nodes.values()) {
      for (const options of [{}, { request }]) {
        await expect(node.propose(text('x'), options)).rejects.toMatchObject({
          code: 'RESULT_TOO_LARGE',
          retryable: 'no',
          details: { bytes: RESULT_BYTES_MAX + 1, max: RESULT_BYTES_MAX },
        });
      }
    }
    for (const { node, machine } of cluster.nodes.values()) {
      await node.readIndex();
      expect(node.phase).toBe('running');
      expect(machine.journal.length).toBe(4);
    }
  });

  it('takes a machine only', () => {
    const cluster = new TestCluster(1);
    const make = (machine: unknown): RaftNode =>
      new RaftNode(cluster.configOf('n1'), {
        world: cluster.world,
        storage: new MemoryStorage(),
        transport: cluster.bus.transport(),
        machine: machine as never,
      });
    const simple = { apply: () => EMPTY, snapshot: () => EMPTY, restore: () => undefined };
    const wrong: [unknown, RegExp][] = [
      [undefined, /machine is undefined: give a state machine with the functions applyBatch/],
      [{}, /an object without applyBatch, snapshot, restore/],
      [simple, /without applyBatch: .*simpleMachine/],
    ];
    for (const [machine, message] of wrong) {
      expect(() => make(machine)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
      expect(() => make(machine)).toThrow(message);
    }
    expect(() => make(simpleMachine(simple))).not.toThrow();
  });
});

describe('a snapshot that the machine can not give', () => {
  it('is seen in the status, and taken later although nothing else happens', async () => {
    await using cluster = new TestCluster(1, { tickIntervalMs: 5, snapshotIntervalEntries: 5 });
    const machine = new OddMachine();
    const { node } = await cluster.start('n1', new MemoryStorage(), { machine });
    expect(node.status().snapshotFailure).toBeUndefined();
    machine.snapshotFault = 'no state today';
    for (let i = 0; i < 6; i++) await node.propose(text(`${i}`));
    await until('it failed', () => node.status().snapshotFailure !== undefined);
    const { snapshotFailure, appliedIndex } = node.status();
    expect(snapshotFailure?.message).toContain('threw: no state today');
    expect(snapshotFailure?.index).toBeGreaterThan(0);
    machine.snapshotFault = undefined;
    await until('it was tried again', () => node.status().snapshotFailure === undefined);
    expect(node.status()).toMatchObject({ appliedIndex, snapshotIndex: appliedIndex });
  });

  it.each<[unknown, RegExp]>([
    [undefined, /returned undefined: it must return, at once, an array of sections/],
    [Promise.resolve(), /returned a promise/],
    [[{ name: 'state', chunks: [] }], /section 1 .* has the name "state"/],
    [[{ name: 'app.x', chunks: 'text' }], /section 1 .* has chunks "text"/],
    [
      ['app.x', 'app.y', 'app.x'].map((name) => ({ name, chunks: [] })),
      /section 3 .* has the name "app.x"/,
    ],
    [[undefined], /section 1 .* has the name undefined/],
  ])('is refused: %j', (sections, message) => {
    expect(() => checkSections(sections)).toThrow(message);
  });

  it('is refused for a chunk that is no bytes', async () => {
    const [section] = checkSections([{ name: 'app.x', chunks: [EMPTY, 'text'] }]);
    const read = async (): Promise<void> => {
      for await (const _ of section?.chunks ?? []);
    };
    await expect(read()).rejects.toThrow(/section app.x .* has a chunk that is "text"/);
  });
});
