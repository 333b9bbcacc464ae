/**
 * One run of chaos: daemons behind doors, clients that write a history, faults one after the other, then
 * quiet; and the judgement of it all.
 *
 * What must hold at the end: every node is back and agrees with the others on the state's hash; no process
 * ended that was not to, or in another way than it was to; after each fault the cluster came back within
 * the bound; and the history, with a last read of every key in it, is linearizable, so that no acknowledged
 * write is lost.
 */
import { join } from 'node:path';

import type { Report } from '../acceptance/report.ts';
import { Seeded } from '../acceptance/seeded.ts';
import { pause, until } from '../waiting.ts';
import { ChaosCluster } from './chaos-cluster.ts';
import type { Fault } from './fault.ts';
import { HistoryFile } from './history-file.ts';
import { judge, reportJudgement } from './judge.ts';
import { KeySpace } from './key-space.ts';
import { Leftovers } from './leftovers.ts';
import { FULL_TIMES, Nemesis, QUICK_TIMES } from './nemesis.ts';
import { type ChaosOptions, replayLine } from './options.ts';
import { LOST_SYNCS } from './process-faults.ts';
import { faultTable } from './table.ts';
import { Workload } from './workload.ts';

/** At the end nothing is done to the cluster for so long, and clients go on. */
const QUIET_MS = 2_000;
/** Writes that are acknowledged before the first fault. */
const WARM_WRITES = 100;
const WARM_MS = 60_000;
/** For one fault. */
const PROOF_MS = 1_000;
const CHANCE_RANGE = 1_000_000;

interface Run {
  readonly report: Report;
  readonly options: ChaosOptions;
  readonly cluster: ChaosCluster;
  readonly history: HistoryFile;
  readonly workload: Workload;
}

/**
 * `complain`: where an interruption is told.
 *
 * @throws when there can be no such file as the history is to be kept in.
 */
export async function chaos(
  report: Report,
  options: ChaosOptions,
  complain: (text: string) => void,
): Promise<void> {
  const { seed, nodes, wantsSmallDisk } = options;
  report.section(`Chaos: ${nodes} nodes, seed ${seed}`);
  report.note(`the same faults in the same order again: ${replayLine(options)}`);
  if (options.isProof) report.note(`the one fault: ${LOST_SYNCS.about}`);
  report.note(
    '(what real processes do in between can not be repeated; the history can be judged again)',
  );
  const leftovers = new Leftovers({ isKept: options.isKept, tell: complain });
  const path = options.history ?? join(leftovers.folder(), 'history.jsonl');
  if (options.history !== undefined) leftovers.keep(`history: ${path}`);
  const history = new HistoryFile(path);
  const jitter = new Seeded(seed + 2);
  const chance = (): number => jitter.below(CHANCE_RANGE) / CHANCE_RANGE;
  const cluster = await ChaosCluster.make({ nodes, chance, wantsSmallDisk });
  leftovers.add(cluster.cluster.folder, () => cluster.smallDisk?.unmount());
  const seeded = new Seeded(seed + 1);
  const workload = new Workload({
    history,
    keys: new KeySpace(seeded),
    seeded,
    nodes: cluster.cluster.clientAddresses,
    clients: options.clients,
  });
  const before = report.failed;
  try {
    const run = { report, options, cluster, history, workload };
    if (options.isProof) await prove(run, path);
    else await tryAll(run, path);
  } catch (error) {
    report.check(false, 'the run', error instanceof Error ? error.stack : String(error));
  } finally {
    const hasFailed = report.failed > before;
    const isKept = hasFailed || options.isKept;
    await cluster.close(isKept);
    leftovers.settled();
    // A proof that succeeded has shown what it had to; its history is of broken disks, and of no use.
    if (options.isProof && !isKept && leftovers.removeFolder()) {
      report.note('history: removed (--history FILE or --keep keeps it)');
    } else report.note(`history: ${path}`);
    if (isKept) report.note(`logs, configurations and data of nodes: ${cluster.cluster.folder}`);
    if (hasFailed) tellLogs(report, cluster);
  }
}

async function tryAll(run: Run, path: string): Promise<void> {
  const { report, options, cluster } = run;
  const nemesis = await act(run, possible(report, options, cluster), options.minutes * 60_000);
  const agreed = await report.step('all nodes agree', () => cluster.agreement());
  if (agreed !== undefined) report.check(true, 'all nodes have the same state', agreed);
  const { findings } = cluster;
  report.check(findings.length === 0, 'no node failed, and all came back', findings.join('\n'));
  tellNumbers(run, nemesis);
  report.section('The history');
  // Judging keeps this process busy, and with it the doors between the nodes.
  await cluster.halt();
  await report.step('the history', async () => reportJudgement(report, path));
}

/** A test that can not fail shows nothing: on disks whose syncs do nothing writes must be lost, and be missed. */
async function prove(run: Run, path: string): Promise<void> {
  await act(run, [LOST_SYNCS], PROOF_MS);
  const { isOk, lines, verdict } = judge(path);
  for (const line of lines) run.report.note(line);
  run.report.check(!isOk, 'without syncs the history convicts, as it must', verdict);
}

/** Clients at work, faults for so long, quiet, and a last look at every key. */
async function act(run: Run, faults: readonly Fault[], forMs: number): Promise<Nemesis> {
  const { report, options, cluster, history, workload } = run;
  await cluster.startAll();
  await workload.start();
  await until('the first writes', WARM_MS, () => workload.acknowledgedAt.length >= WARM_WRITES);
  const nemesis = new Nemesis({
    cluster,
    seed: options.seed,
    faults,
    times: options.isQuick ? QUICK_TIMES : FULL_TIMES,
    acknowledgedAt: workload.acknowledgedAt,
    note: (text) => report.note(text),
    ballast: (isEnough) => workload.ballast(isEnough),
  });
  report.section('Faults');
  await nemesis.run(forMs);
  await pause(QUIET_MS);
  report.section('At the end');
  await report.step('the clients end in good order', () => workload.stop());
  await report.step('every key is read once more', () => workload.readAll());
  history.close();
  return nemesis;
}

function tellNumbers({ report, cluster, history, workload }: Run, nemesis: Nemesis): void {
  report.section('Numbers');
  for (const line of faultTable(nemesis.windows, workload.acknowledgedAt)) report.note(line);
  const { ok, failed, unknown } = history;
  report.note(`operations: ${ok} ok, ${failed} failed without effect, ${unknown} unknown`);
  report.note(`elections: ${cluster.elections()}`);
  const ends = [...cluster.ends].map(([end, times]) => `${end} x ${times}`);
  report.note(`processes that ended: ${ends.join(', ') || 'none'}`);
  report.check(nemesis.windows.length > 0, 'faults were done', `${nemesis.windows.length}`);
}

/** What this machine allows. Where CI asks, what is missing is a failure. */
function possible(
  report: Report,
  { faults }: ChaosOptions,
  cluster: ChaosCluster,
): readonly Fault[] {
  const why = cluster.noSmallDisk;
  if (why === undefined) return faults;
  const left = faults.filter((fault) => fault.needsSmallDisk !== true);
  const text = `NO SMALL DISK (${why}): ${faults.length - left.length} kind of fault is LEFT OUT`;
  if (process.env['CI'] === 'true') report.check(false, 'a small disk can be mounted', text);
  else report.note(text);
  return left;
}

function tellLogs(report: Report, { cluster }: ChaosCluster): void {
  for (const { id } of cluster.nodes) report.note(`${id}:\n${cluster.logTail(id)}`);
}
