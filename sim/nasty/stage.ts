/**
 * Sets the stage for one nasty scenario, lets it play, and says how it went.
 */
import { Violation } from '../checkers/checker.ts';
import { SimCluster } from '../cluster/sim-cluster.ts';
import { type FoundViolation, Watch } from '../run/watch.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

export interface Played {
  readonly scenario: NastyScenario;
  readonly seed: number;
  /** What came about, in order. */
  readonly troubles: readonly string[];
  readonly violation: FoundViolation | undefined;
  readonly simulatedMs: number;
}

/** Until the cluster has its first leader. */
const FOUNDED_WITHIN_MS = 30_000;

export async function play(
  scenario: NastyScenario,
  seed: number,
  onLine?: (line: string) => void,
): Promise<Played> {
  const name = `N-${scenario.number}`;
  const cluster = new SimCluster({
    seed,
    size: scenario.size ?? 3,
    ...(onLine === undefined ? {} : { onLine }),
    ...scenario.cluster,
  });
  const watch = new Watch(cluster);
  const troubles: string[] = [];
  const stage: NastyStage = {
    cluster,
    random: cluster.random.stream('script'),
    get isOver(): boolean {
      return watch.violation !== undefined;
    },
    trouble: (what) => {
      troubles.push(what);
      cluster.say('****', what);
    },
    expect: (isSo, what) => {
      if (!isSo) throw new Violation(name, what);
    },
  };
  try {
    cluster.startAll();
    const isFounded = await cluster.until(
      () => cluster.agreedLeader !== undefined,
      FOUNDED_WITHIN_MS,
    );
    stage.expect(isFounded, 'the cluster has no first leader');
    await scenario.run(stage);
    stage.expect(troubles.length > 0, 'the trouble never came: the script has shown nothing');
    watch.atEnd();
  } catch (error) {
    watch.found(error);
  }
  await watch.close();
  const { violation } = watch;
  return { scenario, seed, troubles, violation, simulatedMs: cluster.nowMs };
}
