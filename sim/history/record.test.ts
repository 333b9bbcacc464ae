/**
 * Goal: what is recorded is what happened, in the order in which it happened; and what is written as lines
 * is read back as it was, or refused by line and field.
 */
import { describe, expect, it } from 'vitest';
import { operationLine, readHistory, writeHistory } from './json-lines.ts';
import { drawFrom, makeHistory } from './made-history.fixture.ts';
import { HistoryRecorder } from './recorder.ts';

describe('the recorder', () => {
  it('keeps order where the clock stands still', () => {
    const recorder = new HistoryRecorder();
    const first = recorder.begin({ client: 1, op: 'put', key: 'a', value: '1' }, 5);
    recorder.end(first, { ok: true, output: null, revision: 1 }, 5);
    const second = recorder.begin({ client: 2, op: 'get', key: 'a' }, 5);
    recorder.end(second, { ok: true, output: '1', revision: 1 }, 5);
    const [one, two] = recorder.operations();
    expect(one?.return).toBeLessThan(two?.call ?? 0);
    expect(one).toEqual({
      client: 1,
      op: 'put',
      key: 'a',
      value: '1',
      expect: null,
      output: null,
      ok: true,
      call: 5,
      return: 6,
      revision: 1,
    });
  });

  it('takes a repeated request for one operation', () => {
    const recorder = new HistoryRecorder();
    const first = recorder.begin({ client: 1, op: 'put', key: 'a', value: '1' }, 0, 's1/1');
    recorder.end(first, { ok: null }, 10);
    expect(recorder.open).toBe(0);
    const again = recorder.begin({ client: 1, op: 'put', key: 'a', value: '1' }, 20, 's1/1');
    expect(again).toBe(first);
    expect(recorder.open).toBe(1);
    recorder.end(again, { ok: true, output: null }, 30);
    expect(recorder.operations()).toMatchObject([{ call: 0, return: 30, ok: true }]);
    expect(() => recorder.begin({ client: 1, op: 'get' }, 40, 's1/1')).toThrow(/s1\/1/);
  });

  it('leaves open what did not end: unknown', () => {
    const recorder = new HistoryRecorder();
    const open = recorder.begin({ client: 1, op: 'delete', key: 'a' }, 0);
    expect(recorder.operations()).toMatchObject([{ ok: null, return: null, output: null }]);
    recorder.end(open, { ok: false }, 1);
    expect(recorder.operations()).toMatchObject([{ ok: false, return: 1 }]);
    expect(() => recorder.end(open, { ok: false }, 2)).toThrow(/ended already/);
    expect(recorder.size).toBe(1);
  });
});

const LINE =
  '{"client":1,"op":"cas","key":"a","value":"2","expect":"1","output":false,"ok":true,"call":12,"return":34}';

describe('JSON lines', () => {
  it('are what they say, with the fields in their order', () => {
    const [operation] = readHistory([LINE]);
    expect(operation).toEqual(JSON.parse(LINE));
    expect(operation && operationLine(operation)).toBe(LINE);
  });

  it('come back as they were', () => {
    const shape = { keys: ['a', 'b'], values: ['1', '2'], unknownShare: 5, openMax: 3 };
    const history = makeHistory(drawFrom(7), { ...shape, operations: 300, isWhole: true });
    expect(readHistory(writeHistory(history))).toEqual(history);
  });

  it('may hold more fields, and empty lines', () => {
    const more = LINE.replace('{', '{"node":"n1",');
    expect(readHistory(['', more, ''])).toEqual([JSON.parse(LINE)]);
  });

  const cases: [string, RegExp][] = [
    [LINE.slice(1), /line 2: line is .*one JSON object/],
    ['[]', /line 2: line is a list/],
    [LINE.replace('"cas"', '"swap"'), /line 2: op is "swap": give put, get, cas/],
    [LINE.replace('"client":1,', ''), /line 2: client is missing/],
    [LINE.replace('"key":"a"', '"key":7'), /line 2: key is 7/],
    [
      LINE.replace('"value":"2"', '"value":null'),
      /line 2: value is null: give the text that it writes$/,
    ],
    [LINE.replace('"output":false', '"output":null'), /line 2: output is null: give true or false/],
    [LINE.replace('"ok":true', '"ok":1'), /line 2: ok is 1: give true, false or null/],
    [LINE.replace('"ok":true', '"ok":null'), /line 2: return is 34: give null, since ok is null/],
    [LINE.replace('"return":34', '"return":null'), /return is null.*\(null is for ok: null\)/],
    [LINE.replace('"call":12', '"call":1.5'), /line 2: call is 1.5/],
    [LINE.replace('34', '11'), /line 2: return is 11.*not before call/],
    [LINE.replace('34}', '34,"revision":-1}'), /line 2: revision is -1/],
  ];
  for (const [line, words] of cases) {
    it(`are refused: ${words.source}`, () =>
      expect(() => readHistory([LINE, line])).toThrow(words));
  }

  it('of transactions answer each step of the branch taken', () => {
    const line =
      '{"client":1,"op":"txn","key":"","then":[{"op":"get","key":"a"}],"output":{"succeeded":true,"steps":[STEPS]},"ok":true,"call":1,"return":2}';
    expect(readHistory([line.replace('STEPS', '"1"')])).toHaveLength(1);
    for (const steps of ['', '"1","2"', 'true']) {
      expect(() => readHistory([line.replace('STEPS', steps)])).toThrow(/output/);
    }
  });
});
