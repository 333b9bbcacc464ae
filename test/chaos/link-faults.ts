/**
 * Faults of the network: cuts of a node and of a pair, both ways and one way, a bridge, delay, slowness,
 * broken and refused connections, and a link that comes and goes. The caller heals the links.
 */
import { pause } from '../waiting.ts';
import { type Fault, leaderOrAny, type Missed, type Stage } from './fault.ts';

/** A message then takes longer than a heartbeat's interval, and less than an election timeout. */
const DELAY_MS_MAX = 200;
const JITTER_MS_MAX = 150;
const SLOW_BYTES_PER_SECOND_MIN = 4_000;
const SLOW_BYTES_PER_SECOND_MAX = 60_000;
const FLAP_MS_MIN = 50;
const FLAP_MS_MAX = 700;
const RESET_MS_MAX = 150;

export const LINK_FAULTS: readonly Fault[] = [
  { kind: 'cut', about: 'a node is cut off from all others', isQuick: true, run: cut },
  { kind: 'cut-one-way', about: 'a node is heard or hears, not both', isQuick: true, run: oneWay },
  { kind: 'cut-pair', about: 'two nodes do not reach each other, all else works', run: cutPair },
  { kind: 'split', about: 'two halves, with at most one node between them', run: split },
  { kind: 'delay', about: 'every message is late, by chance', isQuick: true, run: delay },
  { kind: 'slow', about: 'a node sends a few KB a second', run: slow },
  { kind: 'reset', about: 'connections break in the middle of frames', isQuick: true, run: reset },
  { kind: 'refuse', about: 'a node takes no connections of peers', run: refuse },
  { kind: 'flap', about: 'a node is cut off and back, many times', run: flap },
];

async function cut(stage: Stage): Promise<string> {
  const node = await leaderOrAny(stage);
  stage.cluster.links.isolate(node);
  await pause(stage.holdMs());
  return node;
}

/** Held is one direction on all links of a node, or on one of them. */
async function oneWay(stage: Stage): Promise<string> {
  const { cluster, seeded } = stage;
  const node = await leaderOrAny(stage);
  const others = cluster.ids.filter((id) => id !== node);
  const struck = seeded.below(2) === 0 ? others : [seeded.pick(others)];
  const isMute = seeded.below(2) === 0;
  for (const other of struck) {
    if (isMute) cluster.links.holdOneWay(node, other);
    else cluster.links.holdOneWay(other, node);
  }
  await pause(stage.holdMs());
  return isMute ? `${node} > ${struck.join(' ')}` : `${struck.join(' ')} > ${node}`;
}

async function cutPair(stage: Stage): Promise<string> {
  const { cluster, seeded } = stage;
  const node = await leaderOrAny(stage);
  const other = seeded.pick(cluster.ids.filter((id) => id !== node));
  cluster.links.cut(node, other);
  await pause(stage.holdMs());
  return `${node} | ${other}`;
}

/** With an odd number the one in the middle may see both halves, or belong to one of them. */
async function split(stage: Stage): Promise<string> {
  const { cluster, seeded } = stage;
  const order = seeded.shuffled(cluster.ids);
  const size = Math.floor(order.length / 2);
  const hasBridge = order.length > 3 && seeded.below(2) === 0;
  const left = order.slice(0, size);
  const right = order.slice(hasBridge ? size + 1 : size);
  for (const a of left) for (const b of right) cluster.links.cut(a, b);
  await pause(stage.holdMs());
  const middle = hasBridge ? ` ${order[size]} ` : ' ';
  return `${left.join(' ')} |${middle}| ${right.join(' ')}`;
}

async function delay(stage: Stage): Promise<string> {
  const { cluster, seeded } = stage;
  const delayMs = seeded.between(10, DELAY_MS_MAX);
  const jitterMs = seeded.between(0, JITTER_MS_MAX);
  for (const a of cluster.ids) {
    for (const b of cluster.ids) if (a !== b) cluster.links.shape(a, b, { delayMs, jitterMs });
  }
  await pause(stage.holdMs());
  return `${delayMs} to ${delayMs + jitterMs} ms everywhere`;
}

async function slow(stage: Stage): Promise<string> {
  const { cluster, seeded } = stage;
  const node = await leaderOrAny(stage);
  const bytesPerSecond = seeded.between(SLOW_BYTES_PER_SECOND_MIN, SLOW_BYTES_PER_SECOND_MAX);
  for (const other of cluster.ids) {
    if (other !== node) cluster.links.shape(node, other, { bytesPerSecond });
  }
  await pause(stage.holdMs());
  return `${node} sends ${bytesPerSecond} bytes/s`;
}

async function reset(stage: Stage): Promise<string | Missed> {
  const { cluster, seeded } = stage;
  const end = performance.now() + stage.holdMs();
  let broken = 0;
  while (performance.now() < end) {
    const [a = '', b = ''] = seeded.shuffled(cluster.ids);
    broken += cluster.links.reset(a, b);
    await pause(seeded.between(5, RESET_MS_MAX));
  }
  return broken === 0 ? { missed: 'there were no connections' } : `${broken} connections`;
}

async function refuse(stage: Stage): Promise<string> {
  const node = await leaderOrAny(stage);
  await stage.cluster.links.refuse(node);
  await pause(stage.holdMs());
  return node;
}

async function flap(stage: Stage): Promise<string> {
  const { cluster, seeded } = stage;
  const node = await leaderOrAny(stage);
  const end = performance.now() + stage.holdMs();
  let times = 0;
  for (; performance.now() < end; times++) {
    cluster.links.isolate(node);
    await pause(seeded.between(FLAP_MS_MIN, FLAP_MS_MAX));
    await cluster.links.heal();
    await pause(seeded.between(FLAP_MS_MIN, FLAP_MS_MAX));
  }
  return `${node}, ${times} times`;
}
