/** The life of proposals: no answer before apply, "nothing was proposed" only when that is certain. */
import { describe, expect, it } from 'vitest';
import { ClusterError } from '../errors.ts';
import { BATCH_BYTES_MAX, PROPOSALS_WAITING_MAX } from '../limits.ts';
import { CommandKind, decodeEnvelope, encodePart } from './envelope.ts';
import { type ForwardAnswer, ForwardStatus, LocalProposal } from './proposal.ts';
import { promiseOf } from './proposal-listeners.ts';
import { type ProposalHost, Proposals } from './proposals.ts';
import type { CommandResult, ProposeResult } from './types.ts';

const part = (text: string): Uint8Array =>
  encodePart(CommandKind.Application, Buffer.from(text), undefined);
const done = (text: string) => ({ code: 0, bytes: Buffer.from(text) });

class Bench {
  now = 0;
  applied = 0;
  nextIndex = 10;
  term = 3;
  explained = 0;
  sequence = 0;
  takes = true;
  forwards = true;
  readonly appended: string[][] = [];
  readonly forwarded: (readonly LocalProposal[])[] = [];
  readonly answers: (ForwardAnswer & { to: number })[] = [];
  readonly #host: ProposalHost = {
    now: () => this.now,
    appliedIndex: () => this.applied,
    append: (envelope) => {
      if (!this.takes) return undefined;
      const bodies = decodeEnvelope(envelope).map(({ body }) => Buffer.from(body).toString());
      this.appended.push(bodies);
      return { index: this.nextIndex++, term: this.term };
    },
    forward: (_to, batch) => {
      if (this.forwards) this.forwarded.push(batch);
      return this.forwards;
    },
    answer: (to, answer) => this.answers.push({ ...answer, to }),
    explainWaiting: (stage) => {
      this.explained++;
      return new ClusterError(stage === 'queued' ? 'NO_LEADER' : 'OUTCOME_UNKNOWN', stage);
    },
  };
  readonly proposals: Proposals;

  constructor(firstForwardId = 1) {
    this.proposals = new Proposals(this.#host, firstForwardId);
  }

  add(text: string, repeatable = false): Promise<ProposeResult> {
    const request = repeatable ? { session: 1, sequence: ++this.sequence } : undefined;
    const promise = promiseOf((listener) => {
      const { Application } = CommandKind;
      const proposal = new LocalProposal(Application, request, this.now + 100, listener);
      this.proposals.add(proposal, Buffer.from(text));
    });
    promise.catch(() => undefined);
    return promise;
  }

  /** As at the end of a turn. */
  apply(index: number, term: number, results: readonly CommandResult[] | undefined): void {
    this.proposals.applied(index, term, results);
    this.proposals.tellApplied();
  }
}

async function settled(promise: Promise<unknown>): Promise<string> {
  const open = Symbol();
  const outcome = await Promise.race([
    promise.catch((error: ClusterError) => error.code),
    Promise.resolve().then(() => Promise.resolve(open)),
  ]);
  return outcome === open ? 'open' : JSON.stringify(outcome);
}

describe('proposals', () => {
  it('what waits together travels in one entry, and is answered when it is applied', async () => {
    const bench = new Bench();
    const [a, b] = [bench.add('a'), bench.add('b')];
    bench.proposals.appendQueued();
    expect(bench.appended).toEqual([['a', 'b']]);
    expect(await settled(a)).toBe('open');
    bench.apply(10, 3, [done('A'), done('B')]);
    expect(await a).toMatchObject({ index: 10, code: 0 });
    expect(Buffer.from((await b).bytes).toString()).toBe('B');
    expect(bench.proposals.unanswered).toBe(0);
  });

  it('splits what is too much for one entry', () => {
    const bench = new Bench();
    const big = 'x'.repeat(BATCH_BYTES_MAX / 2);
    void bench.add(big);
    void bench.add(big);
    void bench.add('small');
    bench.proposals.appendQueued();
    expect(bench.appended.map((bodies) => bodies.length)).toEqual([1, 2]);
  });

  it('sends what may be repeated to the next leader at once; the rest waits for its answer', async () => {
    const bench = new Bench();
    const [a, b] = [bench.add('a', true), bench.add('b')];
    bench.proposals.forwardQueued(2);
    bench.proposals.forwarded.leaderChanged(2);
    expect(bench.forwarded.map((batch) => batch.length)).toEqual([2]);
    bench.proposals.forwarded.leaderChanged(3);
    bench.proposals.forwardQueued(3);
    expect(bench.forwarded.map((batch) => batch.length)).toEqual([2, 1]);
    const [again] = bench.forwarded[1] as readonly LocalProposal[];
    // What the frozen leader says after all counts for the one that still waits for it, and for no other.
    const answer = (id: number) => ({
      id,
      status: ForwardStatus.Applied,
      index: 0,
      result: done('x'),
    });
    const [, second] = bench.forwarded[0] as readonly LocalProposal[];
    bench.proposals.forwarded.heard(2, answer((again as LocalProposal).forwardId));
    expect(await settled(a)).toBe('open');
    bench.proposals.forwarded.heard(2, answer((second as LocalProposal).forwardId));
    bench.proposals.tellApplied();
    expect(await b).toMatchObject({ code: 0 });
    bench.proposals.forwarded.heard(3, answer((again as LocalProposal).forwardId));
    bench.proposals.tellApplied();
    expect(await a).toMatchObject({ code: 0 });
  });

  it('queues again what another entry took the place of, and says nothing meanwhile', async () => {
    const bench = new Bench();
    const a = bench.add('a');
    bench.proposals.appendQueued();
    bench.apply(10, 4, undefined);
    expect(await settled(a)).toBe('open');
    bench.proposals.appendQueued();
    bench.apply(11, 3, [done('A')]);
    expect(await a).toMatchObject({ index: 11 });
    expect(bench.appended).toEqual([['a'], ['a']]);
  });

  it('answers both who were put at one index in two leaderships, each by what was applied', async () => {
    const bench = new Bench();
    const older = bench.add('older');
    bench.proposals.addRemote(2, 71, part('remote'));
    bench.proposals.appendQueued();
    // Deposed, its entry overwritten, leading again: the same index once more.
    bench.nextIndex = 10;
    bench.term = 5;
    const newer = bench.add('newer');
    bench.proposals.appendQueued();
    bench.apply(10, 5, [done('N')]);
    expect(await newer).toMatchObject({ index: 10 });
    expect(bench.answers).toMatchObject([{ id: 71, status: ForwardStatus.NotProposed }]);
    bench.proposals.appendQueued();
    bench.apply(11, 5, [done('O')]);
    expect(await older).toMatchObject({ index: 11 });
  });

  it('makes room for others when those who wait in the queue give up', () => {
    const bench = new Bench();
    bench.takes = false;
    const big = 'x'.repeat(1024 * 1024);
    const fill = () => {
      for (let i = 0; i < 63; i++) void bench.add(big);
    };
    fill();
    bench.now = 100;
    bench.proposals.expire();
    fill();
    expect(bench.proposals.queued).toBe(63);
  });

  it('works out once why many waited in vain', () => {
    const bench = new Bench();
    for (let i = 0; i < 100; i++) void bench.add('x');
    bench.now = 100;
    bench.proposals.expire();
    expect(bench.explained).toBe(1);
  });

  it('keeps what the core does not take, in order', () => {
    const bench = new Bench();
    void bench.add('a');
    void bench.add('b');
    bench.takes = false;
    bench.proposals.appendQueued();
    bench.takes = true;
    void bench.add('c');
    bench.proposals.appendQueued();
    expect(bench.appended).toEqual([['a', 'b', 'c']]);
  });

  it('waits on a follower until the answer index is applied there', async () => {
    const bench = new Bench();
    const a = bench.add('a');
    bench.proposals.forwardQueued(2);
    const id = bench.forwarded[0]?.[0]?.forwardId ?? 0;
    const answer = { id, status: ForwardStatus.Applied, index: 20, result: done('A') };
    bench.proposals.forwarded.heard(3, answer);
    expect(await settled(a)).toBe('open');
    bench.proposals.forwarded.heard(2, answer);
    expect(await settled(a)).toBe('open');
    bench.applied = 20;
    bench.apply(20, 3, [done('somebody')]);
    expect(await a).toMatchObject({ index: 20, code: 0 });
  });

  it('does not send again at once what a node that does not lead has sent back', async () => {
    const bench = new Bench();
    const a = bench.add('a');
    bench.proposals.forwardQueued(2);
    const id = bench.forwarded[0]?.[0]?.forwardId ?? 0;
    const result = done('');
    bench.proposals.forwarded.heard(2, { id, status: ForwardStatus.NotProposed, index: 0, result });
    bench.proposals.forwardQueued(2);
    expect(bench.forwarded.length).toBe(1);
    bench.proposals.forwarded.retryParked();
    bench.proposals.forwardQueued(3);
    expect(bench.forwarded.length).toBe(2);
    expect(await settled(a)).toBe('open');
  });

  it('sends at once elsewhere what one has sent back that leads no more', async () => {
    const bench = new Bench();
    const a = bench.add('a');
    bench.proposals.forwardQueued(2);
    bench.proposals.forwardQueued(3);
    const id = bench.forwarded[0]?.[0]?.forwardId ?? 0;
    const result = done('');
    bench.proposals.forwarded.heard(2, { id, status: ForwardStatus.NotProposed, index: 0, result });
    bench.proposals.forwardQueued(3);
    expect(bench.forwarded.length).toBe(2);
    expect(await settled(a)).toBe('open');
  });

  it('keeps what others have sent until it is decided whether this node leads', () => {
    const bench = new Bench();
    bench.proposals.addRemote(2, 8, part('a'));
    bench.proposals.keepQueued();
    expect([bench.proposals.queued, bench.answers]).toEqual([1, []]);
    bench.proposals.appendQueued();
    expect(bench.appended).toEqual([['a']]);

    bench.proposals.addRemote(2, 9, part('b'));
    bench.proposals.keepQueued();
    bench.proposals.forwardQueued(3);
    expect(bench.answers).toMatchObject([{ to: 2, id: 9, status: ForwardStatus.NotProposed }]);
  });

  it('a lost connection to the leader is an unknown outcome; a request with an id is repeated', async () => {
    const bench = new Bench();
    const plain = bench.add('plain');
    const safe = bench.add('safe', true);
    bench.proposals.forwardQueued(2);
    bench.proposals.forwarded.peerLost(2);
    expect(await settled(plain)).toBe('"OUTCOME_UNKNOWN"');
    expect(await settled(safe)).toBe('open');
    bench.proposals.forwardQueued(3);
    expect(bench.forwarded[1]?.length).toBe(1);
  });

  it('says at the deadline what is certain: queued is not proposed, the rest is unknown', async () => {
    const bench = new Bench();
    const sent = bench.add('sent');
    bench.proposals.appendQueued();
    const queued = bench.add('queued');
    bench.now = 99;
    bench.proposals.expire();
    expect(await settled(queued)).toBe('open');
    bench.now = 100;
    bench.proposals.expire();
    expect(await settled(sent)).toBe('"OUTCOME_UNKNOWN"');
    expect(await settled(queued)).toBe('"NO_LEADER"');
    bench.proposals.appendQueued();
    expect(bench.appended).toEqual([['sent']]);
  });

  it('calls unknown what was lost on its way and waits to be tried again', async () => {
    const ways: readonly ((bench: Bench, first: LocalProposal) => void)[] = [
      (bench) => bench.proposals.forwarded.peerLost(2),
      (bench) => bench.proposals.forwarded.leaderChanged(3),
      (bench, { forwardId: id }) =>
        bench.proposals.forwarded.heard(2, {
          id,
          status: ForwardStatus.Unknown,
          index: 0,
          result: done(''),
        }),
    ];
    for (const lose of ways) {
      for (const end of ['deadline', 'stop']) {
        const bench = new Bench();
        const given = bench.add('a', true);
        bench.proposals.forwardQueued(2);
        lose(bench, bench.forwarded[0]?.[0] as LocalProposal);
        bench.proposals.forwarded.retryParked();
        bench.proposals.forwardQueued(0);
        bench.now = 200;
        if (end === 'deadline') bench.proposals.expire();
        else bench.proposals.failAll(new ClusterError('NODE_STOPPED', 'stopping'));
        expect(await settled(given)).toBe('"OUTCOME_UNKNOWN"');
      }
    }
  });

  it('answers followers: applied, not proposed, unknown', () => {
    const bench = new Bench();
    bench.proposals.addRemote(2, 71, part('a'));
    bench.proposals.appendQueued();
    bench.proposals.addRemote(2, 72, part('b'));
    bench.proposals.forwardQueued(3);
    bench.apply(10, 3, [done('A')]);
    bench.proposals.addRemote(2, 73, part('c'));
    bench.proposals.appendQueued();
    bench.proposals.skippedTo(11);
    expect(bench.answers.map(({ id, status }) => [id, status])).toEqual([
      [72, ForwardStatus.NotProposed],
      [71, ForwardStatus.Applied],
      [73, ForwardStatus.Unknown],
    ]);
  });

  it('refuses what is too much, and tells that nothing was proposed', async () => {
    const bench = new Bench();
    for (let i = 0; i < PROPOSALS_WAITING_MAX; i++) void bench.add('x');
    await expect(bench.add('one more')).rejects.toThrow(/nothing was proposed/);
    bench.proposals.failAll(new ClusterError('NODE_STOPPED', 'stopped'));
  });
});
