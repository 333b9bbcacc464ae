/**
 * Membership scripts: one changer for a file, from the empty configuration on.
 */
import {
  Changer,
  type Configuration,
  type Membership,
  ProgressTracker,
} from '../../src/raft/index.ts';
import { describeProgress, parseChanges } from './describe.ts';
import { type Case, flag } from './parser.ts';
import type { Suite } from './suite.ts';

const INFLIGHT_MESSAGES_MAX = 10;

export class ConfChangeSuite implements Suite {
  readonly #tracker = new ProgressTracker(INFLIGHT_MESSAGES_MAX, Number.MAX_SAFE_INTEGER);
  /** Grows with each command, as if each were an entry of the log. */
  #lastIndex = 0;

  run(testCase: Case): string {
    const changer = new Changer(this.#tracker, this.#lastIndex);
    this.#lastIndex += 1;
    try {
      const { config, progress } = change(changer, testCase);
      this.#tracker.adopt(config, progress);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    const lines = [describeConfiguration(this.#tracker.config)];
    for (const [id, progress] of this.#tracker.progress) {
      lines.push(describeProgress(id, progress.report()));
    }
    return lines.join('\n');
  }
}

function change(changer: Changer, testCase: Case): Membership {
  switch (testCase.command) {
    case 'simple':
      return changer.simple(parseChanges(testCase.input));
    case 'enter-joint':
      return changer.enterJoint(flag(testCase, 'autoleave'), parseChanges(testCase.input));
    case 'leave-joint':
      if (testCase.input !== '') throw new Error('this command takes no input');
      return changer.leaveJoint();
    default:
      throw new Error(`unknown command ${testCase.command}`);
  }
}

function describeConfiguration(config: Configuration): string {
  const list = (ids: readonly number[]): string => `(${ids.join(' ')})`;
  let text = `voters=${list(config.voters)}`;
  if (config.votersOutgoing.length > 0) text += `&&${list(config.votersOutgoing)}`;
  if (config.learners.length > 0) text += ` learners=${list(config.learners)}`;
  if (config.learnersNext.length > 0) text += ` learners_next=${list(config.learnersNext)}`;
  if (config.autoLeave) text += ' autoleave';
  return text;
}
