/**
 * N-11, figure 8 of the paper: an entry of an old term reaches a majority under a later leader, and is
 * overwritten all the same, because its leader dies before it has got anything of its own term committed.
 *
 * The rule: a leader commits by counting copies only what is of its own term; what lies before comes with
 * it. Here n1 leads for the second time, knows that four of five have its old entry on their disks, and has
 * nothing of its own term anywhere but with itself. Messages carry one entry each, so that the script can
 * let the old one pass and stop the new one.
 */
import { type LogIndex, type Message, MessageType, type Term } from '../../src/raft/index.ts';
import { letters } from './mail.ts';
import {
  allIsWell,
  beginWrite,
  matchOf,
  read,
  restart,
  statusOf,
  until,
  untilLeads,
  write,
} from './moves.ts';
import { prepare } from './prepared.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const { App } = MessageType;

/** Machines that have an entry of that term there in their storage. */
function holdersOf(stage: NastyStage, index: LogIndex, term: () => Term): Set<string> {
  const holders = new Set<string>();
  stage.cluster.listen((event) => {
    if (event.kind !== 'durable') return;
    const has = event.batch.entries.some((it) => it.index === index && it.term === term());
    if (has) holders.add(event.node);
  });
  return holders;
}

export const FIGURE_EIGHT: NastyScenario = {
  number: 11,
  title: 'Figure 8: an old entry on a majority is not committed by counting, and is overwritten',
  size: 5,
  cluster: { tuning: { maxBytesPerMessage: 1 } },
  async run(stage) {
    const { cluster } = stage;
    const { mail, lastIndex, term: firstTerm } = await prepare(stage, 'n1');
    const place = lastIndex + 1;
    const holders = holdersOf(stage, place, () => firstTerm);

    /** What the dead had sent already arrives; the script wants none of it. */
    const afterDeathOf = (name: string): void => {
      cluster.kill(name);
      mail.clear();
      mail.drop(undefined, letters(App, name));
    };

    // (a) n1 leads, and only n2 gets its entry.
    for (const name of ['n3', 'n4', 'n5']) mail.drop(name, letters(App));
    mail.drop('n1', (it) => it.type === MessageType.AppResp && it.index >= place);
    const old = beginWrite(stage, 'n1', 'figure 8', 'old');
    await until(stage, 'n1 and n2 have the old entry', () => holders.size === 2);

    // (b) n1 dies; n5 is elected by those that do not have it, and puts its own there.
    afterDeathOf('n1');
    mail.onlyCandidate('n5');
    mail.drop(undefined, letters(App, 'n5'));
    await untilLeads(stage, 'n5');
    await until(stage, 'n5 has another entry there', () => {
      return statusOf(stage, 'n5').durableIndex >= place;
    });

    // (c) n5 dies; n1 leads again and spreads its old entry, and nothing newer.
    afterDeathOf('n5');
    mail.onlyCandidate('n1');
    mail.drop('n2', letters(App));
    const isNewer = (it: Message): boolean => it.type === App && it.index >= place;
    for (const name of ['n3', 'n4']) {
      mail.drop(name, (it, to) => isNewer(it) && holders.has(to));
    }
    await restart(stage, 'n1');
    await untilLeads(stage, 'n1');
    const isKnown = (): boolean =>
      ['n3', 'n4'].every((name) => matchOf(stage, 'n1', name) >= place);
    await until(stage, 'n1 knows the old entry on n3 and n4', isKnown);
    const { term } = statusOf(stage, 'n1');
    stage.expect(term > firstTerm && holders.size === 4, 'n1 leads a later term; four have it');
    await cluster.run(500);
    stage.trouble(`entry ${place} of term ${firstTerm} is on four of five disks in term ${term}`);
    const { commitIndex } = statusOf(stage, 'n1');
    stage.expect(commitIndex < place, `n1 does not call it committed; it says ${commitIndex}`);

    // (d) n1 dies again; n5 overwrites what a majority had.
    afterDeathOf('n1');
    const others = mail.onlyCandidate('n5');
    await restart(stage, 'n5');
    await untilLeads(stage, 'n5');
    others.end();
    await write(stage, 'n5', 'after', 'done');
    stage.expect((await read(stage, 'n5', 'figure 8')) === undefined, 'the old entry is gone');
    stage.expect(!old.isAnswered, 'nobody was told that it was written');
    await allIsWell(stage);
    const found = await read(stage, 'n1', 'figure 8');
    stage.expect(found === undefined, `n1 is back, and its old entry is cut off, not ${found}`);
  },
};
