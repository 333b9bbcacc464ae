/** That the leader proposes the end of sessions that nobody uses, and only of those. */
import { describe, expect, it } from 'vitest';
import { CommandKind } from './envelope.ts';
import { decodeNumber } from './replica.ts';
import { SessionExpiry } from './session-expiry.ts';
import { SessionTable } from './sessions.ts';

const IDLE_MS = 1_000;
/** Of these one look is made. */
const TICKS = 100;

class Bench {
  readonly sessions: SessionTable = new SessionTable();
  now = 0;
  isLeader = true;
  /** Session and index of its last use, of each end that was proposed. */
  readonly proposed: [session: number, lastIndex: number][] = [];
  readonly #expiry: SessionExpiry = new SessionExpiry({
    sessionIdleMs: IDLE_MS,
    sessions: this.sessions,
    now: () => this.now,
    isLeader: () => this.isLeader,
    propose: (kind, body) => {
      expect(kind).toBe(CommandKind.ExpireSession);
      this.proposed.push([decodeNumber(body), decodeNumber(body, 1)]);
    },
  });

  /** A look at that time. */
  lookAt(now: number): void {
    this.now = now;
    this.tick(TICKS);
  }

  tick(count: number): void {
    for (let i = 0; i < count; i++) this.#expiry.tick();
  }

  /** A request of the session stands in the entry at that index. */
  use(session: number, index: number): void {
    this.sessions.admit({ session, sequence: index }, index);
  }
}

describe('the leader', () => {
  it('proposes the end of what was idle for long enough since it has seen it, not before', () => {
    const bench = new Bench();
    const session = bench.sessions.open(5);
    bench.lookAt(10_000);
    bench.lookAt(10_000 + IDLE_MS - 1);
    expect(bench.proposed).toEqual([]);
    bench.lookAt(10_000 + IDLE_MS);
    expect(bench.proposed).toEqual([[session, 5]]);
  });

  it('counts anew from each use, of each session for itself', () => {
    const bench = new Bench();
    const [used, idle] = [bench.sessions.open(5), bench.sessions.open(6)];
    bench.lookAt(0);
    bench.use(used, 7);
    bench.lookAt(IDLE_MS);
    expect(bench.proposed).toEqual([[idle, 6]]);
    bench.sessions.expire(idle, 6);
    bench.lookAt(2 * IDLE_MS);
    expect(bench.proposed.slice(1)).toEqual([[used, 7]]);
    // It was used before that end stood in the log: then it goes on.
    bench.use(used, 8);
    expect(bench.sessions.expire(used, 7)).toBe(false);
  });

  it('proposes it again while the session is there, and no more when it has ended', () => {
    const bench = new Bench();
    const session = bench.sessions.open(5);
    for (const now of [0, IDLE_MS, 2 * IDLE_MS]) bench.lookAt(now);
    expect(bench.proposed.length).toBe(2);
    bench.sessions.expire(session, 5);
    bench.lookAt(3 * IDLE_MS);
    expect(bench.proposed.length).toBe(2);
  });

  it('looks now and then, not at each tick', () => {
    const bench = new Bench();
    bench.sessions.open(5);
    bench.lookAt(0);
    bench.now = IDLE_MS;
    bench.tick(TICKS - 1);
    expect(bench.proposed).toEqual([]);
    bench.tick(1);
    expect(bench.proposed.length).toBe(1);
  });
});

it('a follower proposes nothing, and one that comes to lead again counts anew', () => {
  const bench = new Bench();
  bench.sessions.open(5);
  bench.lookAt(0);
  bench.isLeader = false;
  bench.lookAt(IDLE_MS);
  bench.isLeader = true;
  bench.lookAt(2 * IDLE_MS);
  expect(bench.proposed).toEqual([]);
  bench.lookAt(3 * IDLE_MS);
  expect(bench.proposed.length).toBe(1);
});
