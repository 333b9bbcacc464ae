/**
 * N-18: an entry is being written; before the disk is done it is replaced, and replaced again by one that
 * looks like the first. Then the first write's completion arrives. It says nothing about what stands there
 * now: that is not durable before its own write is.
 *
 * On whole nodes the second replacement can not come about: it takes a leader who sends what lies before the
 * end of its own log, so who was refused by this node first; and a refusal, as every answer to an append,
 * waits for the same disk in the same order. So the cluster shows the first replacement, with the entry
 * committed by others meanwhile, and the core alone the whole of it.
 *
 * Then once more, with an entry that waits behind another write, and what replaces it behind that: both are
 * written at once, and the disk must have the newer one. That shows when the power fails.
 */
import {
  EMPTY_CONF_STATE,
  type Entry,
  MemoryLog,
  type Message,
  MessageType,
  makeEntry,
  makeMessage,
  RawNode,
} from '../../src/raft/index.ts';
import { letters, Mail, Witness } from './mail.ts';
import {
  allIsWell,
  beginWrite,
  freeDisk,
  holdSyncs,
  isolate,
  lead,
  restart,
  statusOf,
  until,
  untilLeads,
  untilLevel,
  utf8,
  write,
} from './moves.ts';
import { prepare } from './prepared.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const { App, AppResp, Heartbeat, StorageAppend, StorageApply } = MessageType;

/** Longer than an election takes. */
const SYNC_MS = 6_000;

export const REPLACED_WHILE_WRITTEN: NastyScenario = {
  number: 18,
  title: 'An entry that was replaced while it was written is not durable by the first write',
  size: 5,
  async run(stage) {
    await replacedOnce(stage);
    await allIsWell(stage);
    await replacedInQueue(stage);
    replacedTwice(stage);
    await allIsWell(stage);
  },
};

type WhichEntry = (entry: Entry) => boolean;

/** Whether n3 was given such an entry to store, or has stored it. */
function hasStored(witness: Witness, step: 'appended' | 'durable', which: WhichEntry): boolean {
  return witness.batches(step, 'n3').some(({ entries }) => entries.some(which));
}

async function replacedOnce(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  const { mail, witness, lastIndex, term: firstTerm } = await prepare(stage, 'n1');
  const place = lastIndex + 1;
  const isFirst: WhichEntry = ({ index, term }) => index === place && term === firstTerm;
  const isSecond: WhichEntry = ({ index, term }) => index === place && term > firstTerm;
  const has = (step: 'appended' | 'durable', which: WhichEntry): boolean =>
    hasStored(witness, step, which);

  holdSyncs(stage, 'n3', SYNC_MS);
  for (const name of ['n2', 'n4', 'n5']) mail.drop(name, letters(App, 'n1'));
  beginWrite(stage, 'n1', 'replaced', 'never seen');
  await until(stage, 'n3 writes the first entry', () => has('appended', isFirst));
  isolate(stage, 'n1');
  mail.onlyCandidate('n2');
  await untilLeads(stage, 'n2');
  await until(stage, 'n3 has another entry there', () => has('appended', isSecond));
  stage.expect(!has('durable', isFirst), 'the first write is not done yet');
  const knows = (): boolean => statusOf(stage, 'n3').commitIndex >= place;
  await until(stage, 'n3 knows that the other one is committed', knows);
  await until(stage, 'the first write is done', () => has('durable', isFirst));
  await cluster.run(500);
  stage.expect(!has('durable', isSecond), 'the second write is not done yet');
  stage.trouble(`entry ${place} was replaced while it was written; the first write is done`);

  const acknowledged = () =>
    witness.sent(
      'n3',
      letters(AppResp, 'n3', (it) => it.term > firstTerm && it.index >= place),
    );
  const applied = witness.events.some(
    (it) => it.kind === 'applied' && it.node === 'n3' && it.index >= place,
  );
  stage.expect(acknowledged().length === 0, 'n3 acknowledges nothing there');
  stage.expect(!applied && statusOf(stage, 'n3').appliedIndex < place, 'n3 applies nothing there');
  freeDisk(stage, 'n3');
  await until(stage, 'the second write is done', () => has('durable', isSecond));
  await until(stage, 'n3 acknowledges', () => acknowledged().length > 0);
  await until(stage, 'n3 applies', () => statusOf(stage, 'n3').appliedIndex >= place);
}

async function replacedInQueue(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  await untilLevel(stage);
  const mail = new Mail(stage);
  const witness = new Witness(stage);
  const { lastIndex, term: firstTerm } = statusOf(stage, 'n1');
  const place = lastIndex + 2;
  const has = (step: 'appended' | 'durable', index: number, isSecond: boolean): boolean =>
    hasStored(witness, step, (it) => it.index === index && it.term > firstTerm === isSecond);

  holdSyncs(stage, 'n3', SYNC_MS);
  await write(stage, 'n1', 'stays', 'everywhere');
  await until(stage, 'n3 writes what stays', () => has('appended', place - 1, false));
  for (const name of ['n2', 'n4', 'n5']) mail.drop(name, letters(App, 'n1'));
  beginWrite(stage, 'n1', 'replaced', 'never seen');
  await until(stage, 'another entry waits behind it', () => has('appended', place, false));
  isolate(stage, 'n1');
  mail.onlyCandidate('n2');
  await untilLeads(stage, 'n2');
  await until(stage, 'n3 has another entry there', () => has('appended', place, true));
  stage.expect(!has('durable', place - 1, false), 'the first write is not done yet');
  stage.trouble(`entry ${place} was replaced while it waited to be written`);
  await until(stage, 'all of it is written', () => has('durable', place, true));
  // Whoever starts again compares what it finds with what was durable.
  cluster.cutPower('n3');
  freeDisk(stage, 'n3');
  await restart(stage, 'n3');
}

/** One core, its disk in the script's hands. Member 1 of three; the entry at 2 is what it is about. */
function replacedTwice(stage: NastyStage): void {
  const log = new MemoryLog();
  const confState = { ...EMPTY_CONF_STATE, voters: [1, 2, 3] };
  log.applySnapshot({ metadata: { confState, index: 1, term: 1 }, data: utf8('') });
  const core = new RawNode({
    id: 1,
    electionTick: 10,
    heartbeatTick: 1,
    storage: log,
    applied: 1,
    asyncStorageWrites: true,
    random: () => 0,
  });
  const entry = (term: number, index: number): Entry => makeEntry(term, index, 0, utf8(`${term}`));
  const append = (term: number, from: number, entries: readonly Entry[]): Message | undefined => {
    core.step(makeMessage({ type: App, to: 1, from, term, index: 1, logTerm: 1, entries }));
    return core.ready().messages.find(({ type }) => type === StorageAppend);
  };
  const writes = [
    append(2, 2, [entry(2, 2)]),
    append(3, 3, [entry(3, 2)]),
    append(4, 2, [entry(2, 2), entry(4, 3)]),
  ];
  stage.expect(
    writes.every((it) => it !== undefined),
    'three writes are under way',
  );
  const finish = (at: number): void => {
    log.append(writes[at]?.entries ?? []);
    for (const response of writes[at]?.responses ?? []) if (response.to === 1) core.step(response);
  };
  const applies = (): boolean =>
    core.hasReady() && core.ready().messages.some(({ type }) => type === StorageApply);

  core.step(makeMessage({ type: Heartbeat, to: 1, from: 2, term: 4, commit: 2 }));
  stage.trouble(
    'on a core: entry 2 was replaced by another one, and by its like, while it was written',
  );
  finish(0);
  stage.expect(!applies(), 'the first write makes nothing durable of what stands there now');
  finish(1);
  stage.expect(!applies(), 'nor does the second');
  finish(2);
  stage.expect(applies(), 'the third does');
}
