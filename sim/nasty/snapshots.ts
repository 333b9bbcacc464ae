/**
 * Moves of scripts that are about snapshots: a follower that the log does not help any more, and what is
 * told of snapshots.
 */
import type { RaftNodeConfig } from '../../src/consensus/index.ts';
import { isolate, memberOf, rejoin, statusOf, until, write } from './moves.ts';
import type { NastyStage } from './scenario.ts';

/** Snapshots often, and little log behind them. */
export const OFTEN: Partial<RaftNodeConfig> = {
  snapshotIntervalEntries: 20,
  snapshotCatchUpEntries: 5,
};

/** Entries until the log behind a snapshot is freed for certain. */
const ENTRIES_MAX = 60;
/** A leader sees at its next ticks that a follower needs no log kept for it any more. */
const LET_GO_MS = 300;
const VALUE_CHARS = 300;

/** Writes until the leader's log begins behind that index. */
export async function compactBeyond(
  stage: NastyStage,
  leader: string,
  index: number,
): Promise<void> {
  for (let at = 0; at < ENTRIES_MAX && statusOf(stage, leader).firstIndex <= index + 1; at++) {
    await write(stage, leader, `key ${at}`, `${index}/${at} `.padEnd(VALUE_CHARS, '.'));
  }
  await until(stage, `the log of ${leader} is freed up to ${index}`, () => {
    return statusOf(stage, leader).firstIndex > index + 1;
  });
}

/** It is cut off, and what was on its way to it is lost. */
export function cutLoose(stage: NastyStage, name: string): void {
  const { cluster } = stage;
  isolate(stage, name);
  for (const other of cluster.machines.keys()) {
    if (other !== name) cluster.network.resetAll(name, other);
  }
}

/** It is cut off until the leader's log does not follow on its own any more. */
export async function leaveBehind(stage: NastyStage, leader: string, name: string): Promise<void> {
  cutLoose(stage, name);
  await compactBeyond(stage, leader, statusOf(stage, name).lastIndex);
}

/** It follows the log of its leader again, and that one keeps nothing more for it. */
export async function untilCaughtUp(
  stage: NastyStage,
  leader: string,
  name: string,
  withinMs?: number,
): Promise<void> {
  const isSo = (): boolean => {
    const { progress, matchIndex } = memberOf(stage, leader, name) ?? {};
    return progress === 'replicate' && matchIndex === statusOf(stage, leader).lastIndex;
  };
  await until(stage, `${name} follows the log of ${leader}`, isSo, withinMs);
  await stage.cluster.run(LET_GO_MS);
}

/** Calls back when a snapshot leaves for the machine. */
export function onShipped(
  stage: NastyStage,
  name: string,
  told: (by: string, index: number) => void,
): () => void {
  return stage.cluster.listen((event) => {
    if (event.kind !== 'sent' || event.message.snapshot === undefined) return;
    const { process } = stage.cluster.machine(name);
    if (process?.isStarted !== true || process.engine.status().raftId !== event.message.to) return;
    told(event.node, event.message.snapshot.metadata.index);
  });
}

/** The machine's links work again, and it needs a snapshot: calls back once, when the first leaves for it. */
export async function rejoinByShipment(
  stage: NastyStage,
  name: string,
  told: (by: string) => void,
): Promise<void> {
  let isShipped = false;
  const forget = onShipped(stage, name, (by) => {
    if (isShipped) return;
    isShipped = true;
    told(by);
  });
  rejoin(stage, name);
  await until(stage, `a snapshot leaves for ${name}`, () => isShipped);
  forget();
}

/** Snapshots of that machine's state: taken by itself, and come from a peer. */
export class SnapshotNews {
  readonly saved: number[] = [];
  readonly installed: number[] = [];
  readonly end: () => void;

  constructor(stage: NastyStage, name: string, onInstalled: () => void = () => {}) {
    this.end = stage.cluster.listen((event) => {
      if (event.node !== name) return;
      if (event.kind === 'snapshot-saved') this.saved.push(event.index);
      if (event.kind !== 'snapshot-installed') return;
      this.installed.push(event.snapshot.metadata.index);
      onInstalled();
    });
  }
}
