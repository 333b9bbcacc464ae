/**
 * N-23 and N-24. Somebody else leads, and the old leader does not know: it is cut off with a minority of
 * its followers (N-23), or its process stood still for several election timeouts and goes on (N-24). A read
 * that rests on its belief, on its ticks or on a clock gives what was overwritten elsewhere.
 *
 * Here a read needs the word of a majority that was asked after it; leases are not offered at all. In N-23
 * the check of the quorum is off, so that the old leader never finds out by itself. In N-24 the wall clock
 * jumps back while the process stands still, and the read is the first thing that it hears.
 */
import { begin, beginRead, ended } from './asks.ts';
import {
  allIsWell,
  isolate,
  lead,
  processOf,
  read,
  rejoin,
  textOf,
  until,
  untilOneLeads,
  untilWhole,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

async function cutOff(stage: NastyStage): Promise<void> {
  const { network } = stage.cluster;
  await lead(stage, 'n1');
  await write(stage, 'n2', 'x', 'old');
  network.partition([
    ['n1', 'n2'],
    ['n3', 'n4', 'n5'],
  ]);
  const next = await untilOneLeads(stage, ['n3', 'n4', 'n5']);
  await write(stage, next, 'x', 'new');
  const isDeluded = (): boolean => {
    const [leader, follower] = ['n1', 'n2'].map((name) => processOf(stage, name).engine);
    return leader?.isLeader === true && follower?.leader?.nodeId === 'n1';
  };
  stage.expect(isDeluded(), 'n1 believes that it leads, and n2 believes it, too');
  const local = beginRead(stage, 'n1', 'x', { consistency: 'local' });
  await ended(stage, 'a local read', local);
  stage.expect(local.value === 'old', 'what n1 has in memory is out of date');
  stage.trouble(`n1 leads by its own account, and ${next} has taken another value`);

  const reads = ['n1', 'n2'].map((name) => beginRead(stage, name, 'x', { timeoutMs: 3_000 }));
  for (const asked of reads) await ended(stage, 'a read', asked);
  stage.expect(isDeluded(), 'n1 has not found out meanwhile');
  for (const { error, value, code } of reads) {
    stage.expect(error !== undefined, `no read is answered there; one gave ${value}`);
    stage.expect(code === 'NO_QUORUM' || code === 'NO_LEADER', `it says why, with ${code}`);
  }
  network.healAll();
  const seen = await read(stage, 'n1', 'x');
  stage.expect(seen === 'new', `together again n1 reads the new value, not ${seen}`);
  await allIsWell(stage);
}

export const DEPOSED: NastyScenario = {
  number: 23,
  title: 'a leader that was deposed and does not know: it answers no read',
  size: 5,
  cluster: { tuning: { checkQuorum: false } },
  run: cutOff,
};

// ---- N-24 -----------------------------------------------------------------------------------------

/** Several election timeouts. */
const PAUSE_MS = 8_000;

/**
 * `isCutOff`: nothing of what happened meanwhile reaches it before the read does. The value is written
 * while it stands still; the read waits in its socket.
 */
async function standStill(
  stage: NastyStage,
  values: readonly [string, string],
  isCutOff: boolean,
): Promise<void> {
  const { cluster } = stage;
  const [old, fresh] = values;
  await lead(stage, 'n1');
  await write(stage, 'n2', 'x', old);
  const { loop, engine } = processOf(stage, 'n1');
  const { term } = engine.status();
  cluster.pause('n1', PAUSE_MS);
  if (isCutOff) isolate(stage, 'n1');
  const next = await untilOneLeads(stage, ['n2', 'n3'], PAUSE_MS - 1_000);
  await write(stage, next, 'x', fresh);
  cluster.skewWallClock('n1', -3_600_000);
  let belief = '';
  const asked = begin(stage, 'n1', (process) => {
    const status = engine.status();
    belief = `${engine.isLeader ? 'leads' : 'does not lead'} term ${status.term}`;
    return textOf(process, 'x');
  });
  stage.expect(loop.isBlocked, 'n1 stands still while another one leads and takes a write');
  await until(stage, 'the read reaches n1', () => belief !== '');
  if (isCutOff) stage.expect(belief === `leads term ${term}`, `n1 ${belief}, as it believes`);
  stage.trouble(`n1 goes on and is asked at once; it ${belief}`);
  await cluster.run(500);
  stage.expect(asked.value !== old, 'a read after a pause never gives what was overwritten');
  rejoin(stage, 'n1');
  await ended(stage, 'the read', asked);
  const came = asked.error === undefined ? asked.value : asked.code;
  const isRight = asked.value === fresh || asked.error !== undefined;
  stage.expect(isRight, `the read gives the new value or an error, not ${came}`);
  await untilWhole(stage);
  cluster.skewWallClock('n1', 0);
}

async function paused(stage: NastyStage): Promise<void> {
  await standStill(stage, ['old', 'new'], false);
  await standStill(stage, ['new', 'newer'], true);
  await allIsWell(stage);
}

export const STOOD_STILL: NastyScenario = {
  number: 24,
  title: 'a leader that stood still and goes on: no stale read, whatever it believes',
  run: paused,
};
