/**
 * A node that leads, and strangers at its peer port that know the cluster's name and id: they are refused by
 * name, become nobody's peers, and nothing of them is written. Real sockets, a log in memory.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';

import { JournalMachine } from '../../sim/rigs/test-cluster.ts';
import { freePorts } from '../../test/free-ports.ts';
import { type Identity, MemoryStorage } from '../storage/index.ts';
import { decodeHandshake, encodeHandshake, HandshakeType } from '../transport/handshake-codec.ts';
import { TcpTransport } from '../transport/index.ts';
import { nullLogger, realWorld } from '../world/index.ts';
import { defaultConfig } from './config.ts';
import { RaftNode } from './raft-node.ts';

const STRANGERS = 20;
let node: RaftNode;

afterEach(() => node.stop());

function hello(to: Identity, at: number): Uint8Array {
  const nonce = randomBytes(16).toString('hex');
  const { clusterName, clusterId } = to;
  return encodeHandshake({
    type: HandshakeType.Hello,
    versionMin: 1,
    versionMax: 1,
    purpose: 'messages',
    nonce,
    target: to.raftId,
    lost: undefined,
    identity: {
      clusterName,
      clusterId,
      nodeId: `stranger-${at}`,
      raftId: 1_000_000 + at,
      incarnation: 'nowhere',
      address: '127.0.0.1:1',
      session: nonce,
    },
  });
}

describe('strangers', () => {
  it('are refused by a leader, and leave no trace: no peer, no byte on the disk', async () => {
    const [port = 0] = await freePorts(1);
    const world = { ...realWorld(), logger: nullLogger };
    const storage = new MemoryStorage();
    const transport = new TcpTransport({ ...world, listen: { host: '127.0.0.1', port } });
    const members = [{ nodeId: 'n1', address: `127.0.0.1:${port}` }];
    const cluster = { name: 'test', members };
    const config = { ...defaultConfig(), tickIntervalMs: 20, nodeId: 'n1', cluster };
    node = new RaftNode(config, { world, storage, transport, machine: new JournalMachine() });
    await node.start();
    await node.propose(Buffer.from('it leads'));

    for (let at = 0; at < STRANGERS; at++) {
      const socket = connect(port, '127.0.0.1');
      socket.write(hello(storage.identity as Identity, at));
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      expect(decodeHandshake(bytes)?.message).toMatchObject({ code: 'unknown-node' });
      socket.destroy();
    }
    expect(transport.status()).toEqual([]);
    expect(await storage.readFact('incarnations')).toBeUndefined();
  });
});
