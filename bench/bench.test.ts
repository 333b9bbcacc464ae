/**
 * Benchmarks are code too: each is set up and each candidate run once, so that none rots; what they measure
 * here means nothing. Programs that run as processes come from the build (`npm test` builds first).
 */
import { describe, expect, it } from 'vitest';
import { encodeMessage, MessageType, makeMessage } from '../src/raft/index.ts';
import { pbfDecode, pbfEncode } from './codec/pbf-codec.ts';
import { CORE_CASES } from './core/core.ts';
import { CoreGroup } from './core/core-group.ts';
import { idleGroups } from './core/idle-groups.ts';
import { log } from './micro/log.ts';
import { MICRO_BENCHMARKS } from './micro/micro.ts';
import { transport } from './micro/transport.ts';
import { longLog } from './restart/long-log.ts';
import { growthOf } from './soak/soak.ts';

const TRIAL = {
  rounds: 1,
  seconds: 0.02,
  warmSeconds: 0,
  minutes: 0.01,
  isTrial: true,
  tell: () => {},
} as const;

describe.each(MICRO_BENCHMARKS)('the benchmark $name', (benchmark) => {
  it.each(benchmark.comparisons())('$title', ({ candidates }) => {
    expect(candidates[0]!.name).toMatch(/^quorate/);
    for (const { run } of candidates) expect(run()).toBeDefined();
  });
});

it('the codec has a competitor that reads and writes every scalar field', () => {
  const message = makeMessage({
    type: MessageType.AppResp,
    to: 1,
    from: 2,
    term: 3,
    logTerm: 4,
    index: 2 ** 40,
    commit: 5,
    reject: true,
    rejectHint: 6,
    context: Uint8Array.of(1, 2),
    vote: 7,
  });
  expect(encodeMessage(pbfDecode(pbfEncode(message)))).toEqual(encodeMessage(message));
});

describe('the core', () => {
  it.each(CORE_CASES)('commits what is proposed: $about', ({ name, marshals, step }) => {
    const group = new CoreGroup({ marshals });
    step(group);
    step(group);
    expect(group.entries).toBe(name === 'one' ? 2 : 200);
  });

  it('keeps its log short, and goes on over what it dropped', () => {
    const group = new CoreGroup({ marshals: false, kept: 10 });
    const datas = Array.from({ length: 1_000 }, () => Uint8Array.of(1));
    for (let turn = 0; turn < 25; turn++) group.proposeTogether(datas);
    expect(group.entries).toBe(25_000);
  });

  it('of idle groups elects nobody', () => {
    const { series } = idleGroups(TRIAL);
    expect(series.map(({ rounds }) => rounds.length)).toEqual([1, 1]);
    const group = new CoreGroup({ marshals: false });
    const { term } = group.leader;
    for (let tick = 0; tick < 200; tick++) group.tick();
    expect(group.leader.term).toBe(term);
  });
});

it('log and transport have a figure for each of their cases', async () => {
  const sections = [...(await log.run(TRIAL)), ...(await transport.run(TRIAL))];
  expect(sections.map(({ series }) => series.length)).toEqual([4, 2]);
  for (const { rounds } of sections.flatMap(({ series }) => series)) {
    expect(rounds[0]).toBeGreaterThan(0);
  }
});

it('a long log is written, read and opened', async () => {
  const { findings } = await longLog(TRIAL);
  expect(findings[0]!.value).toBeGreaterThan(0);
});

it('a soak compares its last third with its first, after a warm-up', () => {
  expect(growthOf([900, 10, 10, 10, 12, 12, 12, 30, 30, 30])).toBe(3);
  expect(growthOf([5, 5])).toBe(1);
});
