/** What may be tuned about connections: wrong numbers and names are refused, with the field's name. */
import { expect, it } from 'vitest';
import { resolveOptions, TRANSPORT_DEFAULTS } from './options.ts';

it.each([
  [{ bulkBytesPerSecond: -1 }, 'transport.bulkBytesPerSecond is -1: give a number above 0'],
  [{ bulkBytesPerSecond: Number.NaN }, 'transport.bulkBytesPerSecond is NaN'],
  [{ bulkBytesPerSecond: 0 }, 'transport.bulkBytesPerSecond is 0'],
  [{ bulkBytesPerSecond: '9' }, 'transport.bulkBytesPerSecond is "9"'],
  [{ deadAfterMs: 0 }, 'transport.deadAfterMs is 0'],
  [
    { pingIntervalMs: 2_000, deadAfterMs: 3_999 },
    'transport.deadAfterMs is 3999: give at least twice transport.pingIntervalMs, which is 2000',
  ],
  [{ pingIntervalMs: 1_501 }, 'transport.deadAfterMs is 3000: give at least twice'],
  [{ deadAfterMs: 1_999 }, 'transport.pingIntervalMs, which is 1000'],
  [{ bulkWindowBytes: 1.5 }, 'transport.bulkWindowBytes is 1.5: give a whole number above 0'],
  [{ backoff: { jitter: 1 } }, 'transport.backoff.jitter is 1'],
  [{ backoff: { multiplier: 0.5 } }, 'transport.backoff.multiplier is 0.5'],
  [{ backoff: null }, 'transport.backoff is null'],
  [{ breaker: { failuresMax: 0 } }, 'transport.breaker.failuresMax is 0'],
  [{ breaker: { reset: 1 } }, 'did you mean resetMs?'],
  [{ pingInterval: 5 }, 'did you mean pingIntervalMs?'],
  [null, 'transport is null'],
  ['x', 'transport is "x"'],
])('%j is refused by name', (options, message) => {
  expect(() => resolveOptions(options as never)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(message),
    }),
  );
});

it('what is left out, or undefined, has its default', () => {
  const options = { pingIntervalMs: undefined, backoff: { maxMs: undefined } } as never;
  expect(resolveOptions(options)).toEqual(TRANSPORT_DEFAULTS);
  expect(resolveOptions({ deadAfterMs: 9_000 }).deadAfterMs).toBe(9_000);
  expect(resolveOptions({ pingIntervalMs: 1_500 }).pingIntervalMs).toBe(1_500);
});
