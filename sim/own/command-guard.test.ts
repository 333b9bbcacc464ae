/** Goal: a machine that writes into its commands is told so, at once or when it does so later, and the log is whole. */
import { expect, it } from 'vitest';
import { CommandGuard } from './command-guard.ts';

it('names the command, what it was and what it became, and puts it back', () => {
  const guard = new CommandGuard();
  const [one, other] = [Buffer.from('put a'), Buffer.from('put b')];
  guard.keep([one, other], 57);
  expect(() => guard.look('apply')).not.toThrow();
  other[0] = 0x63;
  expect(() => guard.look('apply')).toThrow(
    'apply changed the bytes of command 57 ("put b" became "cut b"); they belong to the log: copy them',
  );
  expect(String(other)).toBe('put b');
  expect(() => guard.look('apply')).not.toThrow();
});

it('finds one that was kept and is written into later', () => {
  const guard = new CommandGuard();
  const early = Buffer.from('early');
  guard.keep([early], 5);
  for (let index = 6; index < 20; index++) guard.keep([Buffer.from('later')], index);
  early.fill(0);
  expect(() => guard.look('applyBatch')).toThrow(
    'changed the bytes of command 5 (0x6561726c79 became 0x0000000000)',
  );
});
