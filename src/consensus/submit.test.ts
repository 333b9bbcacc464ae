/** Proposing by a listener: refused at once by a throw, otherwise told once, in order, never too early. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestCluster, text } from '../../sim/rigs/test-cluster.ts';
import type { ProposalListener } from './types.ts';

/** Writes down what it is told. */
class Told implements ProposalListener {
  readonly all: (readonly [name: string, what: string])[] = [];

  as(name: string): ProposalListener {
    return {
      applied: (_index, { code }) => this.all.push([name, `applied ${code}`]),
      failed: (error) => this.all.push([name, (error as Error & { code: string }).code]),
    };
  }

  applied(): void {
    expect.unreachable();
  }

  failed(): void {
    expect.unreachable();
  }
}

let cluster: TestCluster;
let told: Told;

beforeEach(() => {
  told = new Told();
});

afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

describe('submit', () => {
  it('tells each listener once, in the order of the proposals, not before it has returned', async () => {
    cluster = new TestCluster(1);
    const { node, machine } = await cluster.start('n1');
    const bytes = Buffer.from('a');
    node.submit(bytes, {}, told.as('a'));
    // They are the caller's again.
    bytes.fill(0);
    node.submit(text('b'), { timeoutMs: 1_000 }, told.as('b'));
    expect(told.all).toEqual([]);
    await expect.poll(() => told.all.length).toBe(2);
    expect(told.all).toEqual([
      ['a', 'applied 0'],
      ['b', 'applied 0'],
    ]);
    expect(machine.journal).toEqual(['a', 'b']);
    await node.stop();
    expect(told.all.length).toBe(2);
  });

  it('refuses who proposes again while the node fails, and tells everybody once', async () => {
    cluster = new TestCluster(1);
    const { node, machine } = await cluster.start('n1');
    machine.applyBatch = () => {
      throw new Error('the machine is broken');
    };
    const again = (name: string): ProposalListener => ({
      applied: () => expect.unreachable(),
      failed: (error) => {
        told.as(name).failed(error);
        try {
          node.submit(text(name), {}, told.as(`${name} again`));
        } catch (refused) {
          told.as(`${name} again`).failed(refused as Error);
        }
      },
    });
    for (const name of ['a', 'b']) node.submit(text(name), {}, again(name));
    await node.failed;
    expect(told.all).toEqual([
      ['a', 'OUTCOME_UNKNOWN'],
      ['a again', 'NODE_FAILED'],
      ['b', 'OUTCOME_UNKNOWN'],
      ['b again', 'NODE_FAILED'],
    ]);
  });

  it('throws what is refused at once, and the listener hears nothing', async () => {
    cluster = new TestCluster(1);
    const { node } = await cluster.start('n1');
    const signal = AbortSignal.abort();
    expect(() => node.submit('x' as never, {}, told)).toThrow(/command is "x"/);
    expect(() => node.submit(text('x'), { timeoutMs: -1 }, told)).toThrow(/timeoutMs/);
    expect(() => node.submit(text('x'), { signal }, told)).toThrow(/gave up before anything/);
    expect(() => node.submit(new Uint8Array(8 * 1024 * 1024), {}, told)).toThrow(/at most/);
    await node.stop();
    expect(() => node.submit(text('x'), {}, told)).toThrow(/is stopped/);
  });

  it('tells why there is no result: the deadline, a signal, the end of the node', async () => {
    cluster = new TestCluster(3, { electionTicks: 10_000 });
    const [first] = await cluster.startAll();
    const { node } = first!;
    const giveUp = new AbortController();
    node.submit(text('late'), { timeoutMs: 20 }, told.as('late'));
    node.submit(text('given up'), { signal: giveUp.signal }, told.as('given up'));
    node.submit(text('left'), {}, told.as('left'));
    await expect.poll(() => told.all.length).toBe(1);
    giveUp.abort();
    expect(told.all[1]).toEqual(['given up', 'ABORTED']);
    await node.stop();
    expect(told.all.map(([name]) => name)).toEqual(['late', 'given up', 'left']);
    expect(told.all[0]?.[1]).toMatch(/NO_LEADER|NO_QUORUM/);
    expect(told.all[2]?.[1]).toBe('NODE_STOPPED');
  });

  it('goes on when a listener throws: that is thrown outside', async () => {
    cluster = new TestCluster(1);
    const { node } = await cluster.start('n1');
    const fault = new Error('the listener is wrong');
    const outside = vi.fn();
    const handlers = process.rawListeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', outside);
    const throwing = {
      applied: () => {
        throw fault;
      },
      failed: () => {},
    };
    node.submit(text('a'), {}, throwing);
    node.submit(text('b'), {}, told.as('b'));
    await expect.poll(() => told.all.length).toBe(1);
    await expect.poll(() => outside.mock.calls.length).toBe(1);
    for (const handler of handlers) process.on('uncaughtException', handler as () => void);
    expect(outside.mock.calls[0]?.[0]).toBe(fault);
    expect(node.phase).toBe('running');
  });
});
