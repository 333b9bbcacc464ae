/** Goal: a machine sees its node's clock in all that it does, also behind an await and in chunks made later. */
import { expect, it } from 'vitest';
import type { StateMachine } from '../../src/consensus/index.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import { MachineSky, underSkies } from './machine-sky.ts';
import { WatchedMachine } from './watched-machine.ts';

const NOW = '2026-01-01T00:00:00.000Z';

function looking(seen: string[]): StateMachine {
  const look = (): Uint8Array => {
    seen.push(new Date().toISOString());
    return new Uint8Array(1);
  };
  const later = async (): Promise<Uint8Array> => {
    await new Promise((resolve) => setImmediate(resolve));
    return look();
  };
  return {
    applyBatch: (commands) => commands.map(() => ({ code: 0, bytes: look() })),
    snapshot: () => [
      { name: 'app.list', chunks: [look()] },
      {
        name: 'app.lazy',
        chunks: (function* () {
          yield look();
          yield look();
        })(),
      },
      {
        name: 'app.async',
        chunks: (async function* () {
          yield await later();
          yield await later();
        })(),
      },
    ],
    restore: async () => {
      await later();
      await later();
    },
  };
}

it('keeps the sky over restore behind its awaits, and over chunks that are made later', async () => {
  const seen: string[] = [];
  const random = new SeededRandom(1, 'sky');
  const sky = new MachineSky({ random, nowMs: () => 0, awayMs: 0 });
  await underSkies(async () => {
    const machine = new WatchedMachine(() => looking(seen), sky);
    const sections = machine.snapshot();
    expect(seen).toHaveLength(1);
    const chunks: Uint8Array[] = [];
    for (const section of sections) for await (const chunk of section.chunks) chunks.push(chunk);
    expect(chunks).toHaveLength(5);
    await machine.restore({ section: () => undefined });
  });
  expect(seen).toHaveLength(7);
  expect(new Set(seen)).toEqual(new Set([NOW]));
});
