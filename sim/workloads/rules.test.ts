/** The small judges of the workloads, each with what it must let pass and what it must not. */
import { describe, expect, it } from 'vitest';
import { encodeCommand, KvMachine } from '../../src/state/index.ts';
import type { Listener } from '../cluster/events.ts';
import { SimCluster } from '../cluster/sim-cluster.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import { FencedResource } from './fenced-resource.ts';
import { Findings } from './findings.ts';
import { drawWeighted, planTimes } from './planning.ts';
import { bytesOf, fingerprint, RevisionLog } from './revision-log.ts';
import { SessionBook } from './session-book.ts';

function makeFindings(): { findings: Findings; cluster: SimCluster } {
  const cluster = new SimCluster({ seed: 1, size: 1 });
  return { cluster, findings: new Findings(cluster) };
}

describe('a fenced resource', () => {
  it('N-29 refuses who lost his lock, and reports a token of two', () => {
    const { findings } = makeFindings();
    const resource = new FencedResource(findings);
    expect(resource.write('a', 'c1#1', 5, 10)).toBe(true);
    expect(resource.write('a', 'c1#1', 5, 11)).toBe(true);
    expect(resource.write('a', 'c2#1', 8, 12)).toBe(true);
    expect(resource.write('a', 'c1#1', 5, 13)).toBe(false);
    expect(resource.write('b', 'c1#2', 6, 13)).toBe(true);
    expect(resource.refused).toBe(1);
    findings.check();
    resource.write('a', 'c3#1', 8, 14);
    expect(() => findings.check()).toThrow(/c3#1 and c2#1 both hold a by token 8/);
  });

  it('N-29 reports whoever comes in before the other has left', () => {
    const { findings } = makeFindings();
    const resource = new FencedResource(findings);
    resource.enter('a', 'c1#1', 5, 10);
    resource.enter('b', 'c2#1', 6, 10);
    resource.leave('a', 'c1#1');
    resource.enter('a', 'c2#2', 7, 11);
    findings.check();
    resource.enter('a', 'c1#2', 9, 12);
    expect(() => findings.check()).toThrow(/c1#2 was given a .* while c2#2 held it/);
  });
});

describe('a book of sessions', () => {
  const work = async () => ({ revision: 1 });
  const done = (revision: number) => ({ kind: 'done', value: { revision }, node: 'n1' }) as const;

  function open() {
    const { findings } = makeFindings();
    const book = new SessionBook('c1', findings);
    return { findings, book, session: book.open(7) };
  }

  it('S-104 takes one result a request, and no other', () => {
    const { findings, book, session } = open();
    const request = book.next(session, true, () => work);
    const before = book.before(session);
    book.note(session, request, before, done(3), 10);
    book.note(session, request, before, done(3), 11);
    findings.check();
    book.note(session, request, before, done(4), 12);
    expect(() => findings.check()).toThrow(
      /request 7\/1\) was answered .* revision 4 .* revision 3/,
    );
  });

  it('lets tries cross the end of a session, but none begin after it', () => {
    const { findings, book, session } = open();
    const request = book.next(session, true, () => work);
    const before = book.before(session);
    session.gone = 'closed by n2 at 9.000 ms';
    book.note(session, request, before, done(3), 10);
    findings.check();
    book.note(session, request, book.before(session), done(3), 11);
    expect(() => findings.check()).toThrow(/its session was closed by n2/);
  });

  it('refuses an answer to what was acknowledged as done', () => {
    const { findings, book, session } = open();
    const first = book.next(session, true, () => work);
    book.note(session, first, book.before(session), done(3), 10);
    const before = book.before(session);
    const second = book.next(session, true, () => work);
    expect(second.id).toEqual({ session: 7, sequence: 2, acknowledgedBelow: 2 });
    book.note(session, second, before, done(4), 11);
    book.note(session, first, before, done(3), 12);
    findings.check();
    book.note(session, first, book.before(session), done(3), 13);
    expect(() => findings.check()).toThrow(/everything below 2 had been acknowledged/);
  });
});

describe('the log of revisions', () => {
  const put = (key: string, value: string) =>
    encodeCommand({ kind: 'put', key: bytesOf(key), value: bytesOf(value) });

  function follow() {
    const { cluster, findings } = makeFindings();
    const log = new RevisionLog(cluster, findings);
    const machine = new KvMachine();
    const tell = (node: string, index: number, command: Uint8Array): Parameters<Listener>[0] => {
      const at = { index, term: 1 };
      const results = machine.applyBatch([command], at);
      return { kind: 'applied', node, life: 1, ...at, commands: [command], results };
    };
    return { cluster, findings, log, tell };
  }

  it('works out by itself what each command changed', () => {
    const { cluster, findings, log, tell } = follow();
    const commands = [
      put('a/1', 'x'),
      put('a/2', 'y'),
      encodeCommand({ kind: 'increment', key: bytesOf('n'), by: 5n }),
      encodeCommand({ kind: 'compareAndSet', key: bytesOf('a/1'), value: bytesOf('z') }),
      encodeCommand({ kind: 'delete', range: { start: bytesOf('a/'), end: bytesOf('a0') } }),
      encodeCommand({ kind: 'increment', key: bytesOf('n'), by: -7n }),
    ];
    for (const [at, command] of commands.entries()) cluster.tell(tell('n1', at + 1, command));
    findings.check();
    expect(log.revision).toBe(5);
    expect(log.nextChange((key) => key === 'a/1', 1)).toMatchObject({
      revision: 4,
      events: [{ key: 'a/1', value: undefined }],
    });
    expect([...log.stateAt(() => true, 3)]).toEqual([
      ['a/1', 'x'],
      ['a/2', 'y'],
      ['n', '5'],
    ]);
    expect([...log.stateAt(() => true, 5)]).toEqual([['n', '-2']]);
  });

  it('takes each index from whoever was first, and reports a revision out of line', () => {
    const { cluster, findings, log, tell } = follow();
    const first = tell('n1', 1, put('a', 'x'));
    cluster.tell(first);
    cluster.tell({ ...first, node: 'n2' } as typeof first);
    cluster.tell({ ...first, life: 2 } as typeof first);
    expect(log.revision).toBe(1);
    findings.check();
    tell('n1', 2, put('a', 'lost'));
    cluster.tell(tell('n1', 3, put('a', 'y')));
    expect(() => findings.check()).toThrow(/put applied at index 3 .* answered revision 3.* 2 was/);
  });

  it('tells large values apart by any byte', () => {
    const value = new Uint8Array(10_000).fill(97);
    const other = new Uint8Array(value);
    other[9_000] = 98;
    expect(fingerprint(value)).not.toBe(fingerprint(other));
    expect(fingerprint(bytesOf('short'))).toBe('short');
  });
});

describe('planning', () => {
  it('mixes bursts and pauses', () => {
    const times = planTimes(new SeededRandom(3), 60_000, 200);
    expect(times).toHaveLength(200);
    expect(times[0]).toBeGreaterThanOrEqual(0);
    expect(times.at(-1)).toBeLessThanOrEqual(60_000);
    const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
    expect(gaps.filter((gap) => gap <= 5).length).toBeGreaterThan(30);
    expect(Math.max(...gaps)).toBeGreaterThan(1_500);
  });

  it('draws by weight', () => {
    const random = new SeededRandom(3);
    const choices = [
      [9, 'often'],
      [1, 'seldom'],
      [0, 'never'],
    ] as const;
    const drawn = Array.from({ length: 1_000 }, () => drawWeighted(random, choices));
    const seldom = drawn.filter((what) => what === 'seldom').length;
    expect(seldom).toBeGreaterThan(50);
    expect(seldom).toBeLessThan(200);
    expect(drawn).not.toContain('never');
  });
});
