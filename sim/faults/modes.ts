/**
 * The modes: families of faults that are drawn together, so that a run has a character. How many there
 * are, how bad, how long they last and whether they come evenly or in clusters is drawn for each run: some
 * have few faults that hurt, some many that overlap.
 *
 * Data is destroyed in a run only as often as a minority of the founders bears (data-budget.ts holds it
 * at the time itself, when there may be fewer voters; here the plan is kept from asking for more).
 */
import type { SeededRandom } from '../world/seeded-random.ts';
import { isMinority } from './data-budget.ts';
import type { FaultMode, FaultPlanOptions, PlannedFault } from './fault.ts';
import type { FaultKind, Intensity } from './kind.ts';
import { kindOf } from './kinds.ts';

/** Kinds, and how often each is drawn in comparison with the others. */
type Weights = Readonly<Record<string, number>>;

const GENTLE: Weights = {
  transfer: 4,
  restart: 4,
  'rolling-restart': 1,
  'add-learner': 1,
  'wrong-clock': 2,
  reset: 1,
};

const LOSSY: Weights = {
  loss: 4,
  delay: 4,
  'slow-link': 2,
  reset: 4,
  'lost-messages': 3,
  'repeated-messages': 3,
  'reordered-messages': 4,
  flapping: 1,
  transfer: 1,
};

const PARTITIONED: Weights = {
  'cut-one-way': 3,
  'cut-two-way': 3,
  isolate: 5,
  split: 3,
  bridge: 2,
  'partial-mesh': 3,
  flapping: 3,
  'cut-clients': 3,
  'transfer-to-cut-off': 1,
  'leader-hunt': 2,
  reset: 1,
};

const CRASHING: Weights = {
  kill: 4,
  'kill-at-operation': 5,
  'kill-all': 2,
  'crash-loop': 2,
  'kill-then-power-cut': 3,
  'leader-hunt': 2,
  'power-cut': 3,
  'power-cut-several': 2,
  'restart-in-snapshot': 2,
  restart: 1,
  wipe: 1,
};

const DISK_RIDDEN: Weights = {
  'slow-disk': 3,
  'stuck-sync': 3,
  'write-errors': 2,
  'sync-errors': 2,
  'read-errors': 1,
  'name-errors': 1,
  'disk-full': 3,
  'read-only-disk': 1,
  'power-cut': 4,
  'power-cut-several': 2,
  'kill-at-operation': 2,
  'misplaced-sectors': 1,
  'bit-rot': 1,
};

const MEMBERS: Weights = {
  'add-member': 4,
  'add-learner': 2,
  'remove-member': 5,
  'replace-member': 2,
  resize: 2,
  wipe: 1,
  transfer: 2,
  'transfer-to-cut-off': 2,
  'rolling-restart': 1,
  'rolling-retune': 2,
  'restart-in-snapshot': 2,
  isolate: 1,
  kill: 2,
};

const SLOW: Weights = {
  pause: 5,
  'pause-several': 2,
  'slow-loop': 4,
  'wrong-clock': 2,
  'jumping-clocks': 2,
  'slow-disk': 2,
  'stuck-sync': 2,
  'slow-link': 2,
  delay: 2,
};

const WEIGHTS: Readonly<Record<string, Weights>> = {
  calm: GENTLE,
  lossy: LOSSY,
  partitioned: PARTITIONED,
  crashing: CRASHING,
  'disk-ridden': DISK_RIDDEN,
  members: MEMBERS,
  slow: SLOW,
  all: together([GENTLE, LOSSY, PARTITIONED, CRASHING, DISK_RIDDEN, MEMBERS, SLOW]),
};

/** Half of what befalls a network needs two nodes; one that is alone meets these as well. */
const ALONE: Weights = {
  'cut-clients': 4,
  pause: 4,
  'slow-loop': 2,
  'slow-disk': 4,
  restart: 3,
  kill: 3,
  'add-member': 2,
};
/** Of those that it meets many find it down. */
const ALONE_SPARE_PERCENT = 170;

/** Always possible, whoever is there: a clock is set wrong; a machine loses its power, on or off. */
const SPARES: Readonly<Record<string, readonly string[]>> = {
  crashing: ['power-cut'],
  'disk-ridden': ['power-cut'],
  all: ['power-cut', 'wrong-clock'],
};
const SPARES_ELSEWHERE: readonly string[] = ['wrong-clock'];
const SPARE_INTENSITY: Intensity = { strength: 1, longestMs: 1_500 };

/** A run in the mode of this name draws the intensity and the number of its faults no higher than that. */
const STRONGEST = 3;
/** Some can not strike when their time has come: nobody leads, nobody runs. */
const SPARE_PERCENT = 70;
const SHORTEST_LIMIT_MS = 1_500;
const LONGEST_LIMIT_MS = 8_000;
/** Faults that come together come within so many ms. */
const CLUSTERED_MS = 600;
const CLUSTERED_PERCENT = 35;
/** In a storm the next one comes before anybody can have got over the last one. */
const STORM_MS = 250;
const STORM_PAUSE_MS = 2_500;
const STORM_PERCENT = 20;

/** Each kind is as likely as in the mode in which it is likeliest. */
function together(all: readonly Weights[]): Weights {
  const sum: Record<string, number> = {};
  for (const weights of all) {
    for (const [kind, weight] of Object.entries(weights)) {
      sum[kind] = Math.max(sum[kind] ?? 0, weight);
    }
  }
  return sum;
}

function modeOf(name: string, weights: Weights): FaultMode {
  return {
    name,
    plan: (options) => plan(options, name === 'calm', weights),
    spares: (random, times) =>
      times.map((atMs) => {
        const { name: kind, draw } = kindOf(random.pick(SPARES[name] ?? SPARES_ELSEWHERE));
        return { atMs, kind, args: draw(random, SPARE_INTENSITY), isSpare: true };
      }),
  };
}

export const MODES: Readonly<Record<string, FaultMode>> = Object.fromEntries(
  Object.entries(WEIGHTS).map(([name, weights]) => [name, modeOf(name, weights)]),
);

function plan(options: FaultPlanOptions, isCalm: boolean, weights: Weights): PlannedFault[] {
  const { random, nodes, fromMs, untilMs, faults } = options;
  const intensity: Intensity = {
    strength: isCalm ? 1 : random.between(1, STRONGEST),
    longestMs: random.between(SHORTEST_LIMIT_MS, Math.min(LONGEST_LIMIT_MS, untilMs - fromMs)),
  };
  // Strong ones are few, mild ones many; and the other way round, now and then.
  const more = random.pick([0, 0, 1, 2]) * (STRONGEST + 1 - intensity.strength);
  const isAlone = nodes.length === 1;
  const sparePercent = isAlone ? ALONE_SPARE_PERCENT : SPARE_PERCENT;
  const count = Math.ceil((faults * (100 + sparePercent)) / 100) + (isCalm ? 0 : more * 2);
  const met = isAlone && !isCalm ? together([weights, ALONE]) : weights;
  const kinds = drawKinds(random, met, count, nodes.length);
  const times = drawTimes(random, kinds.length, fromMs, untilMs);
  return kinds.map((kind, at) => ({
    atMs: times[at] as number, // as many as kinds
    kind: kind.name,
    args: kind.draw(random, intensity),
  }));
}

function drawKinds(
  random: SeededRandom,
  weights: Weights,
  count: number,
  voters: number,
): FaultKind[] {
  // A run is about some of the kinds of its mode, or about all.
  const favourites = random.chance(40) ? random.shuffled(Object.keys(weights)).slice(0, 4) : [];
  const bag = Object.entries(weights).flatMap(([name, weight]) => {
    const times = favourites.includes(name) ? weight * 5 : weight;
    return Array.from({ length: times }, () => kindOf(name));
  });
  const harmless = bag.filter(({ destroysData }) => destroysData !== true);
  let destroyed = 0;
  return Array.from({ length: count }, () => {
    const kind = random.pick(bag);
    if (kind.destroysData !== true) return kind;
    if (!isMinority(destroyed + 1, voters)) return random.pick(harmless);
    destroyed += 1;
    return kind;
  });
}

/** In order, all different: evenly, by chance, in clusters, or one upon the other in a storm. */
function drawTimes(random: SeededRandom, count: number, fromMs: number, untilMs: number): number[] {
  const lengthMs = untilMs - fromMs;
  const dice = random.below(100);
  const isClustered = dice < CLUSTERED_PERCENT;
  const isStorm = !isClustered && dice < CLUSTERED_PERCENT + STORM_PERCENT;
  const centres = Array.from({ length: Math.ceil(count / 3) }, () => random.below(lengthMs));
  const times = new Set<number>();
  let at = random.below(lengthMs);
  while (times.size < Math.min(count, lengthMs)) {
    if (isStorm) at += random.between(1, random.chance(80) ? STORM_MS : STORM_PAUSE_MS);
    else if (isClustered) at = random.pick(centres) + random.below(CLUSTERED_MS);
    else at = random.below(lengthMs);
    times.add(fromMs + (at % lengthMs));
  }
  return [...times].sort((a, b) => a - b);
}
