/** What `npm run chaos` is asked to do. Everything wrong is said at once, before anything is started. */
import type { Fault } from './fault.ts';

export interface ChaosOptions {
  /** Judges that file and does nothing else. */
  readonly check: string | undefined;
  readonly minutes: number;
  readonly nodes: number;
  readonly clients: number;
  readonly seed: number;
  readonly isQuick: boolean;
  /** The nodes' logs and data stay, also when all is well. */
  readonly isKept: boolean;
  /** Breaks the disks, and fails if nobody is convicted. */
  readonly isProof: boolean;
  /** Where the history is kept. */
  readonly history: string | undefined;
  readonly faults: readonly Fault[];
  /** The disk fault is asked for by name or by default. */
  readonly wantsSmallDisk: boolean;
}

export const USAGE: string = [
  'usage: npm run chaos -- [--minutes N] [--nodes 3|5|7] [--clients N] [--history FILE] [--seed N]',
  '                        [--faults a,b,...] [--quick] [--keep]',
  '       npm run chaos -- --check FILE     judges a history, and does nothing else',
  '       npm run chaos -- --prove          breaks the disks: the judge must notice',
  '       npm run chaos -- --help',
  'What each of them does: docs/guides/chaos.md',
].join('\n');

const MINUTES_DEFAULT = 5;
const QUICK_MINUTES = 0.5;
const NODES: readonly number[] = [3, 5, 7];
const CLIENTS_DEFAULT = 10;
const CLIENTS_MAX = 64;
const SEED_BOUND = 2 ** 32;

const FLAGS: readonly string[] = [
  '--check',
  '--minutes',
  '--nodes',
  '--clients',
  '--seed',
  '--history',
  '--faults',
];

/** A text: what is wrong. `freshSeed` is taken where none is given. */
export function parseOptions(
  args: readonly string[],
  known: readonly Fault[],
  freshSeed: number,
): ChaosOptions | string {
  const given = new Map<string, string>();
  let isQuick = false;
  let isProof = false;
  let isKept = false;
  for (let i = 0; i < args.length; i++) {
    const flag = args[i] ?? '';
    const value = args[i + 1];
    if (flag === '--quick') isQuick = true;
    else if (flag === '--prove') isProof = true;
    else if (flag === '--keep') isKept = true;
    else if (!FLAGS.includes(flag)) return `${flag} is not known`;
    else if (value === undefined || value.startsWith('--')) return `${flag} needs a value`;
    else {
      given.set(flag, value);
      i++;
    }
  }
  const number = (flag: string, usual: number): number => {
    const text = given.get(flag);
    if (text === undefined) return usual;
    return /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  };
  const minutes = number('--minutes', isQuick ? QUICK_MINUTES : MINUTES_DEFAULT);
  const nodes = number('--nodes', 3);
  const clients = number('--clients', CLIENTS_DEFAULT);
  const seed = number('--seed', freshSeed);
  const isWhole = (value: number, low: number, high: number): boolean =>
    Number.isInteger(value) && value >= low && value <= high;
  if (!(minutes > 0 && minutes <= 24 * 60)) return '--minutes: a number above 0, at most a day';
  if (!NODES.includes(nodes)) return `--nodes: one of ${NODES.join(', ')}`;
  if (!isWhole(clients, 1, CLIENTS_MAX)) return `--clients: 1 to ${CLIENTS_MAX}`;
  if (!isWhole(seed, 0, SEED_BOUND - 1)) return `--seed: a whole number below ${SEED_BOUND}`;
  if (isProof && given.has('--faults')) return '--prove does its own fault: leave out --faults';
  const faults = chooseFaults(given.get('--faults'), known, isQuick);
  if (typeof faults === 'string') return faults;
  return {
    check: given.get('--check'),
    minutes,
    nodes,
    clients,
    seed,
    isQuick,
    isProof,
    isKept,
    history: given.get('--history'),
    faults,
    wantsSmallDisk: !isProof && faults.some((fault) => fault.needsSmallDisk === true),
  };
}

function chooseFaults(
  names: string | undefined,
  known: readonly Fault[],
  isQuick: boolean,
): readonly Fault[] | string {
  if (names === undefined) return isQuick ? known.filter((fault) => fault.isQuick === true) : known;
  const chosen: Fault[] = [];
  for (const name of names.split(',')) {
    const fault = known.find(({ kind }) => kind === name.trim());
    if (fault === undefined) {
      const list = known.map(({ kind, about }) => `  ${kind.padEnd(16)} ${about}`).join('\n');
      return `--faults: there is no "${name}". There are:\n${list}`;
    }
    if (!chosen.includes(fault)) chosen.push(fault);
  }
  return chosen;
}

/** What to type for the same run again. */
export function replayLine(options: ChaosOptions): string {
  const { seed, nodes, clients, minutes, isQuick, isProof, faults } = options;
  const size = `--nodes ${nodes} --clients ${clients} --seed ${seed}`;
  const kinds = faults.map(({ kind }) => kind).join(',');
  const what = isProof ? '--prove' : `--minutes ${minutes} --faults ${kinds}`;
  return `npm run chaos -- ${what} ${size}${isQuick ? ' --quick' : ''}`;
}
