/** A data folder of another state machine: the node says so, and what to do, when it is started. */
import { describe, expect, it } from 'vitest';
import { ClusterError } from '../errors.ts';
import { KvMachine, simpleMachine } from '../state/index.ts';
import { restoreMachine } from './machine-restore.ts';

const jobs = simpleMachine({
  apply: () => new Uint8Array(0),
  snapshot: () => new Uint8Array(0),
  restore: (state) => {
    for (const [id] of JSON.parse(Buffer.from(state).toString())) void id;
  },
});

function readerOf(
  sections: Readonly<Record<string, string>>,
): Parameters<typeof restoreMachine>[1] {
  return {
    section: (name) => {
      const text = sections[name];
      return text === undefined ? undefined : chunksOf(text);
    },
  };
}

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

describe('a snapshot that the machine can not restore', () => {
  it('is told as one of another machine, with what the machine threw', async () => {
    const work = restoreMachine(jobs, readerOf({ 'app.state': '12' }), 9);
    await expect(work).rejects.toMatchObject({
      code: 'STATE_MACHINE_FAILED',
      message: expect.stringMatching(
        /snapshot at index 9: .*not iterable.*another state machine, or by another version.*folder/,
      ),
      cause: expect.any(TypeError),
      details: { index: 9 },
    });
  });

  it.each([
    [jobs, { 'app.other': 'x' }, /it has no section app\.state/],
    [new KvMachine(), { 'app.kv.meta': 'x' }, /it has no section /],
  ])('names the sections that are not there', async (machine, sections, message) => {
    const work = restoreMachine(machine, readerOf(sections), 9);
    await expect(work).rejects.toMatchObject({
      code: 'STATE_MACHINE_FAILED',
      message: expect.stringMatching(message),
    });
  });

  it("leaves Quorate's own errors as they are", async () => {
    const stopped = new ClusterError('NODE_STOPPED', 'stopped');
    const machine = { ...jobs, restore: () => Promise.reject(stopped) };
    await expect(restoreMachine(machine, readerOf({}), 9)).rejects.toBe(stopped);
  });

  it('is the machine of a synchronous throw, too, or of anything thrown', async () => {
    const restore = (): never => {
      throw 'text';
    };
    const work = restoreMachine({ ...jobs, restore }, readerOf({}), 9);
    await expect(work).rejects.toThrow(/at index 9: text\./);
  });
});
