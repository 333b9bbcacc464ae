/** What only tells how far the log is committed: late, never lost without cause, never from another term. */
import { describe, expect, it } from 'vitest';

import { ManualClock } from '../../sim/world/manual-clock.ts';
import { COMMIT_NOTICE_MS } from '../limits.ts';
import { type Entry, EntryType, type Message, MessageType, makeMessage } from '../raft/index.ts';
import { CommitNotices } from './commit-notices.ts';

const ENTRY: Entry = { term: 3, index: 8, type: EntryType.Normal, data: new Uint8Array() };

class Bench {
  readonly clock = new ManualClock();
  readonly sent: string[] = [];
  term = 3;
  takesPart = true;
  readonly notices = new CommitNotices({
    clock: this.clock,
    guard: (input) => {
      if (this.takesPart) input();
    },
    term: () => this.term,
    send: (message) => this.sent.push(nameOf(message)),
    flush: () => this.sent.push('flush'),
  });

  notice(to: number, commit: number): void {
    this.notices.send(makeMessage({ type: MessageType.App, to, term: this.term, commit }));
  }

  append(to: number, commit: number): void {
    const entries = [ENTRY];
    this.notices.send(makeMessage({ type: MessageType.App, to, term: this.term, commit, entries }));
  }

  heartbeat(to: number): void {
    this.notices.send(makeMessage({ type: MessageType.Heartbeat, to, term: this.term }));
  }
}

function nameOf({ type, to, entries, commit }: Message): string {
  if (type !== MessageType.App) return `other to ${to}`;
  return `${entries.length === 0 ? 'notice' : 'append'} to ${to}: ${commit}`;
}

describe('commit notices', () => {
  it('leave after a moment, the newest of each peer', async () => {
    const bench = new Bench();
    bench.notice(2, 5);
    bench.notice(3, 5);
    bench.notice(2, 6);
    expect(bench.sent).toEqual([]);
    await bench.clock.advance(COMMIT_NOTICE_MS);
    expect(bench.sent.sort()).toEqual(['flush', 'notice to 2: 6', 'notice to 3: 5']);
  });

  it('leave at once when they are hurried, and not again later', async () => {
    const bench = new Bench();
    bench.notice(2, 5);
    bench.notice(3, 5);
    bench.notices.hurry();
    expect(bench.sent).toEqual(['notice to 2: 5', 'notice to 3: 5', 'flush']);
    bench.notices.hurry();
    await bench.clock.advance(COMMIT_NOTICE_MS);
    expect(bench.sent).toHaveLength(3);
    bench.notice(2, 6);
    await bench.clock.advance(COMMIT_NOTICE_MS);
    expect(bench.sent.slice(3)).toEqual(['notice to 2: 6', 'flush']);
  });

  it('are not sent where an append says it', async () => {
    const bench = new Bench();
    bench.notice(2, 5);
    bench.append(2, 5);
    await bench.clock.advance(COMMIT_NOTICE_MS);
    expect(bench.sent).toEqual(['append to 2: 5']);
    bench.notice(2, 6);
    await bench.clock.advance(COMMIT_NOTICE_MS);
    expect(bench.sent).toEqual(['append to 2: 5', 'notice to 2: 6', 'flush']);
  });

  it('go in front of whatever else is sent to that peer, and only to that one', async () => {
    const bench = new Bench();
    bench.notice(2, 5);
    bench.notice(3, 5);
    bench.heartbeat(2);
    expect(bench.sent).toEqual(['notice to 2: 5', 'other to 2']);
    bench.notices.release(3);
    bench.notices.release(3);
    expect(bench.sent).toEqual(['notice to 2: 5', 'other to 2', 'notice to 3: 5']);
  });

  it('of an earlier term are dropped', async () => {
    const bench = new Bench();
    bench.notice(2, 5);
    bench.term = 4;
    bench.notices.release(2);
    await bench.clock.advance(COMMIT_NOTICE_MS);
    expect(bench.sent).toEqual([]);
  });

  it('are sent under the guard of the node when their time has come: not after its end', async () => {
    const bench = new Bench();
    bench.notice(2, 5);
    bench.takesPart = false;
    await bench.clock.advance(COMMIT_NOTICE_MS);
    expect(bench.sent).toEqual([]);
  });

  it('leave no timer behind when stopped', async () => {
    const bench = new Bench();
    bench.notice(2, 5);
    bench.notices.stop();
    await bench.clock.advance(COMMIT_NOTICE_MS * 2);
    expect(bench.sent).toEqual([]);
    expect(bench.clock.waiting).toBe(0);
  });
});
