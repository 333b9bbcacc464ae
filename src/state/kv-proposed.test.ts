/** What is proposed to a whole node with a key-value machine, past every door: nothing of it stops the node. */
import { describe, expect, it } from 'vitest';
import { TestCluster } from '../../sim/rigs/test-cluster.ts';
import { encodeCommand } from './command-codec.ts';
import { composeMachines } from './composite-machine.ts';
import { resultToError, unwrapResult } from './index.ts';
import { KvMachine } from './kv-machine.ts';
import { bytes, put } from './state.fixture.ts';

const GARBAGE = ['', '02', '0101ff', '010107', '010105000109', '0101010561'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

describe('a node with a key-value machine', () => {
  it('proposes nothing that is no command', async () => {
    for (const machine of [new KvMachine(), composeMachines([new KvMachine()])]) {
      await using cluster = new TestCluster(1);
      const { node } = await cluster.start('n1', undefined, { machine: machine as never });
      await node.propose(encodeCommand(put('k', 'v')));
      const { lastIndex } = node.status();
      for (const command of [...GARBAGE, Buffer.from('010201', 'hex')]) {
        await expect(node.propose(command)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
      }
      await expect(
        node.propose(encodeCommand({ kind: 'put', key: bytes(''), value: bytes('') })),
      ).rejects.toMatchObject({ code: 'KEY_INVALID' });
      expect(node.status()).toMatchObject({ phase: 'running', lastIndex });
    }
  });

  it('goes on behind what was committed all the same', async () => {
    const kv = new KvMachine();
    const unchecked = {
      applyBatch: kv.applyBatch.bind(kv),
      snapshot: kv.snapshot.bind(kv),
      restore: kv.restore.bind(kv),
    };
    await using cluster = new TestCluster(1);
    const { node } = await cluster.start('n1', undefined, { machine: unchecked as never });
    for (const command of GARBAGE) {
      expect(resultToError(await node.propose(command))).toMatchObject({ code: 'REQUEST_INVALID' });
    }
    const result = await node.propose(encodeCommand(put('k', 'v')));
    expect(unwrapResult(result)).toEqual({ kind: 'put', revision: 1 });
    expect(node.phase).toBe('running');
  });
});
