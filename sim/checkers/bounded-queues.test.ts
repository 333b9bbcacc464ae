/** What a node lets wait is looked at, in each process: every bound, by made-up processes that break it. */
import { expect, it } from 'vitest';
import { PEER_QUEUE_BYTES_MAX, URGENT_QUEUE_BYTES_MAX } from '../../src/limits.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { EventLoop } from '../world/event-loop.ts';
import { BoundedQueues, LOOP_WAITING_MAX } from './bounded-queues.ts';
import { violationOf } from './checkers.fixture.ts';

const PEER_MAX = PEER_QUEUE_BYTES_MAX + URGENT_QUEUE_BYTES_MAX;
const WELL = { nodeId: 'n2', queuedBytes: PEER_MAX, sentFrames: 7, droppedFrames: 0 };
const LOOP = { name: 'n1' } as EventLoop;

/** A cluster whose one process is as described. */
function clusterWith(peer: object = {}, process: object = {}): SimCluster {
  const n1 = {
    node: 'n1',
    life: 2,
    loop: { waiting: LOOP_WAITING_MAX },
    isStarted: true,
    isStopping: false,
    transport: { status: () => [{ ...WELL, ...peer }] },
    ...process,
  };
  return { machines: new Map([['n1', { process: n1 }]]), processes: [n1] } as unknown as SimCluster;
}

/** Steps of the process, enough for a look, and the end. */
function look(cluster: SimCluster): void {
  const checker = new BoundedQueues();
  for (let i = 0; i < 64; i++) checker.step(LOOP, cluster);
}

it('is content with what is full, with processes that start or stop, and with none', () => {
  const tooMuch = { queuedBytes: PEER_MAX + 1 };
  for (const cluster of [
    clusterWith(),
    clusterWith({ queuedBytes: 0 }),
    clusterWith(tooMuch, { isStarted: false }),
    clusterWith(tooMuch, { isStopping: true }),
    clusterWith({}, { transport: undefined }),
    { machines: new Map(), processes: [] } as unknown as SimCluster,
  ]) {
    look(cluster);
    new BoundedQueues().end(cluster);
  }
});

it.each<[string, object, object]>([
  [
    `n1 (life 2) has ${LOOP_WAITING_MAX + 1} things waiting in its loop, over ${LOOP_WAITING_MAX}`,
    {},
    { loop: { waiting: LOOP_WAITING_MAX + 1 } },
  ],
  [`n1 (life 2) has ${PEER_MAX + 1} bytes queued for n2`, { queuedBytes: PEER_MAX + 1 }, {}],
  ['n1 (life 2) has -1 bytes queued for n2', { queuedBytes: -1 }, {}],
  ['n1 (life 2) counts -1 frames sent and 0 dropped to n2', { sentFrames: -1 }, {}],
  ['n1 (life 2) counts 7 frames sent and -3 dropped to n2', { droppedFrames: -3 }, {}],
])('finds: %s', (message, peer, process) => {
  const cluster = clusterWith(peer, process);
  expect(violationOf(() => look(cluster))).toContain(message);
  expect(violationOf(() => new BoundedQueues().end(cluster))).toContain(message);
});
