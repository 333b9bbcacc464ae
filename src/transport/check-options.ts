/**
 * What somebody may tune about connections, looked at before one is made.
 *
 * The rule that it protects: a wrong number is an error of whoever gave it, at once. As a time limit it
 * would cut every connection or none, as a rate it would hold up every transfer for ever, and both look
 * like a broken network.
 */
import { badField, checkFields } from '../given.ts';
import { PEER_PING_MS, PEER_SILENCE_MS_MAX } from '../limits.ts';
import type { TransportOptions } from './options.ts';

interface Rule {
  readonly holds: (value: number) => boolean;
  readonly words: string;
}

const ABOVE_0: Rule = { holds: (value) => value > 0, words: 'a number above 0' };
const FROM_0: Rule = { holds: (value) => value >= 0, words: 'a number from 0' };
const WHOLE: Rule = {
  holds: (value) => Number.isSafeInteger(value) && value > 0,
  words: 'a whole number above 0',
};
const FROM_1: Rule = { holds: (value) => value >= 1, words: 'a number from 1' };
const PART: Rule = {
  holds: (value) => value >= 0 && value < 1,
  words: 'a number from 0 and below 1',
};

type Rules = Readonly<Record<string, Rule>>;

const OWN: Rules = {
  handshakeTimeoutMs: ABOVE_0,
  pingIntervalMs: ABOVE_0,
  deadAfterMs: ABOVE_0,
  bulkProgressTimeoutMs: ABOVE_0,
  bulkFinishTimeoutMs: ABOVE_0,
  bulkBytesPerSecond: ABOVE_0,
  bulkWindowBytes: WHOLE,
};
const GROUPS: Readonly<Record<string, Rules>> = {
  backoff: { initialMs: FROM_0, maxMs: FROM_0, multiplier: FROM_1, jitter: PART },
  breaker: { failuresMax: WHOLE, resetMs: FROM_0 },
};
const FIELDS: ReadonlySet<string> = new Set([...Object.keys(OWN), ...Object.keys(GROUPS)]);

/** What is absent has a default. @throws ClusterError CONFIG_INVALID. */
export function checkTransportOptions(options: unknown): void {
  if (options === undefined) return;
  checkFields('transport', options, FIELDS, 'CONFIG_INVALID', 'transport.');
  const given = options as Record<string, unknown>;
  checkNumbers(given, OWN, 'transport.');
  checkSilence(given);
  for (const [group, rules] of Object.entries(GROUPS)) {
    const value = given[group];
    if (value === undefined) continue;
    const path = `transport.${group}`;
    checkFields(path, value, new Set(Object.keys(rules)), 'CONFIG_INVALID', `${path}.`);
    checkNumbers(value as Record<string, unknown>, rules, `${path}.`);
  }
}

/** One ping that is lost or late must not end a connection on which nothing else is said. */
function checkSilence(given: Pick<TransportOptions, 'pingIntervalMs' | 'deadAfterMs'>): void {
  const { pingIntervalMs = PEER_PING_MS, deadAfterMs = PEER_SILENCE_MS_MAX } = given;
  if (deadAfterMs >= 2 * pingIntervalMs) return;
  const words = `at least twice transport.pingIntervalMs, which is ${pingIntervalMs}`;
  throw badField('transport.deadAfterMs', deadAfterMs, words, 'CONFIG_INVALID');
}

function checkNumbers(given: Record<string, unknown>, rules: Rules, path: string): void {
  for (const [field, { holds, words }] of Object.entries(rules)) {
    const value = given[field];
    if (value === undefined) continue;
    if (typeof value === 'number' && Number.isFinite(value) && holds(value)) continue;
    throw badField(`${path}${field}`, value, words, 'CONFIG_INVALID');
  }
}
