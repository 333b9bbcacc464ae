/**
 * What programs give by mistake: each is refused with the field, what it holds and what to give, and nothing
 * of it is sent. Most of these once meant every key, or ended in an error of JavaScript's.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster } from '../../test/server/fake-engine.ts';
import { type BinaryNode, binaryNode } from '../../test/server/harness.ts';
import { ClusterError } from '../errors.ts';
import { connect, type QuorateClient } from './index.ts';

let cluster: FakeCluster;
let node: BinaryNode;
let client: QuorateClient;

beforeEach(async () => {
  cluster = new FakeCluster();
  node = await binaryNode('n1', cluster);
  client = await connect({ nodes: [node.address], timeoutMs: 2_000 });
  await client.put('kept', 'value');
});

afterEach(async () => {
  await client.close();
  await node.server.stop();
});

/** Also what is thrown at once, as `watch` does. */
async function failure(call: () => unknown): Promise<ClusterError> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(ClusterError);
    return error as ClusterError;
  }
  throw new Error('it should have failed');
}

type Cases = readonly (readonly [call: (client: never) => unknown, message: RegExp])[];

/** The calls take no types here, as programs in JavaScript have none. */
interface Untyped {
  readonly [name: string]: (...given: unknown[]) => Promise<unknown> & AsyncIterable<unknown>;
}

async function areRefused(cases: Cases, code = 'REQUEST_INVALID'): Promise<void> {
  const before = cluster.applied;
  for (const [call, message] of cases) {
    const error = await failure(() => call(client as never));
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ code, details: { field: expect.any(String) } });
  }
  expect(cluster.applied).toBe(before);
  expect(await client.getText('kept')).toBe('value');
}

describe('a range', () => {
  it('is never all keys by mistake', async () => {
    const first = (c: Untyped, ...given: unknown[]): unknown =>
      c['list']!(...given)
        [Symbol.asyncIterator]()
        .next();
    const hint = 'give \\{ key: "L/" \\}, \\{ prefix: "L/" \\}';
    await areRefused([
      [(c: Untyped) => first(c, 'L/'), new RegExp(`^range is "L/": ${hint}`)],
      [(c: Untyped) => first(c, 5), /^range is 5: give/],
      [(c: Untyped) => first(c), /^range is missing: give/],
      [(c: Untyped) => first(c, { prefix: undefined }), /^prefix is undefined: give a value, or/],
      [(c: Untyped) => first(c, {}, { pageItems: 0 }), /^pageItems is 0: give .* 1 to 1000/],
      [(c: Untyped) => first(c, {}, { limit: 3 }), /^options has no field "limit"/],
      [(c: Untyped) => c['range']!('x'), /^range is "x"/],
      [(c: Untyped) => c['range']!(null), /^range is null/],
      [(c: Untyped) => c['range']!([]), /^range is a list/],
      [
        (c: Untyped) => c['range']!(Buffer.from('x')),
        /^range is a Uint8Array: give \{ key: \.\.\. \}/,
      ],
      [(c: Untyped) => c['range']!({ prefx: 'x' }), /no field "prefx": did you mean prefix\?/],
      [(c: Untyped) => c['range']!({ start: undefined, end: undefined }), /^start is undefined/],
      [(c: Untyped) => c['range']!({ prefix: 5 }), /^prefix is 5: give a string or a Uint8Array/],
      [(c: Untyped) => c['range']!({ all: 'yes' }), /^all is "yes": give true or false/],
      [(c: Untyped) => c['range']!({}, { limit: '5' }), /^limit is "5"/],
      [(c: Untyped) => c['range']!({}, { limit: 0 }), /^limit is 0/],
      [(c: Untyped) => c['range']!({}, { keysOnly: 1 }), /^keysOnly is 1: give true or false/],
      [(c: Untyped) => c['watch']!('x'), /^range is "x"/],
      [(c: Untyped) => c['watch']!({}, { from: '7' }), /^from is "7": give a whole number from 1/],
      [(c: Untyped) => c['watch']!({}, { form: 7 }), /"form": did you mean from\?/],
      [(c: Untyped) => c['deleteRange']!('kept'), /^range is "kept"/],
      [(c: Untyped) => c['deleteRange']!({}), /say \{ all: true \}/],
      [(c: Untyped) => c['deleteRange']!({ prefix: undefined }), /^prefix is undefined/],
    ] as unknown as Cases);
    const all = await client.range({});
    expect((await client.range({ all: true })).items).toEqual(all.items);
    expect((await client.range({ start: 'kept', end: undefined } as never)).items).toHaveLength(1);
  });
});

describe('what is written', () => {
  it('is named by field', async () => {
    await areRefused([
      [(c: Untyped) => c['put']!(null, 'x'), /^key is null: give a string or a Uint8Array/],
      [(c: Untyped) => c['put']!('k'), /^value is missing/],
      [(c: Untyped) => c['put']!('k', 5), /^value is 5/],
      [(c: Untyped) => c['put']!('k', { a: 1 }), /^value is an object/],
      [(c: Untyped) => c['get']!(), /^key is missing/],
      [(c: Untyped) => c['delete']!(undefined), /^key is missing/],
      [(c: Untyped) => c['delete']!({ all: true }), /^key is an object/],
      [(c: Untyped) => c['compareAndSet']!('k', null, 'x'), /^expected is null/],
      [(c: Untyped) => c['increment']!('k', '1'), /^by is "1": give a whole number or a bigint/],
      [(c: Untyped) => c['increment']!('k', 1.5), /^by is 1\.5/],
      [(c: Untyped) => c['compact']!('7'), /^revision is "7"/],
      [(c: Untyped) => c['compact']!(), /^revision is missing/],
    ] as unknown as Cases);
  });

  it('in a transaction is named by place', async () => {
    const one = (list: string, item: unknown) => (c: Untyped) =>
      c['transaction']!({ [list]: [item] });
    await areRefused([
      [(c: Untyped) => c['transaction']!(''), /^transaction is "": give an object with compare/],
      [(c: Untyped) => c['transaction']!(), /^transaction is missing/],
      [(c: Untyped) => c['transaction']!({ when: [] }), /no field "when"/],
      [(c: Untyped) => c['transaction']!({ then: 'x' }), /^then is "x": give a list/],
      [(c: Untyped) => c['transaction']!({ compare: null }), /^compare is null/],
      [one('then', null), /^then\[0\] is null/],
      [one('then', {}), /^then\[0\]\.kind is missing: give one of put, delete, increment, get/],
      [one('then', { kind: 'swap' }), /^then\[0\]\.kind is "swap"/],
      [one('else', { kind: 'put', key: 5, value: '' }), /^else\[0\]\.key is 5/],
      [one('then', { kind: 'put', key: 'a', value: '', ttl: 1 }), /^then\[0\] has no field "ttl"/],
      [one('then', { kind: 'increment', key: 'a', by: '1' }), /^then\[0\]\.by is "1"/],
      [one('then', { kind: 'delete', prefix: undefined }), /^then\[0\]\.prefix is undefined/],
      [one('then', { kind: 'delete' }), /the then\[0\] is all keys/],
      [one('then', { kind: 'get', key: 'a', limit: 0 }), /^then\[0\]\.limit is 0/],
      [
        one('compare', { key: 'a', target: 'age', operator: 'equal', operand: 1 }),
        /target is "age"/,
      ],
      [
        one('compare', { key: 'a', target: 'version', operator: '=', operand: 1 }),
        /operator is "="/,
      ],
    ] as unknown as Cases);
  });

  it('by name is an operation and JSON', async () => {
    const huge = { key: 'n', by: 1n };
    const round: Record<string, unknown> = {};
    round['self'] = round;
    await areRefused([
      [(c: Untyped) => c['call']!('kv.increment', huge), /^by is 1n, which JSON has not: give/],
      [(c: Untyped) => c['call']!('kv.put', round), /^input is no JSON/],
      [(c: Untyped) => c['call']!(5), /^operation is 5/],
      [(c: Untyped) => c['call']!('kv.get', 'k'), /^input is "k"/],
      [(c: Untyped) => c['removeNode']!(), /^nodeId is missing: give a string/],
      [(c: Untyped) => c['promoteLearner']!(5), /^nodeId is 5/],
      [(c: Untyped) => c['transferLeadership']!({}), /^toNodeId is an object/],
      [(c: Untyped) => c['addNode']!('n9'), /^address is missing/],
      [(c: Untyped) => c['addLearner']!(['n9'], 'h:1'), /^nodeId is a list/],
      [(c: Untyped) => c['addNode']!('n9', 'h:1', { clusterName: 5 }), /^clusterName is 5/],
    ] as unknown as Cases);
  });
});

describe('options', () => {
  it('are known, and of their type', async () => {
    const wrong: [unknown, RegExp][] = [
      [null, /^options is null/],
      [5, /^options is 5/],
      ['x', /^options is "x"/],
      [{ timeout: 5 }, /^options has no field "timeout": did you mean timeoutMs\?/],
      [{ timeoutMs: '5' }, /^timeoutMs is "5": give a number of milliseconds from 1 to 60000/],
      [{ timeoutMs: Number.NaN }, /^timeoutMs is NaN/],
      [{ signal: {} }, /^signal is an object: give an AbortSignal/],
    ];
    for (const [options, message] of wrong) {
      await areRefused([
        [(c: Untyped) => c['put']!('k', 'v', options), message],
        [(c: Untyped) => c['get']!('k', options), message],
        [(c: Untyped) => c['range']!({}, options), message],
        [(c: Untyped) => c['watch']!({}, options), message],
        [(c: Untyped) => c['status']!(options), message],
        [(c: Untyped) => c['members']!(options), message],
        [(c: Untyped) => c['removeNode']!('n9', options), message],
        [(c: Untyped) => c['addNode']!('n9', 'h:1', options), message],
      ] as unknown as Cases);
    }
    await areRefused([
      [(c: Untyped) => c['get']!('k', { consistency: 'x' }), /^consistency is "x": give "linear/],
      [(c: Untyped) => c['get']!('k', { request: {} }), /no field "request"/],
      [(c: Untyped) => c['put']!('k', 'v', { consistency: 'local' }), /no field "consistency"/],
      [(c: Untyped) => c['put']!('k', 'v', { request: null }), /^request is null/],
      [(c: Untyped) => c['put']!('k', 'v', { request: {} }), /^request\.session is missing/],
      [
        (c: Untyped) => c['put']!('k', 'v', { request: { session: '1', sequence: 1 } }),
        /^request\.session is "1": give a whole number from 1/,
      ],
    ] as unknown as Cases);
  });

  it('of a call reach the node: a read of what it has asks nobody', async () => {
    const before = node.engine.barriers;
    await client.call('kv.get', { key: 'kept' }, { consistency: 'local' });
    expect(node.engine.barriers).toBe(before);
    await client.call('kv.get', { key: 'kept' });
    expect(node.engine.barriers).toBe(before + 1);
  });

  it('of connecting say what is wrong with them', async () => {
    const cases: [unknown, RegExp][] = [
      [undefined, /^options is missing/],
      ['127.0.0.1:7200', /^options is "127/],
      [{}, /^nodes is missing: give a list of host:port/],
      [{ nodes: 'x' }, /^nodes is "x": give a list/],
      [{ nodes: [] }, /^nodes is empty/],
      [{ nodes: [5] }, /^nodes\[0\] is 5/],
      [{ node: [node.address] }, /no field "node": did you mean nodes\?/],
      [{ nodes: [node.address], session: 'no' }, /^session is "no": give true or false/],
    ];
    for (const [options, message] of cases) {
      const error = await failure(() => connect(options as never));
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
      expect(error.message).toMatch(message);
    }
    const late = await failure(() => connect({ nodes: [node.address], timeoutMs: '5' } as never));
    expect(late.message).toMatch(/^timeoutMs is "5"/);
  });
});
