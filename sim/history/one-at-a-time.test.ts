/** Goal: a history in which a client can not have done what it says is refused, with both lines. */
import { expect, it } from 'vitest';

import { checkHistoryFile } from './check-file.ts';
import { get, put } from './history.fixture.ts';
import { writeHistory } from './json-lines.ts';
import type { HistoryOperation } from './operation.ts';

const check = (...history: HistoryOperation[]) => checkHistoryFile(writeHistory(history));

it('takes clients that work at the same time, and one that goes on in the moment of its last answer', () => {
  const other = get('a', '1', [0, 9], { client: 2 });
  expect(
    check(put('a', '1', [0, 5]), other, get('a', '1', [5, 5]), get('a', '1', [5, 8])).isOk,
  ).toBe(true);
});

it('refuses two operations of one client that overlap, in whatever order they stand', () => {
  const [one, two] = [put('a', '1', [0, 5]), get('a', '1', [4, 8])];
  expect(() => check(one, two)).toThrow(
    /line 2: .*put "a" "1".* of line 1 and .*get "a".* overlap/,
  );
  expect(() => check(two, one)).toThrow(/line 2: .*get "a".* of line 1 and .*put "a".* overlap/);
});

it('refuses a client that goes on after an outcome that stayed unknown', () => {
  expect(() => check(put('a', '1', [0, null]), get('a', '1', [6, 8]))).toThrow('after an unknown');
  expect(check(put('a', '1', [0, null]), get('a', '1', [6, 8], { client: 2 })).isOk).toBe(true);
});

it('refuses a line that stands there twice, and counts empty lines as lines', () => {
  const [line = ''] = writeHistory([put('a', '1', [0, 5])]);
  const again = 'history line 4 is the operation of line 2 once more';
  expect(() => checkHistoryFile(['', line, '', line])).toThrow(again);
});
