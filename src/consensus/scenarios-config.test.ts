/**
 * What a node is told before it lives (S-18 to S-20, S-56): every default is the one that is
 * documented, each mistake is named, and a configuration that was handed over is the node's own.
 */
import { expect, it } from 'vitest';
import { JournalMachine } from '../../sim/rigs/test-cluster.ts';
import { EmbeddedEngine } from '../engine/index.ts';
import { ClusterError } from '../errors.ts';
import { MemoryStorage } from '../storage/index.ts';
import { realWorld } from '../world/index.ts';
import { validateConfig } from './check-config.ts';
import { cloneConfig, defaultConfig, type RaftNodeConfig } from './config.ts';
import { RaftNode } from './raft-node.ts';
import { Stage } from './scenarios.fixture.ts';

const MEMBERS = [
  { nodeId: 'a', address: 'host-a:7000' },
  { nodeId: 'b', address: 'host-b:7000' },
];

function valid(changes: Partial<RaftNodeConfig> = {}): RaftNodeConfig {
  return {
    ...defaultConfig(),
    nodeId: 'a',
    cluster: { name: 'test', members: MEMBERS },
    ...changes,
  };
}

function faultOf(config: RaftNodeConfig): ClusterError {
  try {
    validateConfig(config);
  } catch (error) {
    if (error instanceof ClusterError) return error;
    throw error;
  }
  throw new Error('the configuration was taken');
}

it('S-18 the defaults: ticks of 100 ms, election after 10, and the rest as documented', () => {
  expect(defaultConfig()).toMatchObject({
    tickIntervalMs: 100,
    electionTicks: 10,
    heartbeatTicks: 1,
    maxBytesPerMessage: 1024 * 1024,
    maxInflightMessages: 256,
    snapshotIntervalEntries: 10_000,
    snapshotCatchUpEntries: 5_000,
    preVote: true,
    checkQuorum: true,
    disableProposalForwarding: false,
  });
});

it('S-19 a valid configuration passes', () => {
  expect(() => validateConfig(valid())).not.toThrow();
});

it.each<[string, Partial<RaftNodeConfig>, string, RegExp]>([
  ['no node id', { nodeId: '' }, 'nodeId', /nodeId is ""/],
  ['a node id with blanks', { nodeId: 'a b' }, 'nodeId', /nodeId is "a b"/],
  ['an election as short as a heartbeat', { electionTicks: 1 }, 'electionTicks', /greater than/],
  ['no tick', { tickIntervalMs: 0 }, 'tickIntervalMs', /above 0/],
  ['half a heartbeat', { heartbeatTicks: 0.5 }, 'heartbeatTicks', /whole number/],
  ['messages of no size', { maxBytesPerMessage: 0 }, 'maxBytesPerMessage', /above 0/],
  ['nothing in flight', { maxInflightMessages: 0 }, 'maxInflightMessages', /above 0/],
  [
    'less in flight than one message may be',
    { maxBytesPerMessage: 8_192, maxInflightBytes: 8_191 },
    'maxInflightBytes',
    /is 8191: it must be at least maxBytesPerMessage \(8192\)/,
  ],
  ['no snapshot interval', { snapshotIntervalEntries: 0 }, 'snapshotIntervalEntries', /above 0/],
  ['nothing to catch up by', { snapshotCatchUpEntries: -1 }, 'snapshotCatchUpEntries', /above 0/],
  [
    'an address that is none',
    { cluster: { name: 'test', members: [{ nodeId: 'a', address: '' }] } },
    'cluster.members[0].address',
    /host:port/,
  ],
  [
    'a member listed twice',
    { cluster: { name: 'test', members: [MEMBERS[0]!, { nodeId: 'a', address: 'c:1' }] } },
    'cluster.members[1].nodeId',
    /once/,
  ],
  ['a node among strangers', { nodeId: 'z' }, 'nodeId', /not among cluster.members/],
])('S-19 %s is refused, with field, value and rule', (_what, changes, field, message) => {
  const error = faultOf(valid(changes));
  expect(error.code).toBe('CONFIG_INVALID');
  expect(error.message).toMatch(message);
  expect(error.message).toContain(field);
  expect(error.details).toMatchObject({ field });
});

it('S-19 an empty name of the data folder is refused where it is given, to the engine', () => {
  const listen = { host: '127.0.0.1', port: 0 };
  const machine = new JournalMachine();
  const parts = { config: valid(), dataDir: '', listen, world: realWorld(), machine };
  expect(() => new EmbeddedEngine(parts)).toThrow(/dataDir is ""/);
});

it('S-20 a copy is independent: of its members, and of what the caller changes later', async () => {
  const members = MEMBERS.map((member) => ({ ...member }));
  const config = valid({ cluster: { name: 'test', members } });
  const copy = cloneConfig(config);
  expect(copy).toEqual(config);
  members[1]!.address = 'elsewhere:1';
  members.push({ nodeId: 'c', address: 'host-c:7000' });
  expect(copy.cluster.members).toEqual(MEMBERS);

  await using stage = new Stage(1);
  const own = stage.configOf('n1');
  const given = [...own.cluster.members.map((member) => ({ ...member }))];
  const { world, bus } = stage;
  const node = new RaftNode(
    { ...own, cluster: { ...own.cluster, members: given } },
    {
      world,
      storage: new MemoryStorage(),
      transport: bus.transport(),
      machine: new JournalMachine(),
    },
  );
  given.push({ nodeId: 'n2', address: 'n2:1' });
  await node.start();
  expect(node.status().members.map(({ nodeId }) => nodeId)).toEqual(['n1']);
  await node.stop();
});

it('S-56 an invalid configuration is an error, and touches neither disk nor network', async () => {
  await using stage = new Stage(1);
  const storage = new MemoryStorage();
  const make = (): unknown => stage.make('n1', { storage, config: { electionTicks: 1 } });
  expect(make).toThrow(/electionTicks is 1: it must be greater than heartbeatTicks/);
  expect(storage.identity).toBeUndefined();
  expect(stage.bus.endpoint(1)).toBeUndefined();
});
