/**
 * N-39. A write or a sync fails: EIO, or no room. What was in that batch may be on the disk or not, and after
 * a failed sync the page cache shows what the disk does not have: asked again it says that all is well. So
 * the first failure is final. The process ends, nothing of that batch is acknowledged, nothing is tried
 * again, and a node is started there only after a reboot.
 *
 * Three followers in turn, each with another fault, and then the leader.
 */
import { MessageType } from '../../src/raft/index.ts';
import type { Excuse } from '../cluster/events.ts';
import type { SimMachine } from '../cluster/sim-machine.ts';
import type { DiskStruck } from '../world/disk-conditions.ts';
import { beginCommand, ended } from './asks.ts';
import { letters, Witness } from './mail.ts';
import { endOf } from './members.ts';
import {
  allIsWell,
  excuse,
  freeDisk,
  lead,
  processOf,
  read,
  restart,
  statusOf,
  until,
  utf8,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';
import { untilCaughtUp } from './snapshots.ts';

const ALWAYS = 10_000;
/** Room for about ten values in what the log has filled beforehand. */
const WRITES_MAX = 60;
const VALUE_CHARS = 2_000;

interface Fault {
  readonly what: string;
  readonly excuse: Excuse;
  readonly ends: string;
  readonly change: (machine: SimMachine) => void;
  /** What the disk refused. */
  readonly struck: (struck: DiskStruck) => number;
}

const FAULTS: readonly Fault[] = [
  {
    what: 'a sync fails',
    excuse: 'disk-failing',
    ends: 'DISK_FAILED',
    change: ({ diskConditions }) => {
      diskConditions.failSyncs = ALWAYS;
    },
    struck: ({ syncErrors }) => syncErrors,
  },
  {
    what: 'a write fails',
    excuse: 'disk-failing',
    ends: 'DISK_FAILED',
    change: ({ diskConditions }) => {
      diskConditions.failWrites = ALWAYS;
    },
    struck: ({ writeErrors }) => writeErrors,
  },
  {
    what: 'the disk is full',
    excuse: 'disk-full',
    ends: 'DISK_FULL',
    change: ({ disk }) => {
      disk.capacityBytes = disk.usedBytes;
    },
    struck: ({ full }) => full,
  },
];

async function run(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  for (const fault of FAULTS) await follower(stage, fault);
  await leader(stage);
  await allIsWell(stage);
}

function strike(stage: NastyStage, name: string, fault: Fault): void {
  excuse(stage, name, fault.excuse);
  fault.change(stage.cluster.machine(name));
}

/** What the disk does not have is gone from the page cache, too. */
async function reboot(stage: NastyStage, name: string): Promise<void> {
  const { cluster, random } = stage;
  const machine = cluster.machine(name);
  freeDisk(stage, name);
  cluster.network.powerOff(name);
  machine.disk = machine.disk.crash(random.stream(`reboot ${name} ${machine.lives}`));
  await restart(stage, name);
}

async function follower(stage: NastyStage, fault: Fault): Promise<void> {
  const { cluster } = stage;
  await untilCaughtUp(stage, 'n1', 'n3');
  const { disk } = processOf(stage, 'n3');
  const witness = new Witness(stage);
  const durable = statusOf(stage, 'n3').durableIndex;
  const onDisk = new Set<number>([durable]);
  const forget = cluster.listen((event) => {
    if (event.kind !== 'durable' || event.node !== 'n3') return;
    for (const { index } of event.batch.entries) onDisk.add(index);
  });
  strike(stage, 'n3', fault);
  const isGone = (): boolean => cluster.machine('n3').process === undefined;
  for (let at = 0; !isGone() && at < WRITES_MAX; at++) {
    await write(stage, 'n1', `key ${at}`, 'v'.repeat(VALUE_CHARS));
  }
  await until(stage, `${fault.what}: n3 ends`, isGone);
  forget();
  stage.expect(endOf(stage, 'n3') === fault.ends, `${fault.what}: ${endOf(stage, 'n3')}`);
  const struck = fault.struck(disk.struck);
  stage.trouble(`${fault.what} on n3, ${struck} times; ${onDisk.size - 1} entries were stored`);
  stage.expect(struck > 0, 'the disk refused something');
  // Nothing rests on the zeros of the next segment: when they fail, it is begun without them.
  for (const path of new Set(disk.refused)) {
    const times = disk.refused.filter((each) => each === path).length;
    const bound = path.endsWith('.wal.tmp') ? 2 : 1;
    stage.expect(times <= bound, `nothing is tried again: ${disk.refused.join(' ')}`);
  }
  const final = disk.refused.filter((path) => !path.endsWith('.wal.tmp'));
  stage.expect(final.length <= 1, `the first failure is final: ${final.join(' ')}`);
  const isPromise = letters(MessageType.AppResp, undefined, ({ reject }) => !reject);
  for (const { index } of witness.sent('n3', isPromise)) {
    stage.expect(onDisk.has(index) || index <= durable, `nothing of that batch: ${index}`);
  }
  await reboot(stage, 'n3');
  await untilCaughtUp(stage, 'n1', 'n3');
}

async function leader(stage: NastyStage): Promise<void> {
  const [fault] = FAULTS as [Fault];
  await write(stage, 'n1', 'x', 'before');
  strike(stage, 'n1', fault);
  const key = utf8('x');
  const asked = beginCommand(stage, 'n1', { kind: 'put', key, value: utf8('in that batch') });
  const isGone = (): boolean => stage.cluster.machine('n1').process === undefined;
  await until(stage, 'n1 ends', isGone);
  stage.expect(endOf(stage, 'n1') === fault.ends, `the leader ends: ${endOf(stage, 'n1')}`);
  await ended(stage, 'the write of that batch', asked);
  const seen = await read(stage, 'n2', 'x');
  const isKept = seen === 'in that batch' || (seen === 'before' && !asked.isAnswered);
  stage.expect(isKept, `what was answered is there: ${seen}, answered: ${asked.isAnswered}`);
  stage.trouble(`${fault.what} on the leader; the others have ${seen}`);
  await reboot(stage, 'n1');
}

export const DISK_FAILS: NastyScenario = {
  number: 39,
  title: 'a write or a sync fails, on followers and on the leader: it is final',
  run,
};
