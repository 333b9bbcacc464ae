/** Benchmarks are code too: each is set up, and each candidate run once, so that none rots. */
import { describe, expect, it } from 'vitest';
import { encodeMessage, MessageType, makeMessage } from '../src/raft/index.ts';
import { codecBenchmark } from './codec/codec.ts';
import { pbfDecode, pbfEncode } from './codec/pbf-codec.ts';

describe('the codec benchmark', () => {
  const comparisons = codecBenchmark.comparisons();

  it.each(comparisons)('$title', ({ candidates }) => {
    expect(candidates[0]!.name).toBe('quorate');
    for (const { run } of candidates) expect(run()).toBeDefined();
  });

  it('has a competitor that reads and writes every scalar field', () => {
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
});
