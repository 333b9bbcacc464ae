/**
 * What befalls the network: cuts of every shape, bad weather, connections that break in the middle of a
 * frame, and messages that are lost, repeated and out of order (which TCP itself never does: that is done
 * behind it, because Raft must bear it and because a connection that is made anew comes near to it).
 *
 * The shapes of cuts are those that bring down real clusters: a leader that is heard but hears nobody
 * (N-9), two halves with one node that reaches both, a mesh in which some pairs do not reach each other,
 * a link that goes up and down faster than an election takes.
 *
 * Clients are hosts, too (`c1` ...): cut off with a leader they go on asking it, which is how stale reads
 * are found.
 */
import type { Mangling } from '../world/message-mangler.ts';
import type { LinkConditions, LinkState } from '../world/network-weather.ts';
import type { Effect } from './conditions.ts';
import {
  amount,
  anybody,
  type FaultArgs,
  type FaultKind,
  lasting,
  type Scene,
  untilRisen,
  worsen,
} from './kind.ts';
import { present, target } from './targets.ts';

/** Hosts of the clients, as workloads name them. */
const CLIENT_HOSTS: readonly string[] = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8'];

type Link = readonly [from: string, to: string];

function names(scene: Scene): string[] {
  return present(scene).map(({ name }) => name);
}

function both(a: string, b: string): Link[] {
  return [
    [a, b],
    [b, a],
  ];
}

/** All links between one group and another, both ways. */
function between(ones: readonly string[], others: readonly string[]): Link[] {
  return ones.flatMap((one) => others.flatMap((other) => both(one, other)));
}

function everyLink(hosts: readonly string[]): Link[] {
  return hosts.flatMap((from) => hosts.flatMap((to): Link[] => (from === to ? [] : [[from, to]])));
}

/** Links of one node with the others, or of all with all. */
function linksOf(scene: Scene, who: string | number | undefined): Link[] | undefined {
  const hosts = names(scene);
  if (who === 'all') return everyLink(hosts);
  const one = target(scene, who)?.name;
  if (one === undefined) return undefined;
  return between(
    [one],
    hosts.filter((host) => host !== one),
  );
}

function cut(scene: Scene, ms: number, links: readonly Link[]): boolean {
  if (links.length === 0) return false;
  worsen(scene, ms, (world) => {
    for (const [from, to] of links) world.link(from, to).isCut = true;
  });
  return true;
}

/** A third of the clients goes with a group that is cut off. */
function clientsOf(scene: Scene): string[] {
  return CLIENT_HOSTS.filter(() => scene.random.chance(33));
}

function pair(scene: Scene, who: string | number | undefined): Link | undefined {
  const one = target(scene, who)?.name;
  const others = names(scene).filter((name) => name !== one);
  if (one === undefined || others.length === 0) return undefined;
  return [one, scene.random.pick(others)];
}

const CUTS: readonly FaultKind[] = [
  {
    name: 'cut-one-way',
    draw: (random, intensity) => ({
      who: anybody(random),
      way: random.pick(['out', 'in']),
      ms: lasting(random, intensity, 1_500),
    }),
    strike(scene, args) {
      const link = pair(scene, args['who']);
      if (link === undefined) return false;
      const [one, other] = link;
      return cut(scene, amount(args, 'ms'), [args['way'] === 'in' ? [other, one] : [one, other]]);
    },
  },
  {
    name: 'cut-two-way',
    draw: (random, intensity) => ({
      who: anybody(random),
      ms: lasting(random, intensity, 1_500),
    }),
    strike(scene, args) {
      const link = pair(scene, args['who']);
      return link !== undefined && cut(scene, amount(args, 'ms'), both(...link));
    },
  },
  {
    name: 'isolate',
    draw: (random, intensity) => ({
      who: anybody(random),
      // Cut off; hears nobody though it is heard; is heard by nobody though it hears.
      how: random.pick(['wholly', 'wholly', 'deaf', 'mute']),
      ms: lasting(random, intensity, 2_000),
    }),
    strike(scene, args) {
      const one = target(scene, args['who'])?.name;
      if (one === undefined) return false;
      const withIt = clientsOf(scene);
      const far = [...names(scene), ...CLIENT_HOSTS];
      const others = far.filter((host) => host !== one && !withIt.includes(host));
      const links = between([one], others).filter(
        ([from]) => args['how'] === 'wholly' || (args['how'] === 'mute') === (from === one),
      );
      const fromFriends = between(
        withIt,
        names(scene).filter((host) => host !== one),
      );
      return cut(scene, amount(args, 'ms'), [...links, ...fromFriends]);
    },
  },
  {
    name: 'split',
    draw: (random, intensity) => ({
      parts: random.pick([2, 2, 2, 3]),
      ms: lasting(random, intensity, 2_500),
    }),
    strike(scene, args) {
      const groups = inGroups(scene, amount(args, 'parts'));
      const links = groups.flatMap((group, at) =>
        groups.slice(at + 1).flatMap((other) => between(group, other)),
      );
      return cut(scene, amount(args, 'ms'), links);
    },
  },
  {
    name: 'bridge',
    draw: (random, intensity) => ({ ms: lasting(random, intensity, 2_500) }),
    strike(scene, args) {
      const [, ...rest] = scene.random.shuffled(names(scene));
      const half = Math.ceil(rest.length / 2);
      return cut(scene, amount(args, 'ms'), between(rest.slice(0, half), rest.slice(half)));
    },
  },
  {
    name: 'partial-mesh',
    draw: (random, intensity) => ({
      percent: random.between(15, 20 + 15 * intensity.strength),
      ms: lasting(random, intensity, 2_500),
    }),
    strike(scene, args) {
      const links = everyLink(names(scene)).filter(() =>
        scene.random.chance(amount(args, 'percent')),
      );
      return cut(scene, amount(args, 'ms'), links);
    },
  },
  {
    name: 'flapping',
    draw: (random, intensity) => ({
      who: random.pick(['leader', 'leader', 'follower', 'all']),
      upMs: random.between(20, 1_200),
      downMs: random.between(20, 1_200),
      ms: lasting(random, intensity, 3_000),
    }),
    strike(scene, args) {
      const links = linksOf(scene, args['who']);
      if (links === undefined || links.length === 0) return false;
      const [upMs, downMs] = [amount(args, 'upMs'), amount(args, 'downMs')];
      scene.passing.repeat(
        amount(args, 'ms'),
        () => upMs + downMs,
        () => cut(scene, downMs, links),
      );
      return true;
    },
  },
  {
    name: 'cut-clients',
    draw: (random, intensity) => ({
      who: anybody(random),
      // What they ask does not arrive, or what they are answered.
      how: random.pick(['asked', 'answered', 'both']),
      ms: lasting(random, intensity, 2_000),
    }),
    strike(scene, args) {
      const one = target(scene, args['who'])?.name;
      if (one === undefined) return false;
      const links = between([one], CLIENT_HOSTS).filter(
        ([from]) => args['how'] === 'both' || (args['how'] === 'answered') === (from === one),
      );
      return cut(scene, amount(args, 'ms'), links);
    },
  },
];

function inGroups(scene: Scene, parts: number): string[][] {
  const groups: string[][] = Array.from({ length: parts }, () => []);
  const hosts = scene.random.shuffled(names(scene));
  hosts.forEach((host, at) => {
    // Nobody's group is empty; beyond that sizes are as they fall.
    groups[at < parts ? at : scene.random.below(parts)]?.push(host);
  });
  for (const client of CLIENT_HOSTS) scene.random.pick(groups).push(client);
  return groups;
}

const WEATHER: readonly FaultKind[] = [
  {
    name: 'loss',
    draw: (random, intensity) => ({
      who: random.pick(['all', 'all', 'leader', 'follower']),
      percent: random.between(1, 10 * intensity.strength),
      ms: lasting(random, intensity, 4_000),
    }),
    strike: (scene, args) =>
      onLinks(
        scene,
        args,
        (link) => {
          link.lossPercent = Math.max(link.lossPercent, amount(args, 'percent'));
        },
        'losses',
      ),
  },
  {
    name: 'delay',
    draw: (random, intensity) => ({
      who: random.pick(['all', 'leader', 'follower']),
      typicalMs: random.between(1, 40 * intensity.strength),
      maxMs: random.between(50, 700 * intensity.strength),
      ms: lasting(random, intensity, 4_000),
    }),
    strike: (scene, args) =>
      onLinks(scene, args, (link) => {
        link.latencyMs = Math.max(link.latencyMs, amount(args, 'typicalMs'));
        link.latencyMaxMs = Math.max(link.latencyMaxMs, amount(args, 'maxMs'));
      }),
  },
  {
    name: 'slow-link',
    draw: (random, intensity) => ({
      who: random.pick(['leader', 'follower', 'follower', 'all']),
      bytesPerMs: random.between(4, 60),
      ms: lasting(random, intensity, 3_000),
    }),
    strike: (scene, args) =>
      onLinks(scene, args, (link) => {
        const bytesPerMs = amount(args, 'bytesPerMs');
        link.bytesPerMs = Math.min(link.bytesPerMs ?? bytesPerMs, bytesPerMs);
      }),
  },
  {
    name: 'reset',
    draw: (random, intensity) => ({
      who: anybody(random),
      times: random.between(1, 3 * intensity.strength),
      // Small, so that it falls into a frame's head, or as large as a batch.
      bytes: random.pick([1, 7, 20, 100, 1_000, 20_000]),
      everyMs: random.between(20, 800),
    }),
    strike(scene, args) {
      const links = linksOf(scene, args['who']);
      if (links === undefined || links.length === 0) return false;
      const everyMs = amount(args, 'everyMs');
      scene.passing.repeat(
        everyMs * amount(args, 'times'),
        () => everyMs,
        () => {
          const [from, to] = scene.random.pick(links);
          scene.cluster.network.resetAfter(from, to, scene.random.below(amount(args, 'bytes')));
        },
      );
      const resets = sumOf(scene, links, 'resets');
      scene.passing.for(
        everyMs * amount(args, 'times'),
        untilRisen(scene, () => undefined, resets),
      );
      return 'later';
    },
  },
];

/** With `gauge` it has struck only when what links count by that name has risen meanwhile. */
function onLinks(
  scene: Scene,
  args: FaultArgs,
  change: (link: LinkConditions) => void,
  gauge?: keyof LinkState['struck'],
): boolean | 'later' {
  const links = linksOf(scene, args['who']);
  if (links === undefined || links.length === 0) return false;
  const effect: Effect = (world) => {
    for (const [from, to] of links) change(world.link(from, to));
  };
  return worsen(scene, amount(args, 'ms'), effect, gauge && sumOf(scene, links, gauge));
}

function sumOf(
  { cluster }: Scene,
  links: readonly Link[],
  gauge: keyof LinkState['struck'],
): () => number {
  const states = links.map(([from, to]) => cluster.network.link(from, to));
  return () => states.reduce((sum, { struck }) => sum + struck[gauge], 0);
}

const MESSAGES: readonly FaultKind[] = [
  mangling('lost-messages', 'dropped', (random, strength) => ({
    drop: random.between(1, 12 * strength),
  })),
  mangling('repeated-messages', 'duplicated', (random, strength) => ({
    duplicate: random.between(2, 25 * strength),
  })),
  mangling('reordered-messages', 'delayed', (random, strength) => ({
    delay: random.between(2, 25 * strength),
    maxMs: random.between(5, 700 * strength),
  })),
];

function mangling(
  name: string,
  what: Mangling,
  draw: (
    random: Parameters<FaultKind['draw']>[0],
    strength: number,
  ) => Readonly<Record<string, number>>,
): FaultKind {
  return {
    name,
    draw: (random, intensity) => ({
      who: random.pick(['all', 'all', 'leader', 'follower']),
      ...draw(random, intensity.strength),
      ms: lasting(random, intensity, 4_000),
    }),
    strike(scene, args) {
      const one = args['who'] === 'all' ? undefined : target(scene, args['who']);
      const whom = one === undefined ? present(scene) : [one];
      const touched = (): number => whom.reduce((sum, { mangled }) => sum + mangled[what], 0);
      const percent = (of: string): number => Number(args[of] ?? 0);
      const effect: Effect = (world) => {
        for (const machine of whom) {
          const on = world.mangling(machine.name);
          on.dropPercent = Math.max(on.dropPercent, percent('drop'));
          on.duplicatePercent = Math.max(on.duplicatePercent, percent('duplicate'));
          on.delayPercent = Math.max(on.delayPercent, percent('delay'));
          on.delayMaxMs = Math.max(on.delayMaxMs, Number(args['maxMs'] ?? 0));
        }
      };
      const hasStruck = worsen(scene, amount(args, 'ms'), effect, touched);
      return whom.length > 0 && hasStruck;
    },
  };
}

export const NETWORK_FAULTS: readonly FaultKind[] = [...CUTS, ...WEATHER, ...MESSAGES];
