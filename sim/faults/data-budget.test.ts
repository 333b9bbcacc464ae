/** How much data may be destroyed: a minority, until all is whole again. */
import { describe, expect, it } from 'vitest';
import { DataBudget } from './data-budget.ts';

function electorateOf(size: number): {
  names: string[];
  isShrinking: boolean;
  voters(): readonly string[];
} {
  const names = Array.from({ length: size }, (_, at) => `n${at + 1}`);
  return { names, isShrinking: false, voters: () => names };
}

describe('the budget of destroyed data', () => {
  it.each([
    [1, 0],
    [2, 0],
    [3, 1],
    [4, 1],
    [5, 2],
    [6, 2],
    [7, 3],
  ])('of %i voters bears the loss of %i', (size, bearable) => {
    const electorate = electorateOf(size);
    const budget = new DataBudget(electorate);
    let lost = 0;
    for (const name of electorate.names) {
      if (!budget.allows(name)) continue;
      budget.spend(name);
      lost += 1;
    }
    expect(lost).toBe(bearable);
    expect(budget.lost.length).toBe(bearable);
    const rest = electorate.names.filter((name) => !budget.lost.includes(name));
    expect(() => budget.spend(rest[0] ?? 'n1')).toThrow('must not be destroyed');
  });

  it('counts one that was replaced until all is whole', () => {
    const budget = new DataBudget(electorateOf(3));
    budget.spend('n1');
    budget.replaced('n1');
    expect(budget.lost).toEqual([]);
    expect(budget.allows('n2')).toBe(false);
    // It may lose its data once more: that is no other one.
    expect(budget.allows('n1')).toBe(true);
    budget.allIsWhole();
    expect(budget.allows('n2')).toBe(true);
  });

  it('goes by the fewest voters that there were meanwhile', () => {
    const electorate = electorateOf(5);
    const budget = new DataBudget(electorate);
    budget.spend('n1');
    electorate.names.splice(3);
    expect(budget.allows('n2')).toBe(false);
    electorate.names.push('n4', 'n5');
    expect(budget.allows('n2')).toBe(false);
  });

  it('bears nothing while the voters become fewer, nor lets them while anything is lost', () => {
    const electorate = electorateOf(3);
    const budget = new DataBudget(electorate);
    expect(budget.allowsShrinking).toBe(true);
    electorate.isShrinking = true;
    expect(budget.allows('n1')).toBe(false);
    electorate.isShrinking = false;
    budget.spend('n1');
    expect(budget.allowsShrinking).toBe(false);
  });
});
