/**
 * Goal: the load drivers do what they count. Method: a cluster of one daemon, loads of 100 ms, and what the
 * cluster itself says afterwards. The Go part runs where its program was built; the skip says why it does not.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../src/client/index.ts';
import { Ceiling } from './ceiling/ceiling.ts';
import { SYNC_WAYS } from './ceiling/group-log.ts';
import { EmbeddedCluster, quorateNode } from './cluster/embedded-cluster.ts';
import { QuorateCluster } from './cluster/quorate-cluster.ts';
import { LoadDriver } from './load/driver.ts';
import { keyName, type LoadResult, type LoadSpec } from './load/spec.ts';
import { ETCD_MISSING, EtcdCluster, etcdVersion } from './peers/etcd-cluster.ts';
import { etcdLoad, etcdTrace } from './peers/etcd-load.ts';
import { findGoProgram, type GoProgram } from './peers/go-programs.ts';
import { hashicorpNode } from './peers/raft-node-command.ts';
import { servesReads } from './restart/probe.ts';

const KEYS = 20;
const SHORT = { warmSeconds: 0.05, seconds: 0.1 } as const;
const TIMED_SECONDS_MAX = 10;

function isSound(result: LoadResult): void {
  expect(result.failures).toEqual({});
  expect(result.count).toBeGreaterThan(0);
  expect(result.perSecond).toBeCloseTo(result.count / result.seconds, 3);
  expect(result.p50Ms).toBeGreaterThan(0);
  expect(result.p99Ms).toBeGreaterThanOrEqual(result.p50Ms);
  expect(result.maxMs).toBeGreaterThanOrEqual(result.p99Ms);
  expect(result.serverCpuSeconds).toBeGreaterThanOrEqual(0);
}

/** On a disk that others use a sync may take longer than the window: then a longer one is tried. */
async function timed(load: (seconds: number) => Promise<LoadResult>): Promise<LoadResult> {
  for (let seconds = SHORT.seconds; ; seconds *= 4) {
    const result = await load(seconds);
    if (result.count > 0 || seconds > TIMED_SECONDS_MAX) return result;
  }
}

describe('the load driver', () => {
  let cluster: QuorateCluster;
  const driver = new LoadDriver();
  const spec = (more: Partial<LoadSpec>): Omit<LoadSpec, 'kind'> => ({
    target: { kind: 'quorate', clients: [[cluster.door('n1')]] },
    operation: 'put',
    inflight: 8,
    valueBytes: 256,
    keys: KEYS,
    serverPids: cluster.pids,
    ...SHORT,
    ...more,
  });

  beforeAll(async () => {
    cluster = await QuorateCluster.start({ members: 1 });
  });

  afterAll(async () => {
    await driver.stop();
    await cluster.stop();
  });

  it('puts exactly as many as it says', async () => {
    const result = await driver.load(spec({ total: 3 * KEYS }));
    isSound(result);
    expect(result.count).toBe(3 * KEYS);
    const client = await connect({ nodes: [cluster.door('n1')] });
    const found = await client.range({ all: true });
    const versions = await client.get(keyName(KEYS - 1));
    await client.close();
    expect(found.items).toHaveLength(KEYS);
    expect(versions?.value).toHaveLength(256);
    expect(versions?.version).toBe(3);
  });

  it('reads, linearizable and local, at a pace and as fast as it goes', async () => {
    isSound(await timed((seconds) => driver.load(spec({ operation: 'get', seconds }))));
    isSound(await timed((seconds) => driver.load(spec({ operation: 'get-local', seconds }))));
    const paced = await driver.load(spec({ operation: 'get', rate: 200, seconds: 0.5 }));
    isSound(paced);
    expect(paced.count + paced.skipped).toBeLessThanOrEqual(150);
  });

  it('counts failures as such', async () => {
    const result = await driver.load(spec({ operation: 'get', keys: 10 * KEYS, total: 10 * KEYS }));
    expect(result.failed).toBe(9 * KEYS);
    expect(result.count).toBe(KEYS);
  });

  it('watches, and is told', async () => {
    await driver.watch([cluster.door('n1')], 2 * KEYS, KEYS);
    await driver.load(spec({ total: KEYS }));
    await expect.poll(() => driver.watched()).toBe(2 * KEYS);
  });

  it('traces, and knows when nothing was acknowledged', async () => {
    await driver.beginTrace({ kind: 'quorate', clients: [[cluster.door('n1')]] }, 2);
    await cluster.child('n1').kill();
    await cluster.restart('n1');
    await servesReads(cluster.door('n1'), 10_000);
    const { calls } = await driver.endTrace();
    const ends = calls.filter(([, , isAcknowledged]) => isAcknowledged).map(([, end]) => end);
    expect(ends.length).toBeGreaterThan(0);
    for (const [start, end] of calls) expect(end).toBeGreaterThanOrEqual(start);
  });
});

it.each(SYNC_WAYS)(
  'the bare pipeline with %s acknowledges, also to a client that comes later',
  async (way) => {
    const ceiling = await Ceiling.start(way);
    const driver = new LoadDriver();
    const load = {
      target: { kind: 'ceiling', port: ceiling.port },
      operation: 'append',
      valueBytes: 256,
      keys: 1,
      serverPids: ceiling.pids,
      ...SHORT,
    } as const;
    try {
      expect((await driver.load({ ...load, inflight: 4, total: 100 })).count).toBe(100);
      isSound(await timed((seconds) => driver.load({ ...load, inflight: 64, seconds })));
    } finally {
      await driver.stop();
      await ceiling.stop();
    }
  },
);

it('embedded nodes propose to themselves', async () => {
  const cluster = await EmbeddedCluster.start('quorate', quorateNode);
  try {
    isSound(
      await timed((seconds) => cluster.load({ ...SHORT, seconds, inflight: 8, valueBytes: 256 })),
    );
  } finally {
    await cluster.stop();
  }
});

/** Never built here: that takes minutes. In CI all of them are there, or it has failed before. */
function whyNot(name: GoProgram, isInstalled = true, missing = ''): string | undefined {
  if (process.env['CI'] === 'true') return undefined;
  if (!isInstalled) return missing;
  const found = findGoProgram(name);
  return 'missing' in found ? found.missing : undefined;
}

function pathOf(name: GoProgram): string {
  const found = findGoProgram(name);
  if ('path' in found) return found.path;
  throw new Error(
    `${found.missing}; npm run bench -- --prepare says what is missing and builds it`,
  );
}

const noEtcd = whyNot('etcdload', etcdVersion() !== undefined, ETCD_MISSING);
const noRaft = whyNot('raftload');

describe('the drivers in Go', () => {
  it.skipIf(noEtcd !== undefined)(`etcd${noEtcd === undefined ? '' : `: ${noEtcd}`}`, async () => {
    const path = pathOf('etcdload');
    const cluster = await EtcdCluster.start(1);
    const endpoints = [cluster.door(await cluster.leader())];
    const load = { endpoints, inflight: 8, valueBytes: 256, keys: KEYS, serverPids: cluster.pids };
    try {
      const filled = await etcdLoad(path, { ...load, ...SHORT, operation: 'put', total: KEYS });
      expect(filled.count).toBe(KEYS);
      for (const operation of ['put', 'get'] as const) {
        isSound(
          await timed((seconds) => etcdLoad(path, { ...load, ...SHORT, seconds, operation })),
        );
      }
      const trace = await etcdTrace(path, endpoints, 2);
      await cluster.servesReads('e1');
      const { calls, failures } = await trace.end();
      expect(failures).toEqual({});
      expect(calls.every(([start, end, isAcknowledged]) => isAcknowledged && end >= start)).toBe(
        true,
      );
    } finally {
      await cluster.stop();
    }
  });

  it.skipIf(noRaft !== undefined)(
    `hashicorp/raft${noRaft === undefined ? '' : `: ${noRaft}`}`,
    async () => {
      const path = pathOf('raftload');
      const cluster = await EmbeddedCluster.start('hashicorp/raft', hashicorpNode(path));
      try {
        isSound(
          await timed((seconds) =>
            cluster.load({ ...SHORT, seconds, inflight: 8, valueBytes: 256 }),
          ),
        );
      } finally {
        await cluster.stop();
      }
    },
  );
});
