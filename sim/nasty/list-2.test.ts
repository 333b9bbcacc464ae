import { it } from 'vitest';

import { LIST_2 } from './list-2.ts';
import { playsOf } from './plays.fixture.ts';

const plays = playsOf(LIST_2);

it('N-21 proof of an old read does not count for a new one', () => plays(21));
it('N-22 a read waits for the first commit of the term', () => plays(22));
it('N-23 a leader that was deposed without knowing it answers no read', () => plays(23));
it('N-24 a process that stood still serves no stale read when it goes on', () => plays(24));
it('N-25 a late word to stand for election makes no second reader', () => plays(25));
it('N-26 leadership is handed over under load, or not, within an election timeout', () =>
  plays(26));
it('N-27 a forwarded request that meets new leaders does not go in circles', () => plays(27));
it('N-28 what a deposed leader decided about sessions is dropped', () => plays(28));
it('N-29 a lock is not granted to one whose lease died on the way', () => plays(29));
it('N-30 of two leaders with a change of members each, neither has it in force', () => plays(30));
it('N-31 changes that not all have applied: votes, second changes, elections', () => plays(31));
it('N-32 a node that lost its data has no say under its old id', () => plays(32));
it('N-33 whoever leads next leaves a joint configuration', () => plays(33));
it('N-34 a snapshot that passes a change of members brings its own', () => plays(34));
it('N-35 snapshots that are written and installed at once never go back', () => plays(35));
it('N-36 the log goes on behind an installed snapshot, over a crash at any step', () => plays(36));
it('N-37 lost, bad, late and needless reports of a snapshot leave nobody stuck', () => plays(37));
it('N-38 a torn end is cut off, damage is refused and left alone', () => plays(38));
it('N-39 a failed write or sync is final, and nothing of it is acknowledged', () => plays(39));
it('N-40 each request takes effect exactly once, over deaths at any operation', () => plays(40));
