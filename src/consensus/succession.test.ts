/** Heirs of a dead leader stand one after the other, a few times, until somebody leads. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { Succession } from './succession.ts';

function heir(self: number, clock: ManualClock, sparesLiving = true) {
  const state = {
    leader: 1,
    candidacy: undefined as number | undefined,
    campaigns: [] as number[],
  };
  const succession = new Succession(
    {
      clock,
      random: { below: () => 0, bytes: (length) => new Uint8Array(length) },
      sparesLiving,
      leaderId: () => state.leader,
      voters: () => [1, 2, 3],
      candidacy: () => state.candidacy,
      forgetLeader: () => {
        state.leader = 0;
      },
      campaign: () => state.campaigns.push(clock.now()),
    },
    self,
  );
  return { state, succession };
}

describe('succession', () => {
  it('the first heir stands at once, the second later, both again while nobody leads', async () => {
    const clock = new ManualClock();
    const start = clock.now();
    const [first, second] = [heir(2, clock), heir(3, clock)];
    first.succession.refused(1);
    second.succession.refused(1);
    await clock.advance(60);
    expect(first.state.campaigns.map((at) => at - start)).toEqual([0, 50]);
    expect(second.state.campaigns.map((at) => at - start)).toEqual([25]);
    // Rounds of 50, 100, 200, 400, 800 ms, then of a second each, for as long as nobody leads.
    await clock.advance(10_000 - 60);
    expect(first.state.campaigns.length).toBe(1 + 5 + 8);
    first.state.leader = 3;
    await clock.advance(10_000);
    expect(first.state.campaigns.length).toBe(1 + 5 + 8);
  });

  it('votes that are on their way are waited for, those of a split vote once only', async () => {
    const clock = new ManualClock();
    const { state, succession } = heir(2, clock);
    succession.refused(1);
    await clock.advance(1);
    expect(state.campaigns.length).toBe(1);
    state.candidacy = 7;
    await clock.advance(50);
    expect(state.campaigns.length).toBe(1);
    await clock.advance(100);
    expect(state.campaigns.length).toBe(2);
    state.candidacy = 8;
    await clock.advance(200);
    expect(state.campaigns.length).toBe(2);
  });

  it('a successor that dies at once, too, is succeeded at once', async () => {
    const clock = new ManualClock();
    const { state, succession } = heir(3, clock);
    succession.refused(1);
    await clock.advance(30);
    state.leader = 2;
    const died = clock.now();
    succession.refused(2);
    await clock.advance(30);
    expect(state.campaigns.map((at) => at - died)).toEqual([-5, 25]);
  });

  it('nobody stands once somebody leads', async () => {
    const clock = new ManualClock();
    const { state, succession } = heir(3, clock);
    succession.refused(1);
    state.leader = 2;
    await clock.advance(1_000);
    expect(state.campaigns).toEqual([]);
  });

  it('a refusal deposes nobody where others vote against a leader that they hear', async () => {
    const clock = new ManualClock();
    const { state, succession } = heir(2, clock, false);
    succession.refused(1);
    await clock.advance(1_000);
    expect(state).toMatchObject({ leader: 1, campaigns: [] });
    // The log says so: that is no matter of who sees whom.
    succession.leaderGone();
    await clock.advance(1);
    expect(state.campaigns.length).toBe(1);
  });

  it('a peer that does not lead may refuse as it likes, and so may the leader of a learner', async () => {
    const clock = new ManualClock();
    const voter = heir(2, clock);
    voter.succession.refused(3);
    const learner = heir(9, clock);
    learner.succession.refused(1);
    await clock.advance(1_000);
    expect([voter.state, learner.state]).toMatchObject([
      { leader: 1, campaigns: [] },
      { leader: 1, campaigns: [] },
    ]);
  });
});
