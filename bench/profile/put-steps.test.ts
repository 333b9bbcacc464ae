/** Goal: each step of a put is found, of the right follower. Method: a trace written by hand. */
import { expect, it } from 'vitest';
import { OWN_RECORD, STEPS, stepsOfPuts, WHOLE } from './put-steps.ts';
import { type Call, type CallKind, callsOf } from './syscall-trace.ts';

const CLIENT = 5;
const [FIRST, SECOND] = [7, 8];
const LEADER = 9;

function call(kind: CallKind, fd: number, began: number, ended = began + 1): Call {
  return { kind, fd, began, ended, result: 100 };
}

function put(at: number, slower: number) {
  const follower = (from: number, late: number) => [
    call('read', LEADER, from - 1, from),
    call('store', 3, from + 2, from + 50 + late),
    call('write', LEADER, from + 60 + late),
  ];
  return {
    client: [call('write', LEADER, at), call('read', LEADER, at + 150, at + 160 + slower)],
    leader: [
      call('read', CLIENT, at + 9, at + 10),
      call('write', FIRST, at + 20),
      call('write', SECOND, at + 22),
      call('store', 3, at + 30, at + 90),
      call('read', SECOND, at + 99, at + 100),
      call('write', CLIENT, at + 130),
      call('read', FIRST, at + 139, at + 140 + slower),
    ],
    first: follower(at + 25, slower),
    second: follower(at + 27, 0),
  };
}

it('follows the way over the follower that answered first', () => {
  const puts = [put(0, 30), put(1_000, 40), put(2_000, 50)];
  const steps = stepsOfPuts({
    client: { calls: puts.flatMap(({ client }) => client), toLeader: LEADER },
    leader: { calls: puts.flatMap(({ leader }) => leader), toClient: CLIENT },
    followers: [
      { calls: puts.flatMap(({ first }) => first), toLeader: LEADER, fromLeader: FIRST },
      { calls: puts.flatMap(({ second }) => second), toLeader: LEADER, fromLeader: SECOND },
    ],
  });
  const thrice = (value: number): number[] => [value, value, value];
  const expected = [10, 12, 5, 2, 48, 10, 13, 30];
  for (const [at, value] of expected.entries())
    expect(steps.get(STEPS[at]!)).toEqual(thrice(value));
  expect(steps.get(OWN_RECORD)).toEqual(thrice(60));
  expect(steps.get(WHOLE)).toEqual([190, 200, 210]);
});

it('counts no put of which a part was not seen', () => {
  const { client, leader, first } = put(0, 0);
  const parties = {
    client: { calls: client, toLeader: LEADER },
    leader: { calls: leader, toClient: CLIENT },
  };
  const silent = { calls: first.slice(0, 2), toLeader: LEADER, fromLeader: FIRST };
  expect(stepsOfPuts({ ...parties, followers: [silent] }).size).toBe(0);
});

it('reads what perf tells, thread by thread, and leaves out what failed', () => {
  const text = [
    ' 100/100   10.000001000: raw_syscalls:sys_enter: NR 1 (17, 7f00, 190, 0, 0, 0)',
    ' 100/103   10.000002000: raw_syscalls:sys_enter: NR 18 (1a, 7f01, 200, 400, 0, 0)',
    ' 100/100   10.000003000: raw_syscalls:sys_exit: NR 1 = 400',
    ' 200/200   10.000004000: raw_syscalls:sys_enter: NR 0 (9, 7f02, 10000, 0, 0, 0)',
    ' 200/200   10.000005000: raw_syscalls:sys_exit: NR 0 = -11',
    ' 100/103   10.000152000: raw_syscalls:sys_exit: NR 18 = 512',
    ' 100/103   10.000153000: raw_syscalls:sys_enter: NR 202 (7f, 81, 1, 0, 0, 0)',
    ' 100/104   10.000154000: raw_syscalls:sys_exit: NR 1 = 8',
  ].join('\n');
  expect([...callsOf(text)]).toEqual([
    [
      100,
      [
        { kind: 'write', fd: 23, began: 10.000001, ended: 10.000003, result: 400 },
        { kind: 'store', fd: 26, began: 10.000002, ended: 10.000152, result: 512 },
      ],
    ],
  ]);
});
