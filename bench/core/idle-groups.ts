/**
 * A thousand groups that have nothing to do, in one process: what each occupies, and what a tick of all costs.
 * All three members of each group are here; a process of a real cluster holds one of them.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { BenchmarkContext } from '../benchmark.ts';
import type { Section } from '../report/findings.ts';
import { CoreGroup } from './core-group.ts';

const GROUPS = 1_000;
const GROUPS_OF_TRIAL = 10;
const MEMBERS = 3;
/** So that the compiler has seen all of it. */
const WARM_TICKS = 50;
const TICKS_MEASURED = 100;

export function idleGroups({ rounds, isTrial }: BenchmarkContext): Section {
  const count = isTrial ? GROUPS_OF_TRIAL : GROUPS;
  const before = heapBytes();
  const groups = Array.from({ length: count }, () => new CoreGroup({ marshals: false }));
  const bytes = (heapBytes() - before) / count / MEMBERS;
  const ticks = isTrial ? 1 : TICKS_MEASURED;
  const tickAll = (): void => {
    for (const group of groups) group.tick();
  };
  for (let tick = 0; tick < WARM_TICKS; tick++) tickAll();
  const microseconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const cpu = process.cpuUsage();
    for (let tick = 0; tick < ticks; tick++) tickAll();
    const { user, system } = process.cpuUsage(cpu);
    microseconds.push((user + system) / ticks / count / MEMBERS);
  }
  return {
    title: `${count} idle groups of three cores in one process`,
    series: [
      { name: 'heap of one core', unit: 'B', rounds: [bytes] },
      {
        name: 'CPU of one tick of one core, heartbeats included',
        unit: 'µs',
        rounds: microseconds,
      },
    ],
    findings: [],
    notes: [],
  };
}

/** What is alive, not what lies about. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
