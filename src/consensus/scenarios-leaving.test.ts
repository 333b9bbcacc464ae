/**
 * Members that leave, and members that missed who came (N-5, N-6, N-31), on simulated machines whose power
 * fails at the worst moment. The rule: a removed member stays until the others can do without it, whatever
 * they forget; and a leader is followed by those who do not know it yet.
 *
 * Before that rule held, a removal that the leader had not written down as committed left it waiting for the
 * vote of a node that refused to run, for ever.
 */
import { expect, it } from 'vitest';

import { beginRead, ended } from '../../sim/nasty/asks.ts';
import { cutAndRestart, isGone, removeUnwritten } from '../../sim/nasty/forgotten-removal.ts';
import { endOf, membersOf } from '../../sim/nasty/members.ts';
import {
  allIsWell,
  freeDisk,
  isUp,
  lead,
  restart,
  statusOf,
  until,
  untilLeads,
  write,
} from '../../sim/nasty/moves.ts';
import type { NastyScenario } from '../../sim/nasty/scenario.ts';
import { play } from '../../sim/nasty/stage.ts';

const LOOK_MS = 2_000;
const SEEDS = [1, 2, 3];

async function plays(title: string, size: number, run: NastyScenario['run']): Promise<void> {
  for (const seed of SEEDS) {
    const { violation, troubles } = await play({ number: 5, title, size, run }, seed);
    expect(violation, `seed ${seed}`).toBeUndefined();
    expect(troubles).not.toEqual([]);
  }
}

it('N-5 a removal that the power took from the only one left is made good with the one that left', () =>
  plays('two voters, one is removed', 2, async (stage) => {
    await lead(stage, 'n1');
    await write(stage, 'n1', 'before', 'it');
    const removal = await removeUnwritten(stage, 'n2', ['n1']);
    stage.expect(isGone(stage, 'n1', 'n2'), 'n1 has applied it too');
    await stage.cluster.run(LOOK_MS);
    stage.expect(!removal.isSettled, 'nobody was told that n2 may be switched off');
    await cutAndRestart(stage, ['n1']);
    stage.expect(membersOf(stage, 'n1') === 'n1 n2', 'n1 has forgotten that it is alone');
    stage.trouble('n1 needs the vote of n2, which was removed');
    await untilLeads(stage, 'n1', 20_000);
    await until(stage, 'n2 is told', () => endOf(stage, 'n2') === 'MEMBER_REMOVED');
    stage.expect(membersOf(stage, 'n1') === 'n1', 'n1 is alone');
    await allIsWell(stage, ['n2']);
  }));

it('N-5 a member that leaves goes on leaving when it is started again', () =>
  plays('four voters, one is down and one is removed', 4, async (stage) => {
    const { cluster } = stage;
    await lead(stage, 'n1');
    cluster.kill('n3');
    await removeUnwritten(stage, 'n4', ['n1', 'n2']);
    // In good order, or it would have forgotten it as well.
    await cluster.settled(cluster.stop('n4'));
    await restart(stage, 'n4');
    await until(stage, 'n4 knows again', () => isGone(stage, 'n4', 'n4'));
    stage.expect(statusOf(stage, 'n4').leaving, 'n4 says that it leaves');
    stage.expect(!statusOf(stage, 'n1').leaving, 'n1 does not');
    const call = beginRead(stage, 'n4', 'x');
    await ended(stage, 'a read on n4', call);
    stage.expect(call.code === 'NODE_FAILED', `n4 takes no calls: ${call.error}`);
    const local = cluster.ask('n4', ({ engine }) => engine.readBarrier({ consistency: 'local' }));
    const refusal = await cluster.settled(local.catch((error: unknown) => String(error)));
    stage.expect(/n4 was removed/.test(String(refusal)), `nor local ones: ${refusal}`);
    for (const name of ['n1', 'n2']) cluster.cutPower(name);
    await cluster.run(LOOK_MS);
    stage.expect(isUp(stage, 'n4'), 'n4 stays: it is not known that the others can do without it');
    for (const name of ['n1', 'n2']) {
      freeDisk(stage, name);
      await restart(stage, name);
    }
    const believed = ['n1', 'n2'].map((name) => membersOf(stage, name));
    stage.expect(
      believed.every((it) => it === 'n1 n2 n3 n4'),
      `they believe in ${believed}`,
    );
    stage.trouble('three of four are needed, one is down and one has left');
    await until(stage, 'n1 or n2 leads', () => {
      return ['n1', 'n2'].some((name) => statusOf(stage, name).role === 'leader');
    });
    await until(stage, 'n4 is told', () => endOf(stage, 'n4') === 'MEMBER_REMOVED');
    await write(stage, 'n1', 'without', 'n3 and n4');
    cluster.start('n4');
    await until(stage, 'n4 does not come back', () => endOf(stage, 'n4') === 'MEMBER_REMOVED');
    await allIsWell(stage, ['n4']);
  }));

it('N-31 a member that was away follows a leader whose coming it has missed', () =>
  plays('n3 is away while n4 comes, and leads', 3, async (stage) => {
    const { cluster } = stage;
    await lead(stage, 'n1');
    cluster.kill('n3');
    const machine = cluster.addMachine('n4');
    machine.join = await cluster.settled(
      cluster.ask('n1', ({ engine }) => engine.addNode('n4', machine.address)),
    );
    cluster.start('n4');
    await until(stage, 'n4 votes', () => membersOf(stage, 'n1') === 'n1 n2 n3 n4');
    await lead(stage, 'n4');
    await write(stage, 'n1', 'while n3', 'is away');
    const { term, appliedIndex } = statusOf(stage, 'n4');
    await restart(stage, 'n3');
    stage.expect(membersOf(stage, 'n3') === 'n1 n2 n3', 'n3 does not know n4');
    stage.trouble('n3 is to follow somebody whom it does not know');
    await until(
      stage,
      'n3 has all',
      () => statusOf(stage, 'n3').appliedIndex >= appliedIndex,
      20_000,
    );
    stage.expect(statusOf(stage, 'n4').role === 'leader', 'n4 leads on');
    stage.expect(statusOf(stage, 'n4').term === term, 'in its term');
    stage.expect(membersOf(stage, 'n3') === 'n1 n2 n3 n4', 'n3 knows it now');
    await allIsWell(stage);
  }));
