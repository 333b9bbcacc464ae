/**
 * Nodes that have applied the same entries have the same state. Every so many entries, and at the end, each
 * node's own hash of all results is compared with what the first node had at that index.
 *
 * At the end all faults are over and everything is at rest: then all members have applied the same, and where the
 * machine is the key-value one, all hold the same keys, values and revisions. A hash of results would not
 * see a write that was applied to nothing.
 */
import type { LogIndex } from '../../src/raft/index.ts';
import { type KeyValue, KvMachine } from '../../src/state/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimProcess } from '../cluster/sim-process.ts';
import type { EventLoop } from '../world/event-loop.ts';
import { type Checker, Violation } from './checker.ts';
import { nameOf } from './cluster-records.ts';

/** Entries from one look at a node's hash to the next. */
const LOOK_EVERY = 16;
/** Indexes whose hash is remembered. Who is farther behind is compared at the end. */
const HASHES_KEPT = 4_096;
const PAGE = 1_000;

interface Hash {
  readonly hash: string;
  readonly by: string;
}

export class StateAgreement implements Checker {
  readonly name = 'same entries, same state';
  readonly #hashes: Map<LogIndex, Hash> = new Map();
  /** By machine: the newest index that was applied, and the one of the last look. */
  readonly #applied: Map<string, LogIndex> = new Map();
  readonly #looked: Map<string, LogIndex> = new Map();

  event(event: SimEvent): void {
    if (event.kind === 'applied') this.#applied.set(event.node, event.index);
    else if (event.kind === 'began') {
      this.#applied.delete(event.node);
      this.#looked.delete(event.node);
    }
  }

  step({ name }: EventLoop, cluster: SimCluster): void {
    const applied = this.#applied.get(name);
    if (applied === undefined || applied < (this.#looked.get(name) ?? 0) + LOOK_EVERY) return;
    const process = cluster.machines.get(name)?.process;
    if (process === undefined || !process.isStarted) return;
    this.#looked.set(name, applied);
    this.#look(process);
  }

  end(cluster: SimCluster): void {
    const members = cluster.processes.filter(isMember);
    for (const process of members) this.#look(process);
    const [first, ...others] = members;
    if (first === undefined) return;
    const { appliedIndex } = first.engine.status();
    for (const other of others) {
      const own = other.engine.status().appliedIndex;
      if (own === appliedIndex) continue;
      throw new Violation(
        this.name,
        `all is at rest, and ${nameOf(first)} has applied ${appliedIndex} and ${nameOf(other)} ${own}`,
      );
    }
    for (const other of others) this.#compareKeys(first, other);
  }

  #look(process: SimProcess): void {
    const { appliedIndex, stateHash } = process.engine.status();
    const known = this.#hashes.get(appliedIndex);
    if (known === undefined) {
      this.#hashes.set(appliedIndex, { hash: stateHash, by: nameOf(process) });
      if (this.#hashes.size <= HASHES_KEPT) return;
      const [oldest] = this.#hashes.keys();
      if (oldest !== undefined) this.#hashes.delete(oldest);
      return;
    }
    if (known.hash === stateHash) return;
    throw new Violation(
      this.name,
      `having applied ${appliedIndex}, ${known.by} has state hash ${known.hash} and ${nameOf(process)} ` +
        `has ${stateHash}`,
    );
  }

  #compareKeys(one: SimProcess, other: SimProcess): void {
    if (!(one.machine instanceof KvMachine) || !(other.machine instanceof KvMachine)) return;
    const [left, right] = [contentsOf(one.machine), contentsOf(other.machine)];
    const length = Math.max(left.length, right.length);
    for (let i = 0; i < length; i++) {
      if (left[i] === right[i]) continue;
      throw new Violation(
        this.name,
        `after the same entries ${nameOf(one)} holds ${left[i] ?? 'nothing more'} where ` +
          `${nameOf(other)} holds ${right[i] ?? 'nothing more'}`,
      );
    }
  }
}

/** Of those that were removed and do not know it yet nothing is asked. */
function isMember({ engine, isStarted, isStopping, node }: SimProcess): boolean {
  if (!isStarted || isStopping) return false;
  return engine.status().members.some(({ nodeId }) => nodeId === node);
}

/** A line for the revision and one for each key, in their order. */
function contentsOf(machine: KvMachine): string[] {
  const lines: string[] = [];
  let start: Uint8Array = Uint8Array.of(0);
  for (let isMore = true; isMore; ) {
    const page = machine.range({ start, end: new Uint8Array(0), limit: PAGE });
    if (lines.length === 0) lines.push(`revision ${page.revision}`);
    for (const item of page.items) lines.push(itemText(item));
    const last = page.items.at(-1);
    isMore = page.more && last !== undefined;
    if (last !== undefined) start = Uint8Array.of(...last.key, 0);
  }
  return lines;
}

function itemText({ key, value, createRevision, modRevision, version }: KeyValue): string {
  const name = JSON.stringify(Buffer.from(key).toString('utf8'));
  const bytes = Buffer.from(value).toString('base64');
  return `key ${name} version ${version} of revisions ${createRevision} and ${modRevision}: ${bytes}`;
}
