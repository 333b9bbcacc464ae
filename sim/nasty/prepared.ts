/**
 * How the scripts about single messages begin: a certain node leads, all logs end alike, and the script has
 * its hands on the mail. From there the next entry has a known place, and whatever a node says of it was
 * brought about by the script.
 */
import type { LogIndex, Term } from '../../src/raft/index.ts';
import { Mail, Witness } from './mail.ts';
import { lead, statusOf, untilLevel, write } from './moves.ts';
import type { NastyStage } from './scenario.ts';

export interface Prepared {
  readonly mail: Mail;
  /** Of all since before that node led. */
  readonly witness: Witness;
  /** Where all logs end, with the value of the key `before`. */
  readonly lastIndex: LogIndex;
  readonly term: Term;
}

export async function prepare(stage: NastyStage, leader: string): Promise<Prepared> {
  const mail = new Mail(stage);
  const witness = new Witness(stage);
  await lead(stage, leader);
  await write(stage, leader, 'before', 'done');
  await untilLevel(stage);
  const { lastIndex, term } = statusOf(stage, leader);
  return { mail, witness, lastIndex, term };
}
