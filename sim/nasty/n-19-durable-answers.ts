/**
 * N-19 and N-20: an answer that promises durability waits for the disk, whatever else asks for one.
 *
 * What broke others: a follower had entries in memory and their sync under way; the leader sent them again,
 * or a heartbeat came, and the follower said that it had them. Then the power failed on two nodes. And a
 * cluster of one answered its client before its own disk had answered: there was nobody to wait for.
 */
import { MessageType } from '../../src/raft/index.ts';
import { apiOf, type SimProcess } from '../cluster/sim-process.ts';
import { Asked } from './asked.ts';
import { letters } from './mail.ts';
import {
  allIsWell,
  beginWrite,
  freeDisk,
  holdSyncs,
  read,
  restart,
  statusOf,
  until,
  untilLeads,
  untilWhole,
  utf8,
} from './moves.ts';
import { prepare } from './prepared.ts';
import type { NastyScenario } from './scenario.ts';

const { App, AppResp, Heartbeat } = MessageType;

const FOLLOWERS = ['n2', 'n3'];
const SYNC_MS = 5_000;

export const ACKNOWLEDGED_FROM_MEMORY: NastyScenario = {
  number: 19,
  title: 'Messages that come again make nobody acknowledge what is being synced',
  async run(stage) {
    const { cluster } = stage;
    const { mail, witness, lastIndex } = await prepare(stage, 'n1');
    const place = lastIndex + 1;
    for (const name of FOLLOWERS) holdSyncs(stage, name, SYNC_MS);
    const appends = FOLLOWERS.map((name) =>
      mail.copy(
        name,
        letters(App, 'n1', (it) => it.entries.length > 0),
      ),
    );
    const begun = beginWrite(stage, 'n1', 'in memory', 'done');
    const isWriting = (name: string): boolean =>
      witness
        .batches('appended', name)
        .some(({ entries }) => entries.some(({ index }) => index === place));
    await until(stage, 'both followers write the entry', () => FOLLOWERS.every(isWriting), 500);
    witness.clear();
    for (let times = 0; times < 3; times++) {
      await cluster.run(110);
      for (const pile of appends) pile.deliver(0);
    }
    await cluster.run(20);
    for (const name of FOLLOWERS) {
      const again = witness.received(
        name,
        letters(App, 'n1', (it) => it.index < place),
      );
      const beats = witness.received(name, letters(Heartbeat, 'n1'));
      stage.expect(again.length >= 3 && beats.length >= 2, `${name} is asked again and again`);
      stage.expect(statusOf(stage, name).durableIndex < place, `${name} has it in memory only`);
      const acknowledged = witness.sent(
        name,
        letters(AppResp, name, (it) => it.index >= place),
      );
      stage.expect(
        acknowledged.every(({ reject }) => reject),
        `${name} acknowledges nothing`,
      );
    }
    stage.expect(statusOf(stage, 'n1').durableIndex >= place, 'the leader has it on its disk');
    stage.trouble('both followers are asked again for an entry that they are syncing');
    stage.expect(statusOf(stage, 'n1').commitIndex < place, 'n1 does not call it committed');
    stage.expect(!begun.isAnswered, 'the client has no answer');
    for (const name of FOLLOWERS) {
      cluster.cutPower(name);
      cluster.network.resetAll('n1', name);
    }
    stage.trouble('the power fails on both');
    cluster.kill('n1');
    for (const name of FOLLOWERS) freeDisk(stage, name);
    for (const name of FOLLOWERS) cluster.start(name);
    await untilWhole(stage);
    stage.expect((await read(stage, 'n2', 'before')) === 'done', 'what was acknowledged is there');
    await allIsWell(stage);
  },
};

const ROUNDS = 12;

export const ALONE: NastyScenario = {
  number: 20,
  title: 'A single node answers after its sync: power that fails with the answer loses nothing',
  size: 1,
  async run(stage) {
    const { cluster } = stage;
    for (let round = 0; round < ROUNDS; round++) {
      await untilLeads(stage, 'n1');
      let isAnswered = false;
      const writeAndDie = async (process: SimProcess): Promise<void> => {
        await apiOf(process).write({ kind: 'put', key: utf8(`key ${round}`), value: utf8('done') });
        isAnswered = true;
        cluster.cutPower('n1');
      };
      const asked = new Asked(cluster.ask('n1', writeAndDie, { timeoutMs: 1_000 }));
      await cluster.settled(asked.settled);
      stage.expect(isAnswered && cluster.machine('n1').process === undefined, 'it died answering');
      stage.trouble('the power fails in the moment of the answer');
      await restart(stage, 'n1');
      await untilLeads(stage, 'n1');
      for (let at = 0; at <= round; at++) {
        stage.expect((await read(stage, 'n1', `key ${at}`)) === 'done', `key ${at} is there`);
      }
    }
    holdSyncs(stage, 'n1', 1_000);
    const begun = beginWrite(stage, 'n1', 'not synced', 'perhaps');
    await cluster.run(700);
    stage.trouble('a write is not synced for 700 ms');
    stage.expect(!begun.isAnswered, 'it is not answered');
    cluster.cutPower('n1');
    await allIsWell(stage);
  },
};
