/**
 * Moves of scripts in which the power takes from a node that the removal of a member was committed. The
 * commit index is worth no write of its own, so such a node believes in the members of before, and needs
 * the one that was removed; src/consensus/members.ts says what is done about that.
 */
import { MessageType } from '../../src/raft/index.ts';
import type { Asked } from './asked.ts';
import { letters, Mail } from './mail.ts';
import { beginRemoval } from './members.ts';
import { freeDisk, restart, statusOf, until } from './moves.ts';
import type { NastyStage } from './scenario.ts';

const { AppResp } = MessageType;
/** A disk that is stuck for longer than any script needs. */
const STUCK_MS = 600_000;

export function isGone(stage: NastyStage, on: string, name: string): boolean {
  return statusOf(stage, on).members.every(({ nodeId }) => nodeId !== name);
}

/** Nothing that is written there from now on reaches the disk, so no power cut may spare it. */
function holdWrites(stage: NastyStage, name: string): void {
  stage.cluster.machine(name).diskConditions.write = { typicalMs: 2 * STUCK_MS, maxMs: STUCK_MS };
}

/**
 * `name` is removed by its own reckoning; on `leader`, and whoever else is named, the removal is in the log,
 * and not known to be committed by any disk. `then` happens once the leader has written the removal.
 */
export async function removeUnwritten(
  stage: NastyStage,
  name: string,
  stuck: readonly string[],
  then: () => Promise<void> = async () => undefined,
): Promise<Asked<boolean>> {
  const [leader] = stuck as [string];
  const index = statusOf(stage, leader).lastIndex + 1;
  const held = new Mail(stage).hold(leader, letters(AppResp));
  const removal = beginRemoval(stage, leader, name);
  await until(stage, 'all that run have the removal', () =>
    stage.cluster.processes.every(({ node }) => statusOf(stage, node).durableIndex >= index),
  );
  for (const other of stuck) holdWrites(stage, other);
  await then();
  held.release();
  await until(stage, `${name} has applied its removal`, () => isGone(stage, name, name));
  return removal;
}

export async function cutAndRestart(stage: NastyStage, names: readonly string[]): Promise<void> {
  for (const name of names) stage.cluster.cutPower(name);
  for (const name of names) {
    freeDisk(stage, name);
    await restart(stage, name);
  }
}
