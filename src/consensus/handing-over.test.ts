/** When a leader that hands over need not be waited for any more, by what its core knows. */
import { expect, it } from 'vitest';
import { NONE } from '../raft/index.ts';
import { hasGivenUp } from './handing-over.ts';

const [SELF, HEIR, OTHER] = [1, 2, 3];

it.each([
  ['it leads and hands over', SELF, HEIR, false],
  ['it leads and has given up', SELF, NONE, true],
  ['it leads and hands over to another one by now', SELF, OTHER, true],
  ['nobody leads: the heir may be elected', NONE, NONE, false],
  ['the heir leads', HEIR, NONE, false],
  ['another one leads', OTHER, NONE, true],
])('%s', (_, lead, leadTransferee, isOver) => {
  expect(hasGivenUp({ lead, leadTransferee }, HEIR)).toBe(isOver);
});
