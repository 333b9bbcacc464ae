/**
 * Goal: arrays of entries are handed through, and none that somebody else holds is ever changed.
 * Method: hold on to what was given and taken, change the log in every way, look again.
 */
import { expect, it } from 'vitest';

import { makeEntry } from './entries.ts';
import type { Entry } from './types.ts';
import { Unstable } from './unstable.ts';

function entries(term: number, from: number, to: number): Entry[] {
  const list: Entry[] = [];
  for (let index = from; index <= to; index++) {
    list.push(makeEntry(term, index, 0, new Uint8Array(1)));
  }
  return list;
}

it('hands one array through, to the disk and to the followers', () => {
  const unstable = new Unstable(5);
  const given = entries(1, 5, 7);
  unstable.truncateAndAppend(given);
  expect(unstable.nextEntries()).toBe(given);
  expect(unstable.slice(5, 8)).toBe(given);
});

it('changes no array that it was given or has handed out', () => {
  const unstable = new Unstable(5);
  const held: { readonly list: readonly Entry[]; readonly as: readonly Entry[] }[] = [];
  const hold = (list: readonly Entry[]): void => void held.push({ list, as: [...list] });
  const append = (list: readonly Entry[]): void => {
    hold(list);
    unstable.truncateAndAppend(list);
    hold(unstable.nextEntries());
    hold(unstable.slice(unstable.offset, (unstable.lastIndex() ?? 0) + 1));
  };
  append(entries(1, 5, 7));
  append(entries(1, 8, 8));
  append(entries(1, 9, 9));
  unstable.acceptInProgress();
  append(entries(1, 10, 11));
  unstable.stableTo(9, 1);
  append(entries(1, 12, 12));
  append(entries(2, 11, 12));
  append(entries(3, 8, 9));
  unstable.stableTo(9, 3);
  append(entries(3, 10, 10));
  append(entries(3, 11, 11));
  for (const { list, as } of held) expect(list).toEqual(as);
  expect(unstable.slice(10, 12)).toEqual(entries(3, 10, 11));
});
