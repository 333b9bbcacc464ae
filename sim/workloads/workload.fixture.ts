/** Runs a workload on a small cluster for a while, as it is or with something planted in its nodes. */
import { override } from '../../conformance/kit/override.fixture.ts';
import type { StateMachine } from '../../src/consensus/index.ts';
import { Violation } from '../checkers/checker.ts';
import { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimProcess } from '../cluster/sim-process.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import type { Workload, WorkloadRun } from './workload.ts';

export interface TryOptions {
  readonly seed?: number;
  readonly durationMs?: number;
  readonly operations?: number;
  readonly machine?: () => StateMachine;
  /** Changes a process before it starts. */
  readonly plant?: (process: SimProcess) => void;
  /** Called when the workload has started, to let things happen. */
  readonly meanwhile?: (cluster: SimCluster) => void;
}

export interface Tried {
  readonly cluster: SimCluster;
  readonly run: WorkloadRun;
  readonly planned: number;
}

/** To its end, with the check. @throws Violation. */
export async function tryWorkload(workload: Workload, options: TryOptions = {}): Promise<Tried> {
  const { seed = 1, durationMs = 10_000, operations = 100, machine, plant } = options;
  const tuning = workload.tuning ?? {};
  const cluster = new SimCluster({ seed, size: 3, tuning, ...(machine && { machine }) });
  const random = new SeededRandom(seed, 'plan');
  const planned = workload.plan({ random, durationMs, operations });
  const run = workload.begin(cluster, planned);
  for (const name of cluster.founders) {
    const process = cluster.start(name);
    plant?.(process);
  }
  run.start();
  options.meanwhile?.(cluster);
  await cluster.run(durationMs);
  const isOver = await cluster.until(() => run.pending === 0, 60_000);
  if (!isOver) throw new Error(`${run.pending} operations do not end`);
  await run.check();
  return { cluster, run, planned: planned.length };
}

/** What it finds. @throws Error when it finds nothing. */
export async function violationOf(workload: Workload, options: TryOptions): Promise<Violation> {
  try {
    await tryWorkload(workload, { durationMs: 4_000, operations: 200, ...options });
  } catch (error) {
    if (error instanceof Violation) return error;
    throw error;
  }
  throw new Error(`${workload.name} has found nothing`);
}

/** The api of a process, changed. */
export function plantApi(
  change: (api: NonNullable<SimProcess['api']>) => Partial<NonNullable<SimProcess['api']>>,
): (process: SimProcess) => void {
  return (process) => {
    const { api } = process;
    if (api === undefined) throw new Error('it has no api');
    Object.defineProperty(process, 'api', { value: override(api, change(api)) });
  };
}

/** The engine of a process, changed. */
export function plantEngine(
  change: (engine: SimProcess['engine']) => Partial<SimProcess['engine']>,
): (process: SimProcess) => void {
  return (process) => {
    const { engine } = process;
    const value = override(engine, change(engine));
    Object.defineProperty(process, 'engine', { value });
  };
}
