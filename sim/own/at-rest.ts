/**
 * The last look at the machines of a run: everything is healed, all nodes have applied the same entries and
 * nothing is on its way. Then all states are the same, whatever way they came about, and the user's own
 * check holds for each.
 *
 * Results alone would not tell: a write that went wrong shows only when somebody reads it.
 */

import { Violation } from '../checkers/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { bounded } from './bounded.ts';
import { bytesTexts } from './bytes-text.ts';
import { differenceText, firstDifference } from './first-difference.ts';
import { looksText, nameOf } from './own-checkers.ts';
import { ownStack } from './own-stack.ts';
import type { Simulation } from './simulation.ts';
import { viewFault } from './view-fault.ts';
import { WatchedMachine } from './watched-machine.ts';

export const SAME_STATE = 'same state on every node';
export const OWN_CHECK = 'your own check';
export const OWN_OBSERVE = 'your own observe';

/** Bytes before a difference that are shown, for whoever looks for the place. */
const BEFORE_BYTES = 20;

interface Replica {
  readonly name: string;
  readonly machine: WatchedMachine;
}

/** @throws Violation. */
export async function checkAtRest(cluster: SimCluster, simulation: Simulation): Promise<void> {
  const replicas = cluster.processes.flatMap((process): Replica[] => {
    const { machine } = process;
    return machine instanceof WatchedMachine ? [{ name: nameOf(process), machine }] : [];
  });
  const appliedIndex = cluster.processes[0]?.engine.status().appliedIndex ?? 0;
  const { observe } = simulation;
  if (observe !== undefined) compareViews(replicas, observe.bind(simulation), appliedIndex);
  else await compareSnapshots(replicas, appliedIndex);
  const { check } = simulation;
  if (check === undefined) return;
  let verdict: unknown;
  try {
    const machines = replicas.map(({ machine }) => machine.own);
    verdict = await bounded(() => check.call(simulation, machines));
  } catch (error) {
    throw new Violation(OWN_CHECK, `check threw ${ownStack(error).text}`);
  }
  // Taken for "all is well" by nobody who wrote it.
  if (verdict !== false && !(verdict instanceof Error)) return;
  const what = verdict === false ? 'false' : `an error (${verdict.message})`;
  throw new Violation(OWN_CHECK, `check returned ${what}: throw what is wrong`);
}

function compareViews(
  replicas: readonly Replica[],
  observe: NonNullable<Simulation['observe']>,
  index: number,
): void {
  const views = replicas.map((replica) => viewOf(replica, observe));
  for (const [at, view] of views.entries()) {
    const difference = firstDifference(views[0], view);
    if (difference === undefined) continue;
    throw new Violation(
      SAME_STATE,
      `${replicas[0]?.name} and ${replicas[at]?.name} have applied the same ${index} entries, and observe() ` +
        `does not show the same: ${differenceText(difference)}\n` +
        `The machine is not deterministic, or a snapshot does not hold all of it${looksLine(replicas)}`,
    );
  }
}

function viewOf({ name, machine }: Replica, observe: NonNullable<Simulation['observe']>): unknown {
  let view: unknown;
  try {
    view = bounded(() => observe(machine.own));
  } catch (error) {
    throw new Violation(OWN_OBSERVE, `observe threw for ${name}: ${ownStack(error).text}`);
  }
  const fault = viewFault(view);
  if (fault === undefined) return view;
  throw new Violation(OWN_OBSERVE, `observe(machine) gave ${fault}, for ${name}`);
}

/** In a line of its own, or nothing. */
function looksLine(replicas: readonly Replica[]): string {
  const looks = looksText(replicas[0]?.machine.looked ?? new Map());
  return looks === undefined ? '' : `\nSeen in this run: ${looks}`;
}

async function compareSnapshots(replicas: readonly Replica[], index: number): Promise<void> {
  const [first, ...others] = replicas;
  if (first === undefined) return;
  const expected = await snapshotOf(first.machine);
  for (const { name, machine } of others) {
    const found = await snapshotOf(machine);
    const difference = differenceOf(expected, found);
    if (difference === undefined) continue;
    throw new Violation(
      SAME_STATE,
      `${first.name} and ${name} have applied the same ${index} entries, and their snapshots differ ` +
        `${difference}. The machine is not deterministic, or a snapshot does not hold all of it. (Should equal ` +
        `states be allowed to look different in a snapshot, then give observe)${looksLine(replicas)}`,
    );
  }
}

async function snapshotOf(machine: WatchedMachine): Promise<Map<string, Buffer>> {
  const sections = new Map<string, Buffer>();
  for (const { name, chunks } of machine.snapshot()) {
    const all: Uint8Array[] = [];
    for await (const chunk of chunks) all.push(chunk);
    sections.set(name, Buffer.concat(all));
  }
  return sections;
}

function differenceOf(
  one: ReadonlyMap<string, Buffer>,
  other: ReadonlyMap<string, Buffer>,
): string | undefined {
  for (const name of new Set([...one.keys(), ...other.keys()])) {
    const [left, right] = [one.get(name), other.get(name)];
    if (left === undefined || right === undefined) return `in having a section ${name} at all`;
    const length = Math.max(left.length, right.length);
    for (let at = 0; at < length; at++) {
      if (left[at] === right[at]) continue;
      const from = Math.max(0, at - BEFORE_BYTES);
      const [a, b] = bytesTexts([left.subarray(from), right.subarray(from)]);
      return `at byte ${at} of section ${name}: ${a} and ${b}`;
    }
  }
  return undefined;
}
