/**
 * Goal: to kill a node that does not run excuses nothing that happens to it later. Method: the books of the
 * cluster, over a process that is only said to be one and ends when it is told to.
 */
import { expect, it } from 'vitest';

import type { Exit } from '../acceptance/daemon-process.ts';
import { ChaosCluster } from './chaos-cluster.ts';

it('expects the end only of those that run when they are killed', async () => {
  const options = { nodes: 1, chance: () => 0, wantsSmallDisk: false };
  const chaos = await ChaosCluster.make(options);
  const ends: ((exit: Exit) => void)[] = [];
  let isOver = true;
  const exit = new Promise<Exit>((resolve) => ends.push(resolve));
  const end = (): void => {
    isOver = true;
    for (const tell of ends) tell({ code: null, signal: 'SIGKILL' });
  };
  const process = {
    exit,
    stderr: 'Killed',
    get isOver() {
      return isOver;
    },
    kill: end,
    ended: () => exit,
  };
  Object.assign(chaos.cluster, { start: () => process, process: () => process });
  try {
    expect(await chaos.kill('n1')).toEqual([]);
    isOver = false;
    await chaos.start('n1');
    end();
    await exit;
    expect(chaos.findings.join()).toContain('n1 ended with SIGKILL (it was not to end)');
  } finally {
    await chaos.close(false);
  }
});
