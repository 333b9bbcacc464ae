/**
 * N-13: an append that was delayed, a true part of the log as it is by now, arrives late. Nothing may be cut
 * off behind it: what stands there may have been acknowledged, and committed, meanwhile.
 *
 * A log is cut only from the first entry that really conflicts, and never at or below the commit. At the end
 * the leader dies, and the node that got the late append is the only one left that has the entries.
 */
import { MessageType } from '../../src/raft/index.ts';
import { letters } from './mail.ts';
import { allIsWell, read, statusOf, until, untilLeads, writeOneByOne } from './moves.ts';
import { prepare } from './prepared.ts';
import type { NastyScenario } from './scenario.ts';

const { App, AppResp } = MessageType;

export const LATE_APPEND: NastyScenario = {
  number: 13,
  title: 'An append that comes late cuts nothing off, committed or not',
  async run(stage) {
    const { cluster } = stage;
    const { mail, witness, lastIndex } = await prepare(stage, 'n1');
    mail.drop('n2', letters(App, 'n1'));
    const appends = mail.copy(
      'n3',
      letters(App, 'n1', (it) => it.entries.length > 0),
    );
    const answers = mail.hold('n1', letters(AppResp, 'n3'));
    const writes = await writeOneByOne(stage, 'n1', ['first', 'second', 'third']);
    const end = lastIndex + 3;
    await until(stage, 'n3 has three more', () => statusOf(stage, 'n3').durableIndex === end);
    const first = appends.messages[0];
    stage.expect(
      first?.index === lastIndex && first.entries.length === 1,
      'the first append carried the first entry alone',
    );
    const again = async (at: number, what: string): Promise<void> => {
      witness.clear();
      stage.trouble(`append ${at + 1} of 3 comes to n3 once more, ${what}`);
      appends.deliver(at);
      await cluster.run(60);
      const batches = witness.batches('appended', 'n3');
      const isWritten = batches.some(({ entries }) => entries.length > 0);
      stage.expect(!isWritten, 'n3 writes no entry because of it');
      const { lastIndex: last, durableIndex } = statusOf(stage, 'n3');
      stage.expect(last === end && durableIndex === end, `the log of n3 ends at ${last} still`);
    };
    await again(0, 'before anything is committed');
    await again(1, 'before anything is committed');
    answers.release();
    for (const { settled } of writes) await cluster.settled(settled);
    stage.expect(
      writes.every(({ isAnswered }) => isAnswered),
      'n1 and n3 have committed all three',
    );
    await until(stage, 'n3 knows it', () => statusOf(stage, 'n3').commitIndex >= end);
    await again(0, 'and all is committed');
    await again(1, 'and all is committed');

    cluster.kill('n1');
    await untilLeads(stage, 'n3');
    for (const key of ['first', 'second', 'third']) {
      stage.expect((await read(stage, 'n3', key)) === 'done', `${key} is there`);
    }
    await allIsWell(stage);
  },
};
