import { expect, it } from 'vitest';

import { nullLogger } from './null-logger.ts';
import { quietRepeats } from './quiet-repeats.ts';
import type { Clock, LogFields, Logger } from './types.ts';

function recorder(): { lines: [string, LogFields][]; logger: Logger } {
  const lines: [string, LogFields][] = [];
  const record = (own: LogFields): Logger => ({
    ...nullLogger,
    info: (event, fields) => lines.push([event, { ...own, ...fields }]),
    warn: (event, fields) => lines.push([event, { ...own, ...fields }]),
    child: (fields) => record({ ...own, ...fields }),
  });
  return { lines, logger: record({}) };
}

function handClock(): Clock & { nowMs: number } {
  return {
    nowMs: 0,
    now() {
      return this.nowMs;
    },
    wallTime: () => 0,
    after: () => ({ cancel: () => {} }),
    soon: () => {},
    afterIo: () => {},
  };
}

it('writes the first, then every doubling, and counts per thing', () => {
  const { lines, logger } = recorder();
  const quiet = quietRepeats(logger, handClock());
  for (let turn = 1; turn <= 9; turn += 1)
    quiet.warn('peer.unreachable', { peer: 2, tookMs: turn });
  quiet.warn('peer.unreachable', { peer: 3 });
  expect(lines.map(([, fields]) => [fields['peer'], fields['repeats']])).toEqual([
    [2, undefined],
    [2, 2],
    [2, 4],
    [2, 8],
    [3, undefined],
  ]);
});

it('tells at recovery how often and how long, and begins anew', () => {
  const { lines, logger } = recorder();
  const clock = handClock();
  const quiet = quietRepeats(logger, clock, {
    recoveries: { 'peer.connected': ['peer.unreachable'] },
  }).child({ node: 'a' });
  for (let turn = 0; turn < 5; turn += 1) {
    clock.nowMs = turn * 100;
    quiet.warn('peer.unreachable', { peer: 2, reason: 'refused' });
  }
  quiet.info('peer.connected', { peer: 3 });
  quiet.info('peer.connected', { peer: 2 });
  quiet.warn('peer.unreachable', { peer: 2, reason: 'refused' });
  expect(lines.slice(-3)).toEqual([
    ['peer.connected', { node: 'a', peer: 3 }],
    [
      'peer.connected',
      { node: 'a', peer: 2, after: [{ event: 'peer.unreachable', count: 5, forMs: 400 }] },
    ],
    ['peer.unreachable', { node: 'a', peer: 2, reason: 'refused' }],
  ]);
});

it('after a quiet time a repeat is a new first that says what came before', () => {
  const { lines, logger } = recorder();
  const clock = handClock();
  const quiet = quietRepeats(logger, clock, { quietMs: 1_000 });
  for (let turn = 0; turn < 3; turn += 1) quiet.warn('disk.slow');
  clock.nowMs = 1_001;
  quiet.warn('disk.slow');
  expect(lines.at(-1)).toEqual([
    'disk.slow',
    { before: { event: 'disk.slow', count: 3, forMs: 0 } },
  ]);
});
