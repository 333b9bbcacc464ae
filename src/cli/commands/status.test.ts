/** Goal: the remarks below the table of `quorate status` are true. Method: made-up answers of nodes. */
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';

import { askHttp } from '../http-status.ts';

import { type AskedNode, hintsOf } from './status.ts';

const NODES = ['n1', 'n2', 'n3'];

/** What a node says of itself, and of whom it is connected to. */
function asked(nodeId: string, connected: readonly string[], more: object = {}): AskedNode {
  const members = NODES.map((name) => ({
    nodeId: name,
    role: 'voter',
    address: `${name}:7100`,
    connected: name === nodeId || connected.includes(name),
  }));
  const status = {
    ...{ nodeId, members, clusterName: 'test', clusterId: 'c', version: '1', stateHash: '0' },
    ...{ role: nodeId === 'n1' ? 'leader' : 'follower', phase: 'running', term: 1, revision: 1 },
    ...{ appliedIndex: 9, commitIndex: 9 },
    ...more,
  };
  return { address: `${nodeId}:7300`, reachable: true, ready: true, notReady: [], status };
}

const hints = (...nodes: AskedNode[]): string => hintsOf(nodes, '--nodes').join('\n');

describe('the remarks of quorate status', () => {
  it('count nodes that were not asked, when one that was is connected to them', () => {
    const one = hints(asked('n1', ['n2', 'n3']));
    expect(one).toContain('3 of 3 voters up: bears 1 more failure (all up: 1).');
    expect(one).toContain('Not asked, but connected: n2, n3.');
    expect(one).not.toContain('!');
  });

  it('name a majority that is lost, whoever was asked', () => {
    expect(hints(asked('n1', []))).toContain(
      '! Only 1 of the 2 voters needed answer: writes wait. Start n2 (n2:7100) or n3 (n3:7100).',
    );
    const two = hints(asked('n1', ['n2']), asked('n2', ['n1']));
    expect(two).toContain('2 of 3 voters up: bears 0 more failures');
  });

  it('do not take the word of others for one that was asked and has failed', () => {
    const failed = asked('n2', [], {
      phase: 'failed',
      failure: { code: 'DISK_FULL', message: 'x' },
    });
    expect(hints(asked('n1', ['n2', 'n3']), failed)).toContain('2 of 3 voters up');
  });

  it('say what becomes of a node that was removed', () => {
    const members = ['n2', 'n3'].map((nodeId) => ({ nodeId, role: 'voter', address: '' }));
    const left = asked('n1', [], { leaving: true, members, role: 'follower' });
    const text = hints({ ...left, ready: false, notReady: ['the node was removed'] });
    expect(text).toContain('! n1 was removed, and ends when the others tell it: leave it running.');
    expect(text).toContain('(quorate members remove n1)');
    expect(text).not.toContain('is not ready');
    expect(hints(asked('n1', [], { leaving: false }))).not.toContain('was removed');
  });

  it('name a divergence, with the hash of each', () => {
    const divergence = { index: 128, hashes: { n1: 'aa', n2: 'bb' } };
    expect(hints(asked('n1', ['n2', 'n3'], { divergence }))).toContain(
      '! the states of nodes differ at log index 128: n1 aa, n2 bb.',
    );
  });

  it('tell learners from voters', () => {
    const node = asked('n1', ['n2', 'n3']);
    const members = [
      ...(node.status?.members ?? []),
      { nodeId: 'n4', role: 'learner', address: '' },
    ];
    expect(hints(asked('n1', ['n2', 'n3'], { members }))).toContain(
      'members: n1, n2, n3, n4 (learner)',
    );
  });

  it('name the door that is meant where one that speaks no HTTP was asked', async () => {
    const door = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume().end(Buffer.from('51554f5200000001', 'hex'));
    });
    await new Promise<void>((listening) => door.listen(0, '127.0.0.1', listening));
    const address = `127.0.0.1:${(door.address() as AddressInfo).port}`;
    const answer = await askHttp(address, '/v1/status', 2_000);
    await new Promise((closed) => door.close(closed));
    expect(answer).toEqual({ reachable: false, reason: 'what answers there speaks no HTTP' });
    const error = answer.reachable ? '' : answer.reason;
    const asked = { address, reachable: false, ready: false, notReady: [], error };
    expect(hints(asked)).toContain('status asks the HTTP door (');
    expect(hints(asked)).not.toContain('Start it');
  });
});
