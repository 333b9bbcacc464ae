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
const MINUTES_MAX = 24 * 60;
const PROOF_CLASHES: readonly string[] = ['--faults', '--minutes'];

/** These take no value. */
const SWITCHES: readonly string[] = ['--quick', '--prove', '--keep'];

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
  const given = readFlags(args);
  if (typeof given === 'string') return given;
  const check = given.get('--check');
  if (check !== undefined && given.size > 1) {
    return `--check ${check} judges that file and does nothing else: ${leaveOut(given, '--check')}`;
  }
  const isQuick = given.has('--quick');
  const isProof = given.has('--prove');
  if (isProof && (given.has('--faults') || given.has('--minutes'))) {
    const others = new Map([...given].filter(([flag]) => PROOF_CLASHES.includes(flag)));
    return `--prove does its own fault, once: ${leaveOut(others)}`;
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
  const refused = (flag: string, rule: string): string =>
    `${flag} ${given.get(flag)}: give ${rule}`;
  if (!(minutes > 0 && minutes <= MINUTES_MAX)) {
    return refused('--minutes', `a number above 0, at most ${MINUTES_MAX} (a day)`);
  }
  if (!NODES.includes(nodes)) return refused('--nodes', `one of ${NODES.join(', ')}`);
  if (!isWhole(clients, 1, CLIENTS_MAX)) {
    return refused('--clients', `a whole number from 1 to ${CLIENTS_MAX}`);
  }
  if (!isWhole(seed, 0, SEED_BOUND - 1)) {
    return refused('--seed', `a whole number from 0 to ${SEED_BOUND - 1}`);
  }
  const faults = chooseFaults(given.get('--faults'), known, isQuick);
  if (typeof faults === 'string') return faults;
  return {
    check,
    minutes,
    nodes,
    clients,
    seed,
    isQuick,
    isProof,
    isKept: given.has('--keep'),
    history: given.get('--history'),
    faults,
    wantsSmallDisk: !isProof && faults.some((fault) => fault.needsSmallDisk === true),
  };
}

/** Switches have an empty value. */
function readFlags(args: readonly string[]): Map<string, string> | string {
  const given = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const flag = args[i] ?? '';
    const value = args[i + 1];
    if (SWITCHES.includes(flag)) given.set(flag, '');
    else if (!FLAGS.includes(flag)) return `${flag} is not known`;
    else if (value === undefined || value.startsWith('--')) return `${flag} needs a value`;
    else {
      given.set(flag, value);
      i++;
    }
  }
  return given;
}

function leaveOut(given: ReadonlyMap<string, string>, but?: string): string {
  const others = [...given].filter(([flag]) => flag !== but);
  const words = others.map(([flag, value]) => (value === '' ? flag : `${flag} ${value}`));
  return `leave out ${words.join(' and ')}`;
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
