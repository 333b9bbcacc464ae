/**
 * What to tell somebody who asked for a route that is not there: the methods that the path does take, or
 * the routes whose paths come nearest.
 */
import type { Route } from './http-routes.ts';

const HINTS_MAX = 3;
const PATH_CHARS_MAX = 120;

function matches(pattern: string, path: string): boolean {
  const parts = pattern.split('/');
  const given = path.split('/');
  return (
    parts.length === given.length &&
    parts.every((part, at) => (part.startsWith('{') ? given[at] !== '' : part === given[at]))
  );
}

/** `routed` is the path with a placeholder for a key. */
export function methodsOf(routes: readonly Route[], routed: string): string[] {
  const matching = routes.filter((route) => matches(route.path, routed));
  const methods = matching.map((route) => route.method);
  const hasHead = matching.some((route) => route.method === 'GET' && !route.isStream);
  return hasHead ? ['HEAD', ...methods] : methods;
}

export function nearestRoutes(routes: readonly Route[], path: string): string[] {
  const asked = path.slice(0, PATH_CHARS_MAX);
  const ranked = routes
    .map((route) => ({ route, distance: distanceTo(asked, route.path) }))
    .filter(({ route, distance }) => distance <= Math.max(3, route.path.length / 2))
    .sort((one, other) => one.distance - other.distance);
  return ranked.slice(0, HINTS_MAX).map(({ route }) => `${route.method} ${route.path}`);
}

/** Edits from one text to the other (Levenshtein), one row at a time. */
function distanceTo(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const change = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
