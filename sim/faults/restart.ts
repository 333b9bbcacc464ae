/**
 * A restart in good order: the node is asked to stop, which hands over leadership, and is started again
 * when its process is gone. An operator waits so long and no longer; then the process is killed.
 *
 * It is started again whatever others have in mind for it meanwhile: to take a voter out may need its own
 * vote, and who has emptied it for another member holds it for himself.
 */
import type { SimMachine } from '../cluster/sim-machine.ts';
import type { Scene } from './kind.ts';

/** As a supervisor's own limit: much longer than a stop takes on a machine that is well. */
const STOP_MS_MAX = 20_000;
const START_MS_MAX = 5_000;
const LOOK_MS = 50;

export function isUp({ process }: SimMachine): boolean {
  return process?.isStarted === true && !process.isStopping;
}

/** `change` is made between the two lives. */
export async function gracefully(
  scene: Scene,
  machine: SimMachine,
  downMs: number,
  change: (machine: SimMachine) => void = () => undefined,
): Promise<void> {
  const { cluster, supervisor, operators } = scene;
  const { name } = machine;
  if (operators.wishFor(name) !== undefined) return;
  supervisor.hold(name, 'restart');
  const { process } = machine;
  if (process !== undefined && !process.isStopping) {
    void cluster.stop(name);
    await until(scene, () => machine.process !== process, STOP_MS_MAX);
    if (machine.process === process) {
      cluster.say('****', `operators: ${name} did not stop within ${STOP_MS_MAX} ms`);
      cluster.kill(name);
    }
  }
  change(machine);
  if (!operators.isHealing) await operators.sleep(downMs);
  supervisor.release(name, 'restart');
  if (operators.wishFor(name) !== undefined || operators.left.has(name)) return;
  await until(scene, () => isUp(machine), START_MS_MAX);
}

async function until(
  { operators }: Scene,
  isReached: () => boolean,
  withinMs: number,
): Promise<void> {
  for (let waitedMs = 0; waitedMs < withinMs && !isReached(); waitedMs += LOOK_MS) {
    await operators.sleep(LOOK_MS);
  }
}
