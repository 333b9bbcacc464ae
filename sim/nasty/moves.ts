/**
 * The moves that the scripts are made of: ask a node, let a certain one lead, cut it off, hold its disk,
 * and bring everything to rest at the end. What is done to single messages is in mail.ts.
 *
 * Each move either brings about what it says or ends the scenario by name: a script must never go on
 * over a stage that is not what it believes.
 */
import type { NodeStatus } from '../../src/consensus/index.ts';
import type { RaftId } from '../../src/raft/index.ts';
import type { KvResult } from '../../src/state/index.ts';
import type { Excuse } from '../cluster/events.ts';
import { apiOf, type SimProcess } from '../cluster/sim-process.ts';
import { healthyDisk } from '../world/sim-disk.ts';
import { Asked } from './asked.ts';
import type { NastyStage } from './scenario.ts';

/** Longer than any election with the default ticks, and than any backoff of a dialer. */
const PATIENCE_MS = 60_000;
const REQUEST_MS = 30_000;

export function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** Founders are numbered in the order of their list: n1 is 1. */
export function raftIdOf(name: string): RaftId {
  return Number(name.slice(1));
}

export function processOf(stage: NastyStage, name: string): SimProcess {
  const { process } = stage.cluster.machine(name);
  if (process === undefined) throw new Error(`the script asks ${name}, and nothing runs there`);
  return process;
}

export function statusOf(stage: NastyStage, name: string): NodeStatus {
  return processOf(stage, name).engine.status();
}

/** What a node knows of another one, if that is a member. */
export function memberOf(
  stage: NastyStage,
  on: string,
  other: string,
): NodeStatus['members'][number] | undefined {
  return statusOf(stage, on).members.find(({ nodeId }) => nodeId === other);
}

/** What the node, which leads, knows to be durable on the other one. */
export function matchOf(stage: NastyStage, leader: string, other: string): number {
  return memberOf(stage, leader, other)?.matchIndex ?? 0;
}

export async function until(
  stage: NastyStage,
  what: string,
  isReached: () => boolean,
  withinMs: number = PATIENCE_MS,
): Promise<void> {
  const isSo = await stage.cluster.until(() => stage.isOver || isReached(), withinMs);
  stage.expect(isSo && !stage.isOver, `within ${withinMs} ms: ${what}`);
}

// ---- requests -------------------------------------------------------------------------------------

/** The value of a key, as that node answers it; `undefined`: it is not there. */
export async function textOf(
  process: SimProcess,
  key: string,
  options: { timeoutMs?: number; consistency?: 'local' } = {},
): Promise<string | undefined> {
  const { item } = await apiOf(process).get(utf8(key), options);
  return item === undefined ? undefined : Buffer.from(item.value).toString('utf8');
}

/** Asks the node to write; goes on at once. */
export function beginWrite(
  stage: NastyStage,
  node: string,
  key: string,
  value: string,
): Asked<KvResult> {
  const command = { kind: 'put', key: utf8(key), value: utf8(value) } as const;
  const work = (process: SimProcess): Promise<KvResult> =>
    apiOf(process).write(command, { timeoutMs: REQUEST_MS });
  return new Asked(stage.cluster.ask(node, work, { timeoutMs: REQUEST_MS }));
}

/** A write that must succeed. */
export async function write(
  stage: NastyStage,
  node: string,
  key: string,
  value: string,
): Promise<void> {
  const begun = beginWrite(stage, node, key, value);
  await stage.cluster.settled(begun.settled, 2 * REQUEST_MS);
  stage.expect(begun.isAnswered, `${node} writes ${key}: ${begun.error?.message}`);
}

/** Writes that become one entry each, and one append message each. */
export async function writeOneByOne(
  stage: NastyStage,
  node: string,
  keys: readonly string[],
): Promise<Asked<KvResult>[]> {
  const writes: Asked<KvResult>[] = [];
  for (const key of keys) {
    writes.push(beginWrite(stage, node, key, 'done'));
    await stage.cluster.run(20);
  }
  return writes;
}

/** A linearizable read. */
export async function read(
  stage: NastyStage,
  node: string,
  key: string,
): Promise<string | undefined> {
  const { cluster } = stage;
  return await cluster.settled(cluster.ask(node, (process) => textOf(process, key)));
}

// ---- who leads ------------------------------------------------------------------------------------

/** The cluster is whole and has a leader; hands its place to that node. */
export async function lead(stage: NastyStage, name: string): Promise<void> {
  const { cluster } = stage;
  const untilMs = cluster.nowMs + PATIENCE_MS;
  while (cluster.agreedLeader !== name && cluster.nowMs < untilMs) {
    const leader = cluster.agreedLeader;
    if (leader !== undefined) {
      const asked = cluster.ask(leader, ({ engine }) => engine.transferLeadership(name));
      await cluster.settled(new Asked(asked).settled);
    }
    await cluster.until(() => cluster.agreedLeader === name, 500);
  }
  stage.expect(cluster.agreedLeader === name, `${name} was handed the leadership`);
}

export async function untilLeads(
  stage: NastyStage,
  name: string,
  withinMs: number = PATIENCE_MS,
): Promise<void> {
  const leads = (): boolean =>
    stage.cluster.machine(name).process?.isStarted === true &&
    processOf(stage, name).engine.isLeader;
  await until(stage, `${name} leads`, leads, withinMs);
}

/** Waits until one of them leads by its own account; which one that is. */
export async function untilOneLeads(
  stage: NastyStage,
  names: readonly string[],
  withinMs: number = PATIENCE_MS,
): Promise<string> {
  const found = (): string | undefined => {
    return names.find((name) => processOf(stage, name).engine.isLeader);
  };
  await until(stage, `one of ${names.join(', ')} leads`, () => found() !== undefined, withinMs);
  return found() as string;
}

/** All nodes run, and follow the same leader. */
export async function untilWhole(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await until(stage, 'the cluster is whole', () => cluster.agreedLeader !== undefined);
}

/** The leader knows that the other one has all that it has. */
export async function untilInStep(stage: NastyStage, leader: string, other: string): Promise<void> {
  await until(stage, `${other} is in step with ${leader}`, () => {
    return matchOf(stage, leader, other) === statusOf(stage, leader).lastIndex;
  });
}

/** All logs end alike, durably, and all know what is committed. */
export async function untilLevel(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await until(stage, 'all logs end alike', () => {
    const all = cluster.processes.map(({ node }) => statusOf(stage, node));
    const ends = all.flatMap((it) => [it.lastIndex, it.durableIndex, it.appliedIndex]);
    return cluster.agreedLeader !== undefined && new Set(ends).size === 1;
  });
}

// ---- links, processes, disks ------------------------------------------------------------------------

/** Nothing passes between the machine and the others any more; operators reach it still. */
export function isolate(stage: NastyStage, name: string): void {
  for (const other of stage.cluster.machines.keys()) {
    if (other !== name) stage.cluster.network.cutBoth(name, other);
  }
}

/** The machine's links work again. */
export function rejoin(stage: NastyStage, name: string): void {
  for (const other of stage.cluster.machines.keys()) {
    if (other !== name) stage.cluster.network.heal(name, other);
  }
}

export async function restart(stage: NastyStage, name: string): Promise<void> {
  stage.cluster.start(name);
  await until(stage, `${name} starts again`, () => isUp(stage, name));
}

export function isUp(stage: NastyStage, name: string): boolean {
  return stage.cluster.machine(name).process?.isStarted === true;
}

/** The node of that machine may end because of what is done to it now: the checkers are told. */
export function excuse(stage: NastyStage, name: string, what: Excuse): void {
  const { lives } = stage.cluster.machine(name);
  stage.cluster.tell({ kind: 'fault', node: name, life: lives, what });
}

/** Every sync that begins there takes so long. */
export function holdSyncs(stage: NastyStage, name: string, ms: number): void {
  stage.cluster.machine(name).diskConditions.sync = { typicalMs: 2 * ms, maxMs: ms };
}

export function freeDisk(stage: NastyStage, name: string): void {
  const { diskConditions, disk } = stage.cluster.machine(name);
  Object.assign(diskConditions, healthyDisk());
  disk.capacityBytes = Number.POSITIVE_INFINITY;
}

/** Whether a connection between the two stands, as the first one sees it. */
export function isConnected(stage: NastyStage, from: string, to: string): boolean {
  return memberOf(stage, from, to)?.connected === true;
}

// ---- the end --------------------------------------------------------------------------------------

/**
 * Ends all that a script did to links, disks and messages, starts what is down, and waits until all have
 * the same leader, take a write, and are in the same state. `except`: machines that are out for good.
 */
export async function allIsWell(stage: NastyStage, except: readonly string[] = []): Promise<void> {
  const { cluster } = stage;
  cluster.network.healAll();
  const names = [...cluster.machines.keys()].filter((name) => !except.includes(name));
  for (const name of names) {
    const machine = cluster.machine(name);
    machine.intercept = undefined;
    freeDisk(stage, name);
    if (machine.process === undefined) cluster.start(name);
  }
  await until(stage, 'all nodes run', () => names.every((name) => isUp(stage, name)));
  await untilWhole(stage);
  for (const name of names) await write(stage, name, 'all is well', name);
  await until(stage, 'all nodes are in the same state', () => {
    const states = names.map((name) => statusOf(stage, name));
    return new Set(states.map((it) => `${it.appliedIndex} ${it.stateHash}`)).size === 1;
  });
}
