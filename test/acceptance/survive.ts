/**
 * `survive`: nothing that was acknowledged is lost, and nothing is applied twice, while leaders and
 * followers are killed with kill -9 under load, and after all of them are killed at once.
 *
 * Three rounds: on the real disk; on a disk that loses on kill -9 whatever was not synced; and on that
 * disk with syncs taken out, where writes *must* be lost, because a check that can not fail shows nothing.
 */

import { pause, until } from '../waiting.ts';
import { Cluster } from './cluster.ts';
import { Ledger } from './ledger.ts';
import { type Gap, isWithin, longest, MachineWitness, told } from './machine-witness.ts';
import { type RealRecord, realRecords } from './real-records.ts';
import type { Report } from './report.ts';
import { Seeded } from './seeded.ts';
import { SilenceWatch } from './silence-watch.ts';
import { compareWithNode, verify } from './verify.ts';
import { Writers } from './writers.ts';

export interface SurviveOptions {
  readonly seed: number;
  readonly isQuick: boolean;
}

interface Round {
  readonly name: string;
  readonly title: string;
  readonly extra: string;
  readonly records: number;
  /** Of leaders, and as many of followers. */
  readonly kills: number;
}

const GAP_MS_MAX = 3_000;
const UNKNOWN_LEAST = 20;
/** Enough to be sure that some would be lost without syncs. */
const NO_SYNC_RECORDS = 3_000;

export async function survive(report: Report, { seed, isQuick }: SurviveOptions): Promise<void> {
  const wanted = isQuick ? 6_000 : 50_000;
  const { records, source } = realRecords(wanted);
  report.note(`seed ${seed}; ${records.length} real records: ${source}`);
  report.check(records.length >= wanted, `at least ${wanted} real records`, String(records.length));
  const kills = isQuick ? 3 : 10;
  const rounds: Round[] = [
    { name: 'real', title: 'On the disk of this machine', extra: '', records: wanted, kills },
    {
      name: 'power',
      title: 'On a disk that loses with kill -9 what was not synced',
      extra: 'testing: { disk: power-loss }',
      records: wanted,
      kills: isQuick ? 2 : kills,
    },
  ];
  for (const [i, round] of rounds.entries()) {
    report.section(round.title);
    await runRound(report, round, new Seeded(seed + i), records.slice(0, round.records));
  }
  report.section('With syncs taken out: this must lose writes');
  await loseOnPurpose(report, new Seeded(seed + 9), records.slice(0, NO_SYNC_RECORDS));
}

async function runRound(
  report: Report,
  round: Round,
  seeded: Seeded,
  records: readonly RealRecord[],
): Promise<void> {
  const cluster = await Cluster.make({ name: round.name, extra: round.extra });
  try {
    await cluster.startAll();
    const ledger = new Ledger();
    await using witness = await MachineWitness.start();
    const silence = new SilenceWatch(ledger, witness);
    const writers = new Writers(ledger, seeded, records);
    await writers.start(cluster.clientAddresses);
    const gaps = await killOneByOne({ report, cluster, ledger, silence }, seeded, round.kills);
    report.note(`all kills done; ${writers.recordsWritten} of ${records.length} records written`);
    const isSettled = await report.step('every outcome became certain', async () => {
      await writers.finish();
      return true;
    });
    if (isSettled !== true) {
      for (const node of cluster.nodes)
        report.note(`log of ${node.id}:\n${cluster.logTail(node.id)}`);
      return;
    }
    sayCounts(report, ledger, records.length, gaps);
    await report.step('the check before the last kill', () => verify(report, cluster, ledger));
    await cluster.killAll();
    report.note('all three killed at once, and started again');
    await cluster.startAll();
    await report.step('the check after the last kill', () => verify(report, cluster, ledger));
  } catch (error) {
    report.check(
      false,
      `round "${round.title}"`,
      error instanceof Error ? error.stack : String(error),
    );
    for (const node of cluster.nodes)
      report.note(`log of ${node.id}:\n${cluster.logTail(node.id)}`);
  } finally {
    await cluster.remove();
  }
}

interface Stage {
  readonly report: Report;
  readonly cluster: Cluster;
  readonly ledger: Ledger;
  readonly silence: SilenceWatch;
}

async function killOneByOne(
  { report, cluster, ledger, silence }: Stage,
  seeded: Seeded,
  kills: number,
): Promise<Gap[]> {
  const roles = seeded.shuffled([
    ...Array.from({ length: kills }, () => 'leader' as const),
    ...Array.from({ length: kills }, () => 'follower' as const),
  ]);
  const gaps: Gap[] = [];
  for (const [i, role] of roles.entries()) {
    await pause(seeded.between(200, 1_200));
    const leader = await cluster.leader();
    const followers = cluster.nodes.map((node) => node.id).filter((id) => id !== leader);
    const victim = role === 'leader' ? leader : seeded.pick(followers);
    await silence.begin();
    const before = ledger.acknowledged;
    await cluster.kill(victim);
    await pause(seeded.between(50, 800));
    const beginMs = performance.now();
    await cluster.startAndWait(victim);
    // The silence that a kill causes ends before the next one begins.
    await until('a write after the kill', 30_000, () => ledger.acknowledged > before);
    const gap = await silence.longest();
    gaps.push(gap);
    report.note(
      `kill ${i + 1}/${roles.length}: ${role} ${victim}; longest time without an acknowledged write ` +
        `${told(gap)}; ready again after ${Math.round(performance.now() - beginMs)} ms`,
    );
  }
  return gaps;
}

function sayCounts(report: Report, ledger: Ledger, records: number, gaps: readonly Gap[]): void {
  const sumOfCounters = [...ledger.counters.values()].reduce((sum, value) => sum + value, 0);
  const swaps = [...ledger.chains.values()].reduce((sum, { swaps: all }) => sum + all.size, 0);
  report.note(
    `acknowledged ${ledger.acknowledged} requests (${ledger.changes} changed something): ` +
      `${ledger.recordRevisions.size} records, counters at ${sumOfCounters}, ${swaps} swaps`,
  );
  report.check(
    ledger.recordRevisions.size === records,
    'every record was acknowledged',
    String(records),
  );
  const unknown = ledger.retriedUnknown + ledger.forcedUnknown;
  report.check(
    unknown >= UNKNOWN_LEAST,
    `at least ${UNKNOWN_LEAST} unknown outcomes were retried with their request ids`,
    `${unknown}: ${ledger.retriedUnknown} by themselves, ${ledger.forcedUnknown} cut off after sending; ` +
      `${ledger.refused} refused and tried again`,
  );
  report.check(
    gaps.every((gap) => isWithin(gap, GAP_MS_MAX)),
    `no kill stopped acknowledgements for more than ${GAP_MS_MAX / 1000} s`,
    `longest ${told(longest(gaps))} over ${gaps.length} kills`,
  );
}

/** The check of this program, checked: without syncs, acknowledged writes are gone, and it must see so. */
async function loseOnPurpose(
  report: Report,
  seeded: Seeded,
  records: readonly RealRecord[],
): Promise<void> {
  const cluster = await Cluster.make({
    name: 'no-sync',
    extra: 'testing: { disk: power-loss-no-sync }',
  });
  try {
    await cluster.startAll();
    const warned =
      cluster.process('n1')?.stderr.includes('ACKNOWLEDGED WRITES WILL BE LOST') ?? false;
    report.check(warned, 'the node warns that it will lose writes');
    const status = await cluster.report('n1');
    const isShown = status?.version.includes('TEST DISK POWER-LOSS-NO-SYNC') ?? false;
    report.check(isShown, 'and shows it in its status', status?.version);
    const ledger = new Ledger();
    const writers = new Writers(ledger, seeded, records);
    await writers.start(cluster.clientAddresses);
    await writers.finish();
    report.note(
      `acknowledged ${ledger.acknowledged} requests; all three killed at once, and started again`,
    );
    await cluster.killAll();
    const lost = await lostAfterRestart(cluster, ledger);
    report.check(
      lost > 0,
      'without syncs the check fails, as it must',
      `${lost} of ${ledger.expected.size} acknowledged keys are lost`,
    );
  } catch (error) {
    report.check(
      false,
      'the round without syncs',
      error instanceof Error ? error.stack : String(error),
    );
  } finally {
    await cluster.remove();
  }
}

/** A cluster that does not even come back has lost everything. */
async function lostAfterRestart(cluster: Cluster, ledger: Ledger): Promise<number> {
  try {
    await cluster.startAll();
  } catch {
    return ledger.expected.size;
  }
  const { lost } = await compareWithNode(cluster.node('n1').clients, 'linearizable', ledger);
  return lost;
}
