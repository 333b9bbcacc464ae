/**
 * `members`: a cluster of real daemons grows from three to five, replaces a wiped node, loses its leader by
 * removal, shrinks to three again and is restarted as a whole, under a load of which no write may fail and
 * none may be lost. What must be refused on the way is refused by name.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { pause, until } from '../waiting.ts';
import { Cluster, type NodeFacts } from './cluster.ts';
import { CommandProcess, runCommand } from './daemon-process.ts';
import { expectCommand, expectEnd } from './expecting.ts';
import { isWithin, MachineWitness, told } from './machine-witness.ts';
import { MembersLoad } from './members-load.ts';
import type { Report } from './report.ts';
import { SilenceWatch } from './silence-watch.ts';
import { compareWithNode } from './verify.ts';

export interface MembersOptions {
  readonly isQuick: boolean;
}

interface Stage {
  /** Leaves out what the tests of the command line show as well. */
  readonly isQuick: boolean;
  readonly report: Report;
  readonly cluster: Cluster;
  readonly load: MembersLoad;
}

const READY_MS = 30_000;
const GAP_MS_MAX = 3_000;
/** Small, so that whoever joins gets a snapshot and not the whole log. */
const EXTRA = 'raft: { snapshotIntervalEntries: 200, snapshotCatchUpEntries: 20 }';

export async function members(report: Report, { isQuick }: MembersOptions): Promise<void> {
  const cluster = await Cluster.make({ name: 'members', newcomers: 2, extra: EXTRA });
  const load = new MembersLoad();
  const stage = { isQuick, report, cluster, load };
  /** In full, each state of the cluster is looked at for a while longer. */
  const restMs = isQuick ? 0 : 2_000;
  try {
    await using witness = await MachineWitness.start();
    const silence = new SilenceWatch(load.ledger, witness);
    for (const part of [grow, refuseTheTaken, replaceTheWiped, removeTheLeader, shrink]) {
      await silence.begin();
      await part(stage);
      await pause(restMs);
      const gap = await silence.longest();
      const seen = `longest time without an acknowledged write ${told(gap)}`;
      report.check(isWithin(gap, GAP_MS_MAX), 'the writes went on meanwhile', seen);
    }
    await load.finish();
    await checkAll(stage, 'at the end');
    await cluster.killAll();
    report.note('all killed at once, and started again');
    await cluster.startAll();
    await checkAll(stage, 'after a restart of all');
  } catch (error) {
    report.check(false, 'members', error instanceof Error ? error.stack : String(error));
    for (const id of ['n1', 'n2', 'n3', 'n4', 'n5']) report.note(`${id}:\n${cluster.logTail(id)}`);
  } finally {
    await cluster.remove();
  }
}

/** `quorate members ...`, by way of the nodes that run. */
function change(cluster: Cluster, ...args: readonly string[]): string[] {
  return ['members', ...args, '--nodes', cluster.clientAddresses.join(',')];
}

async function voters(cluster: Cluster): Promise<readonly string[]> {
  const seen = await cluster.report(await cluster.leader());
  return (seen?.members ?? []).filter(({ role }) => role === 'voter').map(({ nodeId }) => nodeId);
}

async function untilVotes(cluster: Cluster, id: string): Promise<void> {
  await until(`the vote of ${id}`, READY_MS, async () => (await voters(cluster)).includes(id));
}

async function writesGoOn({ load }: Stage, what: string): Promise<void> {
  const before = load.ledger.acknowledged;
  await until(`writes ${what}`, READY_MS, () => load.ledger.acknowledged > before + 20);
}

async function grow(stage: Stage): Promise<void> {
  const { report, cluster, load } = stage;
  report.section('From three to five');
  const early = cluster.start('n4');
  await until('n4 to say that it waits', READY_MS, () => early.stderr.includes('goes on asking'));
  report.check(!early.isReady && !early.isOver, 'a node that nobody answers waits, and says so');
  report.note(`  | ${early.stderr.trim().split('\n').at(-1)}`);
  await cluster.startAll();
  await load.start(['n1', 'n2', 'n3', 'n4', 'n5'].map((id) => cluster.node(id).clients));
  await writesGoOn(stage, 'at first');
  load.ledger.forgetSilences();
  await early.ready(READY_MS);
  cluster.joined('n4');
  await untilVotes(cluster, 'n4');
  report.check(true, 'it joins when they have come, and gets its vote by itself');
  await joinByHand(stage, cluster.node('n5'));
  await writesGoOn(stage, 'with five');
  const now = await voters(cluster);
  report.check(now.length === 5, 'five vote', now.join(', '));
}

/** `members add --learner`, then the command that it prints, then `members promote`. */
async function joinByHand({ report, cluster }: Stage, node: NodeFacts): Promise<void> {
  const added = await runCommand(change(cluster, 'add', node.id, node.peers, '--learner'));
  const [, ...flags] = added.stdout.trim().replace('DIR', join(node.folder, 'data')).split(' ');
  const doors = ['--listen-clients', node.clients, '--listen-http', node.http];
  const whole = [...flags, ...doors, '--log-file', join(node.folder, 'log')];
  const started = cluster.keep(node.id, new CommandProcess(whole));
  await started.ready(READY_MS);
  cluster.joined(node.id);
  const isLearner = !(await voters(cluster)).includes(node.id);
  report.check(isLearner, 'the printed command starts a learner, which stays one', flags.join(' '));
  const promoted = { code: 0, says: [`${node.id} is a voter`] };
  await expectCommand(report, 'promoted', change(cluster, 'promote', node.id), promoted);
}

async function refuseTheTaken({ isQuick, report, cluster }: Stage): Promise<void> {
  report.section('Refused by name');
  const { config, peers } = cluster.node('n5');
  const folder = join(cluster.folder, 'other');
  const start = ['start', '--config', config, '--data-dir', folder];
  const byNodes = cluster.clientAddresses.flatMap((address) => ['--join', address]);
  await expectCommand(report, 'a taken id', [...start, ...byNodes, '--address', '127.0.0.1:1'], {
    code: 9,
    says: ['n5 can not join cluster members: node n5 is a member already', 'members remove'],
  });
  await expectCommand(report, 'a taken address', [...start, ...byNodes, '--node-id', 'n9'], {
    code: 9,
    says: [`address ${peers} is that of member n5`, 'what to do'],
  });
  if (!isQuick) {
    const foreign = [...start, ...byNodes, '--node-id', 'n9', '--cluster-name', 'billing'];
    await expectCommand(report, 'another cluster', foreign, {
      code: 2,
      says: ['this node is of cluster "members", not "billing"'],
    });
    await expectCommand(report, 'nobody of that name', change(cluster, 'remove', 'n9'), {
      code: 13,
      says: ['no member is called "n9"; the members are n1'],
    });
  }
  const now = await voters(cluster);
  report.check(now.length === 5, 'none of it changed anything', now.join(', '));
}

async function replaceTheWiped(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.section('A wiped node, and its replacement');
  const wiped = await follower(cluster);
  const before = await raftIdOf(cluster, wiped);
  await cluster.kill(wiped);
  const data = join(cluster.node(wiped).folder, 'data');
  rmSync(data, { recursive: true });
  const says = ['MEMBER_WIPED', `quorate members remove ${wiped}`, `rm -r ${data}`, '--join'];
  await expectEnd(report, 'without its data', cluster.start(wiped), { code: 9, says });
  cluster.left(wiped);
  rmSync(data, { recursive: true });
  const removed = { code: 0, says: [`removed ${wiped} (voter`] };
  await expectCommand(report, 'removed', change(cluster, 'remove', wiped), removed);
  const doors = cluster.clientAddresses.flatMap((address) => ['--join', address]);
  await cluster.start(wiped, doors).ready(READY_MS);
  cluster.joined(wiped);
  await untilVotes(cluster, wiped);
  const after = await raftIdOf(cluster, wiped);
  report.check(after !== before, 'it is another member now', `raft id ${before}, then ${after}`);
  await itsVoteCounts(stage, wiped);
}

async function raftIdOf(cluster: Cluster, id: string): Promise<number | undefined> {
  return (await cluster.report(id))?.raftId;
}

/** A follower, and none of `but`. */
async function follower(cluster: Cluster, ...but: readonly string[]): Promise<string> {
  const leader = await cluster.leader();
  const found = cluster.nodes.find(({ id }) => id !== leader && !but.includes(id));
  if (found === undefined) throw new Error('no such follower');
  return found.id;
}

/** With two of five gone the other three must agree, all of them. */
async function itsVoteCounts(stage: Stage, id: string): Promise<void> {
  const { report, cluster } = stage;
  const first = await follower(cluster, id);
  const second = await follower(cluster, id, first);
  await Promise.all([first, second].map((one) => cluster.kill(one)));
  await writesGoOn(stage, `that need ${id}`);
  report.check(true, `with ${first} and ${second} dead, writes go on by the vote of ${id}`);
  await Promise.all([first, second].map((one) => cluster.startAndWait(one)));
}

async function removeTheLeader(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.section('Leadership handed over, then the leader removed');
  const next = await follower(cluster);
  const handed = { code: 0, says: [`${next} leads`] };
  await expectCommand(report, 'handed over', change(cluster, 'transfer', next), handed);
  const leader = await cluster.leader();
  const process = cluster.process(leader);
  const removed = { code: 0, says: [`removed ${leader} (voter`] };
  await expectCommand(report, 'the leader removed', change(cluster, 'remove', leader), removed);
  cluster.left(leader);
  if (process !== undefined) {
    const says = ['MEMBER_REMOVED', 'what to do: nothing, if that was meant'];
    await expectEnd(report, 'it ends', process, { code: 9, says });
  }
  await writesGoOn(stage, 'after the leader was removed');
  const after = await cluster.leader();
  report.check(after !== leader, 'another one leads, and writes go on', after);
}

async function shrink(stage: Stage): Promise<void> {
  const { isQuick, report, cluster } = stage;
  report.section('Back to three');
  const one = await follower(cluster);
  const process = cluster.process(one);
  const removed = { code: 0, says: [`removed ${one} (voter`, '3 voters left'] };
  await expectCommand(report, 'a follower removed', change(cluster, 'remove', one), removed);
  cluster.left(one);
  if (process !== undefined) {
    await expectEnd(report, 'it ends', process, { code: 9, says: ['MEMBER_REMOVED'] });
  }
  if (!isQuick) {
    await expectCommand(report, 'the removed one comes again', startOf(cluster, one), {
      code: 9,
      says: ['MEMBER_REMOVED', `node ${one}`],
    });
  }
  const dead = await follower(cluster);
  const alive = await follower(cluster, dead);
  await cluster.kill(dead);
  await expectCommand(report, 'one too many', change(cluster, 'remove', alive), {
    code: 1,
    says: [`without node ${alive}`, `${dead} can not be reached`, 'start what is down'],
  });
  await writesGoOn(stage, 'with two of three');
  await cluster.startAndWait(dead);
  const now = await voters(cluster);
  report.check(now.length === 3, 'three vote', now.join(', '));
}

function startOf(cluster: Cluster, id: string): string[] {
  return ['start', '--config', cluster.node(id).config];
}

async function checkAll({ report, cluster, load }: Stage, when: string): Promise<void> {
  const { ledger, failures } = load;
  report.section(`What was written, ${when}`);
  report.check(failures.length === 0, 'no write failed', failures.slice(0, 3).join('; '));
  report.check(ledger.problems.length === 0, 'each was applied once', ledger.problems.join('; '));
  for (const node of cluster.nodes) {
    const { lost, unasked, examples } = await compareWithNode(node.clients, 'linearizable', ledger);
    const detail = `${ledger.expected.size} keys, ${lost} lost, ${unasked} unasked for`;
    const isWhole = lost === 0 && unasked === 0;
    report.check(isWhole, `${node.id} has all of it`, [detail, ...examples].join('; '));
  }
  const hashes = await until('one state on all nodes', READY_MS, async () => {
    const all = await Promise.all(cluster.nodes.map(({ id }) => cluster.report(id)));
    const indexes = new Set(all.map((one) => one?.appliedIndex));
    return indexes.size === 1 && new Set(all.map((one) => one?.stateHash));
  });
  report.check(hashes.size === 1, 'all nodes have the same state hash', [...hashes].join(' / '));
}
