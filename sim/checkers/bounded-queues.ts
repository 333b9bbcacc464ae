/**
 * Queues are bounded: whatever a node lets wait has a limit, whoever is slow, stuck or cut off.
 *
 * Looked at now and then, in each process: what waits in its event loop, what it has queued for each peer (the
 * bound that limits.ts promises), batches that were handed to the storage and are not durable. The first and
 * the last have no bound of their own in the code; they follow from what the core lets be uncommitted and from
 * one batch a turn. The numbers here are several times what the heaviest runs show, so that one that grows
 * without end is found in a run of ordinary length.
 */
import { PEER_QUEUE_BYTES_MAX, URGENT_QUEUE_BYTES_MAX } from '../../src/limits.ts';
import type { SimEvent } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimProcess } from '../cluster/sim-process.ts';
import type { EventLoop } from '../world/event-loop.ts';
import { type Checker, Violation } from './checker.ts';
import { ClusterRecords, nameOf } from './cluster-records.ts';

/** Timers, deliveries and checks of one process. Hundreds are usual under load. */
export const LOOP_WAITING_MAX = 2_000;
/** Behind a disk that stands still. Above a hundred was seen, rarely. */
export const BATCHES_PENDING_MAX = 600;
const PEER_BYTES_MAX = PEER_QUEUE_BYTES_MAX + URGENT_QUEUE_BYTES_MAX;
/** Steps of one process from look to look. */
const LOOK_EVERY = 64;

export class BoundedQueues implements Checker {
  readonly name = 'bounded queues';
  readonly #records: ClusterRecords;
  readonly #steps: Map<string, number> = new Map();

  constructor(records: ClusterRecords = new ClusterRecords()) {
    this.#records = records;
  }

  event(event: SimEvent): void {
    this.#records.see(event);
    if (event.kind !== 'appended') return;
    const { length } = this.#records.of(event.node).pending;
    if (length <= BATCHES_PENDING_MAX) return;
    this.#fail(event, `has ${length} batches that are not durable, over ${BATCHES_PENDING_MAX}`);
  }

  step({ name }: EventLoop, cluster: SimCluster): void {
    const steps = (this.#steps.get(name) ?? 0) + 1;
    this.#steps.set(name, steps);
    if (steps % LOOK_EVERY !== 0) return;
    const process = cluster.machines.get(name)?.process;
    if (process !== undefined) this.#look(process);
  }

  end(cluster: SimCluster): void {
    for (const process of cluster.processes) this.#look(process);
  }

  #look(process: SimProcess): void {
    const { waiting } = process.loop;
    if (waiting > LOOP_WAITING_MAX) {
      this.#fail(process, `has ${waiting} things waiting in its loop, over ${LOOP_WAITING_MAX}`);
    }
    if (!process.isStarted || process.isStopping) return;
    for (const peer of process.transport?.status() ?? []) {
      const { nodeId, queuedBytes, sentFrames, droppedFrames } = peer;
      if (queuedBytes < 0 || queuedBytes > PEER_BYTES_MAX) {
        this.#fail(
          process,
          `has ${queuedBytes} bytes queued for ${nodeId}, over ${PEER_BYTES_MAX}`,
        );
      }
      if (sentFrames >= 0 && droppedFrames >= 0) continue;
      this.#fail(
        process,
        `counts ${sentFrames} frames sent and ${droppedFrames} dropped to ${nodeId}`,
      );
    }
  }

  #fail(who: { readonly node: string; readonly life: number }, what: string): never {
    throw new Violation(this.name, `${nameOf(who)} ${what}`);
  }
}
