/**
 * Signals: whoever gives up is let go at once, whatever the node is waiting for, and nobody else is; what was
 * proposed may still take effect, and a signal that fires when all is done does nothing.
 */
import { begun, type CaseSpec, codeOf, nextTurn } from '../kit/index.ts';
import { bytesOf, type EngineBench, type Node } from './bench.ts';

type EngineCase = CaseSpec<EngineBench>;

/** Longer than any case: what ends has not come to its own deadline. */
const NEVER_MS = 10 ** 9;

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

/** `submit`, as a promise that rejects with what its listener is told. */
function submitted({ engine }: Node, command: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const listener = { applied: () => resolve(), failed: reject };
    engine.submit(bytesOf(command), { signal, timeoutMs: NEVER_MS }, listener);
  });
}

export function signalCases(): EngineCase[] {
  return [
    {
      id: 'signal/ends-the-wait',
      title: 'a signal that fires during a wait ends that wait at once, with ABORTED, and no other',
      body: async (checks, bench) => {
        const [leader, one, other] = await bench.trio(checks);
        await bench.write(checks, leader, 'before');
        await Promise.all([one, other].map((node) => begun(() => node.engine.stop())));
        // Without a majority nothing comes of any of them, so all of it waits.
        const { engine, journal } = leader;
        const caller = new AbortController();
        const options = { signal: caller.signal, timeoutMs: NEVER_MS };
        const ended: string[] = [];
        const waiting = {
          propose: begun(() => engine.propose(bytesOf('proposed'), options)),
          submit: begun(() => submitted(leader, 'submitted', caller.signal)),
          readBarrier: begun(() => engine.readBarrier(options)),
        };
        const patient = begun(() => engine.propose(bytesOf('patient'), { timeoutMs: NEVER_MS }));
        for (const [name, work] of Object.entries({ ...waiting, patient })) {
          const note = (): number => ended.push(name);
          work.then(note, note);
        }
        await settled();
        checks.equal('nothing has ended before the signal', ended, []);
        caller.abort();
        for (const [name, work] of Object.entries(waiting)) {
          const clause = `a signal ends the wait of \`${name}\``;
          await checks.rejects(clause, () => work, ['ABORTED']);
        }
        await settled();
        checks.equal('who gave no signal waits on', ended.includes('patient'), false);
        checks.equal('nothing was applied', journal.commands, ['before']);
      },
    },
    {
      id: 'signal/too-late',
      title: 'a signal that fires when the wait is over does nothing',
      body: async (checks, bench) => {
        for (const node of await bench.trio(checks)) {
          const { engine } = node;
          const caller = new AbortController();
          const { signal } = caller;
          const told: string[] = [];
          const listener = {
            applied: () => void told.push('applied'),
            failed: (error: Error) => void told.push(codeOf(error) ?? String(error)),
          };
          engine.submit(bytesOf('x'), { signal }, listener);
          await checks.resolves('a barrier resolves', () => engine.readBarrier({ signal }));
          await bench.reach(checks, 'the listener is told', () => told.length > 0);
          await settled();
          const before = [...told];
          caller.abort();
          await settled();
          checks.equal('who was told hears nothing of a later signal', told, before);
          await bench.write(checks, node, 'the node goes on');
        }
      },
    },
  ];
}
