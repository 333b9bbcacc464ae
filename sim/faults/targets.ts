/**
 * Whom a fault befalls: decided at the moment itself, by role where that is nastier. Whoever is meant
 * may not be there (no leader is known, nobody else runs); then the next best one is taken.
 */
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimMachine } from '../cluster/sim-machine.ts';
import type { Scene } from './kind.ts';

/** The leader; where several claim to lead, the one of the highest term. */
export function leaderOf(cluster: SimCluster): string | undefined {
  let leader: { readonly node: string; readonly term: number } | undefined;
  for (const { node, engine, isStarted } of cluster.processes) {
    if (!isStarted || !engine.isLeader) continue;
    const { term } = engine.status();
    if (leader === undefined || term > leader.term) leader = { node, term };
  }
  return leader?.node;
}

/** Machines of the cluster, whether anything runs on them or not. */
export function present({ cluster, operators }: Scene): SimMachine[] {
  return [...cluster.machines.values()].filter(({ name }) => !operators.left.has(name));
}

export function running(scene: Scene): SimMachine[] {
  return present(scene).filter(({ process }) => process !== undefined);
}

/** `leader`, `follower` or `any`, of `among`. `undefined`: there is none. */
export function target(
  scene: Scene,
  who: string | number | undefined,
  among: readonly SimMachine[] = running(scene),
): SimMachine | undefined {
  if (among.length === 0) return undefined;
  const leader = leaderOf(scene.cluster);
  if (who === 'leader') {
    const found = among.find(({ name }) => name === leader);
    if (found !== undefined) return found;
  }
  const followers = among.filter(({ name }) => name !== leader);
  if (who === 'follower' && followers.length > 0) return scene.random.pick(followers);
  return scene.random.pick(among);
}

/** `minority`, `majority` or `all` of the machines, in a random order. */
export function several(
  scene: Scene,
  share: string | number | undefined,
  among: readonly SimMachine[] = running(scene),
): SimMachine[] {
  const count = present(scene).length;
  const shuffled = scene.random.shuffled(among);
  if (share === 'all') return shuffled;
  const minority = Math.max(1, Math.floor((count - 1) / 2));
  return shuffled.slice(0, share === 'majority' ? Math.floor(count / 2) + 1 : minority);
}
