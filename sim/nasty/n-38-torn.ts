/**
 * N-38. A power cut in the middle of a write leaves any of its sectors, in any order: that end is torn, it was
 * promised to nobody, and is cut off. A flipped bit with valid records behind it, or in the very last record,
 * or an end that turned to zeros while the node was down, looks nearly the same and is damage: what was
 * promised is gone, and a log that is "repaired" by cutting it there breaks the promise in silence. The
 * node must refuse to start, say where, and leave the file as it is for people to look at.
 */
import type { ClusterError } from '../../src/errors.ts';
import { MessageType } from '../../src/raft/index.ts';
import { HEADER_MAGIC } from '../../src/storage/record.ts';
import { letters, Mail } from './mail.ts';
import { endOf } from './members.ts';
import {
  allIsWell,
  excuse,
  freeDisk,
  holdSyncs,
  lead,
  restart,
  statusOf,
  until,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';
import { untilCaughtUp } from './snapshots.ts';

const ROUNDS = 8;
/** One mark in each sector of a value. */
const MARKS = 12;
const LOOK_MS = 20;
const LOOKS_MAX = 1_000;
const SECTOR_BYTES = 512;
const PAGE_BYTES = 4_096;
const STUCK_MS = 5_000;
const QUIET_MS = 1_500;

async function run(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  let torn = 0;
  for (let round = 1; round <= ROUNDS; round++) if (await tear(stage, round)) torn += 1;
  stage.expect(torn > 0, 'no power cut has left a part of a record');
  stage.trouble(
    `${torn} of ${ROUNDS} power cuts left a part of the last record, and it was cut off`,
  );
  await write(stage, 'n1', 'middle', 'in the middle');
  for (let at = 0; at < 5; at++) await write(stage, 'n1', `behind ${at}`, 'of the log');
  await damage(stage, 'a flipped bit before valid records', 'in the middle', 'kill', flip);
  await write(stage, 'n1', 'last', 'at the end');
  await untilCaughtUp(stage, 'n1', 'n3');
  await stage.cluster.run(QUIET_MS);
  await damage(stage, 'a flipped bit in the last record', 'at the end', 'kill', flip);
  await write(stage, 'n1', 'zeroed', 'zeroed end');
  await untilCaughtUp(stage, 'n1', 'n3');
  await damage(stage, 'an end that turned to zeros', 'zeroed end', 'stop', zeroFrom);
  await allIsWell(stage);
}

function markOf(round: number, at: number): string {
  return `mark ${round}.${at};`;
}

/** Whether a part of the last record was left. */
async function tear(stage: NastyStage, round: number): Promise<boolean> {
  const { cluster } = stage;
  const machine = cluster.machine('n3');
  holdSyncs(stage, 'n3', STUCK_MS);
  const sectors = Array.from({ length: MARKS }, (_, at) => {
    return markOf(round, at).padEnd(SECTOR_BYTES, '.');
  });
  await write(stage, 'n1', 'value', sectors.join(''));
  // Seldom: it reads the whole log.
  for (let at = 0; at < LOOKS_MAX && marksOn(stage, round) < MARKS; at++)
    await cluster.run(LOOK_MS);
  stage.expect(marksOn(stage, round) === MARKS, 'n3 has written it, and not synced');
  cluster.cutPower('n3', { sectorBytes: round % 2 === 0 ? SECTOR_BYTES : PAGE_BYTES });
  const left = marksOn(stage, round);
  freeDisk(stage, 'n3');
  // Something shorter comes into its place: a vote in a new term. Nothing of the old may show behind it.
  const mail = new Mail(stage);
  mail.drop('n3', letters(MessageType.App));
  await restart(stage, 'n3');
  await lead(stage, 'n2');
  cluster.kill('n3');
  await restart(stage, 'n3');
  mail.clear();
  await lead(stage, 'n1');
  await untilCaughtUp(stage, 'n1', 'n3');
  stage.expect(machine.failure === undefined, 'a torn end keeps nobody down');
  return left > 0 && left < MARKS;
}

function marksOn(stage: NastyStage, round: number): number {
  const files = logFiles(stage).map((path) => stage.cluster.machine('n3').disk.peek(path));
  let count = 0;
  for (let at = 0; at < MARKS; at++) {
    if (files.some((bytes) => bytes.includes(markOf(round, at)))) count += 1;
  }
  return count;
}

function logFiles(stage: NastyStage): readonly string[] {
  const paths = stage.cluster.machine('n3').disk.paths();
  return paths.filter((path) => path.includes('/wal/'));
}

type Spoil = (bytes: Buffer, at: number) => void;

function flip(bytes: Buffer, at: number): void {
  bytes[at] = (bytes[at] ?? 0) ^ 4;
}

/** The record and all behind it. Its header lies close before the value. */
function zeroFrom(bytes: Buffer, at: number): void {
  const start = bytes.lastIndexOf(HEADER_MAGIC, at);
  bytes.fill(0, start);
}

async function damage(
  stage: NastyStage,
  what: string,
  text: string,
  how: 'kill' | 'stop',
  spoil: Spoil,
): Promise<void> {
  const { cluster } = stage;
  const machine = cluster.machine('n3');
  if (how === 'kill') cluster.kill('n3');
  else await cluster.settled(cluster.stop('n3'));
  const path = logFiles(stage).find((it) => machine.disk.peek(it).includes(text));
  if (path === undefined) throw new Error(`"${text}" is in no file of the log of n3`);
  const sound = machine.disk.peek(path);
  const spoilt = Buffer.from(sound);
  spoil(spoilt, spoilt.indexOf(text));
  excuse(stage, 'n3', 'disk-rot');
  machine.disk.poke(path, spoilt);
  stage.trouble(`${what}: ${path}`);
  for (const time of ['once', 'again']) {
    cluster.start('n3');
    await until(stage, `n3 refuses to start, ${time}`, () => machine.process === undefined);
    stage.expect(endOf(stage, 'n3') === 'DATA_CORRUPT', `${what} is damage: ${endOf(stage, 'n3')}`);
    const { message } = machine.failure as ClusterError;
    stage.expect(message.includes(path), `it names the file: ${message}`);
    stage.expect(/\b\d+\b/.test(message.replace(path, '')), `and the place: ${message}`);
    const isLeft = machine.disk.peek(path).equals(spoilt);
    stage.expect(isLeft, 'nothing is repaired by cutting it off');
  }
  stage.expect(statusOf(stage, 'n1').role === 'leader', 'the others go on');
  machine.disk.poke(path, sound);
  await restart(stage, 'n3');
  await untilCaughtUp(stage, 'n1', 'n3');
}

export const TORN: NastyScenario = {
  number: 38,
  title: 'a torn end is cut off, damage before it or in it is refused and left alone',
  run,
};
