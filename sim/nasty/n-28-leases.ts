/**
 * N-28 and N-29. Leases of clients (here: sessions, which end when nobody uses them) and who may end them.
 *
 * N-28: a leader decides that a session is idle and is deposed before that decision is committed; the client
 * uses its session at the new leader; then the old one wakes and its decision reaches the log after all.
 * A decision carries the use that it was made by, and the log drops it where there was a later one. The same
 * where the use stands in the log already and the leader has not applied it.
 *
 * N-29: a client waits for a lock, on a node that is cut off; its session is ended meanwhile. When its
 * request arrives at last the lock is free. It must not be granted: the session is looked up where the
 * request is applied, not where it was made. Tokens (the revision of the grant) grow, and who holds an old
 * one can not touch what the lock guards.
 */
import { CommandKind, decodeEnvelope } from '../../src/consensus/envelope.ts';
import type { RequestId } from '../../src/consensus/index.ts';
import { decodeNumber } from '../../src/consensus/replica.ts';
import { type Entry, EntryType, MessageType } from '../../src/raft/index.ts';
import type { KvResult } from '../../src/state/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import { answered, begin, beginCommand, ended, increment, openSession } from './asks.ts';
import { letters, Mail } from './mail.ts';
import {
  allIsWell,
  freeDisk,
  holdSyncs,
  isolate,
  lead,
  processOf,
  read,
  rejoin,
  statusOf,
  until,
  untilOneLeads,
  utf8,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

/** Short ticks: sessions are looked at every hundred of them. */
const TUNING = { tickIntervalMs: 20, electionTicks: 50, heartbeatTicks: 5, sessionIdleMs: 2_500 };

/** Sessions whose end is proposed in these entries. */
function endings(entries: readonly Entry[]): number[] {
  const normal = entries.filter(({ type, data }) => type === EntryType.Normal && data.length > 0);
  return normal
    .flatMap(({ data }) => decodeEnvelope(data))
    .filter(({ kind }) => kind === CommandKind.ExpireSession)
    .map(({ body }) => decodeNumber(body));
}

/** Calls back at each decision of a leader to end the session, in the moment of its writing it down. */
function onEnding(
  stage: NastyStage,
  session: number,
  told: (by: string, term: number) => void,
): () => void {
  return stage.cluster.listen((event: SimEvent) => {
    if (event.kind !== 'appended') return;
    const { entries } = event.batch;
    const own = entries.filter((entry) => endings([entry]).includes(session));
    const { engine } = processOf(stage, event.node);
    for (const { term } of own) if (engine.isLeader) told(event.node, term);
  });
}

async function unappliedUse(stage: NastyStage, session: number): Promise<void> {
  const mail = new Mail(stage);
  const held = mail.hold('n1', letters(MessageType.AppResp));
  const use = beginCommand(
    stage,
    'n1',
    { kind: 'increment', key: utf8('count'), by: 1n },
    { request: { session, sequence: 2 } },
  );
  let isDecided = false;
  const forget = onEnding(stage, session, (by) => {
    isDecided ||= by === 'n1';
  });
  await until(stage, 'n1 decides that the session is idle', () => isDecided);
  forget();
  stage.expect(!use.isSettled, 'its use is in the log, and not applied');
  stage.trouble('a session is ended, and a use of it stands in the log before its end');
  held.release();
  await answered(stage, 'the use', use);
  const again = await increment(stage, 'n1', 'count', { session, sequence: 2 });
  stage.expect(again === 2n, `the session lives, and knows its results: ${again}`);
}

async function deposedEnds(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  const session = await openSession(stage, 'n1');
  await increment(stage, 'n1', 'count', { session, sequence: 1 });
  await unappliedUse(stage, session);

  let decided: { readonly term: number; readonly atMs: number } | undefined;
  const forget = onEnding(stage, session, (by, term) => {
    if (decided !== undefined || by !== 'n1') return;
    decided = { term, atMs: cluster.nowMs };
    isolate(stage, 'n1');
    holdSyncs(stage, 'n1', 2_500);
  });
  await until(stage, 'n1 decides that the session is idle', () => decided !== undefined);
  forget();
  const next = await untilOneLeads(stage, ['n2', 'n3'], 4_000);
  const renewed = await increment(stage, next, 'count', { session, sequence: 3 });
  stage.expect(renewed === 3n, `${next} takes a use of the session, and counts ${renewed}`);
  const { term } = statusOf(stage, next);
  let isLate = false;
  const stop = onEnding(stage, session, (by, at) => {
    isLate ||= by === next && at === term;
  });
  freeDisk(stage, 'n1');
  rejoin(stage, 'n1');
  // What n1 has decided waits at most as long as any of its proposals.
  await until(stage, `the end decided by n1 reaches the log of ${next}`, () => isLate, 2_000);
  stop();
  stage.trouble(`n1 decided to end the session in term ${decided?.term}; it reached term ${term}`);
  await write(stage, next, 'x', 'behind it');
  const again = await increment(stage, next, 'count', { session, sequence: 3 });
  stage.expect(again === 3n, `the session was used after that decision, and lives: ${again}`);
  const more = await increment(stage, next, 'count', { session, sequence: 4 });
  stage.expect(more === 4n, `and can be used: ${more}`);
  await allIsWell(stage);
}

export const DEPOSED_ENDS: NastyScenario = {
  number: 28,
  title: 'a deposed leader ends a session that was used since: the log drops it',
  cluster: { tuning: TUNING },
  run: deposedEnds,
};

// ---- N-29 -----------------------------------------------------------------------------------------

const LOCK = utf8('lock');

/** Takes the lock if it is free; the token, or undefined when somebody has it. */
async function take(
  stage: NastyStage,
  node: string,
  who: string,
  request: RequestId,
): Promise<number | undefined> {
  const asked = beginTake(stage, node, who, request);
  return tokenOf(await answered(stage, `${who} asks for the lock`, asked));
}

function beginTake(
  stage: NastyStage,
  node: string,
  who: string,
  request: RequestId,
): ReturnType<typeof beginCommand> {
  return beginCommand(
    stage,
    node,
    { kind: 'compareAndSet', key: LOCK, value: utf8(who) },
    { request },
  );
}

function tokenOf(result: KvResult): number | undefined {
  return result.kind === 'compareAndSet' && result.swapped ? result.revision : undefined;
}

/** A write that only the holder of the token may do. */
async function guarded(stage: NastyStage, node: string, token: number): Promise<boolean> {
  const asked = beginCommand(stage, node, {
    kind: 'transaction',
    compare: [{ key: LOCK, target: 'modRevision', operator: 'equal', operand: token }],
    then: [{ kind: 'put', key: utf8('guarded'), value: utf8(String(token)) }],
    else: [],
  });
  const result = await answered(stage, `a write with token ${token}`, asked);
  return result.kind === 'transaction' && result.succeeded;
}

async function lateGrant(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  const holder = await openSession(stage, 'n1');
  const waiter = await openSession(stage, 'n3');
  const first = await take(stage, 'n1', 'holder', { session: holder, sequence: 1 });
  stage.expect(first !== undefined, 'the holder has the lock');
  const isLocked = await take(stage, 'n3', 'waiter', { session: waiter, sequence: 1 });
  stage.expect(isLocked === undefined, 'the waiter does not get it');

  isolate(stage, 'n3');
  const late = beginTake(stage, 'n3', 'waiter', { session: waiter, sequence: 2 });
  let sequence = 2;
  let counted = 0n;
  while (statusOf(stage, 'n1').sessions > 1 && sequence < 40) {
    counted = await increment(stage, 'n1', 'count', { session: holder, sequence: sequence++ });
    await stage.cluster.run(500);
  }
  stage.expect(counted > 0n && statusOf(stage, 'n1').sessions === 1, "the waiter's lease ended");
  const range = { start: LOCK };
  await answered(stage, 'the holder lets go', beginCommand(stage, 'n1', { kind: 'delete', range }));
  stage.expect(!late.isSettled, 'the waiter still waits');
  stage.trouble('the lock is free, and a request for it is on its way whose lease has ended');
  rejoin(stage, 'n3');
  await ended(stage, "the waiter's request", late);
  stage.expect(late.code === 'SESSION_EXPIRED', `the waiter is told: ${late.code ?? 'granted'}`);
  const now = await read(stage, 'n3', 'lock');
  stage.expect(now === undefined, `nobody has the lock, not ${now}`);

  const next = await openSession(stage, 'n3');
  const token = await take(stage, 'n3', 'next', { session: next, sequence: 1 });
  stage.expect(token !== undefined && token > (first ?? 0), `tokens grow: ${first}, then ${token}`);
  stage.expect(
    !(await guarded(stage, 'n1', first ?? 0)),
    'an old token is refused at the resource',
  );
  stage.expect(await guarded(stage, 'n2', token ?? 0), 'the new one is not');
  const closed = begin(stage, 'n2', ({ engine }) => engine.closeSession(next));
  await answered(stage, 'the session is closed', closed);
  await allIsWell(stage);
}

export const LATE_GRANT: NastyScenario = {
  number: 29,
  title: 'a lock is asked for by one whose lease dies on the way: it is not granted',
  cluster: { tuning: TUNING },
  run: lateGrant,
};
