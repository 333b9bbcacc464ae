/** Watching: who watches leaders or members may leave at any moment, and nothing of it stays behind. */
import { begun, type CaseSpec, type Checks, nextTurn } from '../kit/index.ts';
import type { EngineBench } from './bench.ts';

type EngineCase = CaseSpec<EngineBench>;

export function watchCases(): EngineCase[] {
  return [
    {
      id: 'watch/left',
      title: 'a watch that is left while it waits for the next change ends at once',
      body: async (checks, bench) => {
        const [leader, follower] = await bench.trio(checks);
        for (const { engine } of [leader, follower]) {
          await leaveWaiting(checks, 'leaderChanges', () => engine.leaderChanges());
          await leaveWaiting(checks, 'memberChanges', () => engine.memberChanges());
        }
        await bench.write(checks, follower, 'the engines go on');
      },
    },
  ];
}

async function leaveWaiting(
  checks: Checks,
  name: string,
  watch: () => AsyncIterable<unknown>,
): Promise<void> {
  const iterator = checks.returns(`${name} can be watched`, () => watch()[Symbol.asyncIterator]());
  const first = await checks.resolves(`${name} begins at once`, () => iterator.next());
  checks.equal(`${name} begins with the present state`, first.done === true, false);
  // A change may come in between; then this one is not the last, and does not wait.
  const waiting = begun(() => iterator.next());
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  const clause = `${name}: \`return\` ends the watch, whatever it waits for`;
  const end = await checks.resolves(clause, () => iterator.return?.());
  checks.equal(clause, end?.done, true);
  await checks.resolves(`${name}: who waited for the next change is told`, () => waiting);
  const after = await checks.resolves(`${name}: nothing follows`, () => iterator.next());
  checks.equal(`${name}: nothing follows`, after.done, true);
}
