/**
 * Moves of scripts that are about members: machines that join, changes that are asked for and seen in logs.
 */
import type { Invitation } from '../../src/consensus/index.ts';
import { type Entry, EntryType } from '../../src/raft/index.ts';
import type { Asked } from './asked.ts';
import { answered, begin } from './asks.ts';
import { excuse, isUp, statusOf, until } from './moves.ts';
import type { NastyStage } from './scenario.ts';

const ASK_MS = 30_000;

/** Long enough for what a script holds up meanwhile. */
const OPTIONS = { timeoutMs: ASK_MS };

/** A new machine whose node has become a learner, and has everything that there is. */
export async function addLearner(stage: NastyStage, leader: string, name: string): Promise<void> {
  const { cluster } = stage;
  const machine = cluster.machines.get(name) ?? cluster.addMachine(name);
  const asked = begin(stage, leader, async ({ engine }): Promise<Invitation> => {
    return await engine.addLearner(name, machine.address, OPTIONS);
  });
  machine.join = await answered(stage, `${leader} adds ${name}`, asked);
  cluster.start(name);
  await until(stage, `${name} has caught up`, () => {
    return isUp(stage, name) && lag(stage, leader, name) === 0;
  });
}

function lag(stage: NastyStage, leader: string, name: string): number {
  return statusOf(stage, leader).appliedIndex - statusOf(stage, name).appliedIndex;
}

export function beginPromotion(stage: NastyStage, on: string, name: string): Asked<void> {
  return begin(stage, on, ({ engine }) => engine.promoteLearner(name, OPTIONS));
}

/** The node of that machine may end because of it. */
export function beginRemoval(stage: NastyStage, on: string, name: string): Asked<boolean> {
  excuse(stage, name, 'removal');
  return begin(stage, on, ({ engine }) => engine.removeNode(name, OPTIONS));
}

/** Who votes and who learns, as that node has it: `n1 n2 n3 +n4`. */
export function membersOf(stage: NastyStage, on: string): string {
  const names = statusOf(stage, on).members.map(({ nodeId, role }) => {
    return role === 'voter' ? nodeId : `+${nodeId}`;
  });
  return names.sort(byName).join(' ');
}

/** All of them have those members. */
export async function untilMembers(
  stage: NastyStage,
  names: readonly string[],
  members: string,
): Promise<void> {
  await until(stage, `${names.join(', ')} have ${members}`, () => {
    return names.every((name) => membersOf(stage, name) === members);
  });
}

function byName(one: string, other: string): number {
  if (one === other) return 0;
  return one.replace('+', '~') < other.replace('+', '~') ? -1 : 1;
}

/** What nodes have written into their logs from now on. */
export class Written {
  readonly end: () => void;
  readonly #entries: { readonly entry: Entry; readonly by: string }[] = [];

  constructor(stage: NastyStage) {
    this.end = stage.cluster.listen((event) => {
      if (event.kind !== 'appended') return;
      for (const entry of event.batch.entries) this.#entries.push({ entry, by: event.node });
    });
  }

  by(name: string): readonly Entry[] {
    return this.#entries.filter(({ by }) => by === name).map(({ entry }) => entry);
  }

  /** Changes of members among it. */
  changesBy(name: string): readonly Entry[] {
    return this.by(name).filter(({ type }) => type !== EntryType.Normal);
  }
}

/** Why the node of that machine has ended by itself; `undefined`: it runs. */
export function endOf(stage: NastyStage, name: string): string | undefined {
  const { process, failure } = stage.cluster.machine(name);
  if (process !== undefined || failure === undefined) return undefined;
  return (failure as { code?: string }).code ?? failure.message;
}
