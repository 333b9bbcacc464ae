/**
 * What `observe` may not answer. The rule that it protects: who gives it wants states compared; what shows nothing
 * is equal on all nodes, whatever they hold, and would switch the comparison off without a word.
 */
import { shown } from '../../src/given.ts';

/** In words, what is wrong with it; `undefined`: nothing. */
export function viewFault(view: unknown): string | undefined {
  if (view !== undefined && !(view instanceof Promise)) return undefined;
  if (view instanceof Promise) view.catch(() => undefined);
  return (
    `${shown(view)}, which compares nothing: return, at once, the data that must be the same on all nodes, or ` +
    'leave observe out'
  );
}
