/** What embedders may get wrong: each is refused by its field's name, and no folder is made. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JournalMachine } from '../../sim/rigs/test-cluster.ts';
import { defaultConfig } from '../consensus/index.ts';
import { nullLogger, realWorld } from '../world/index.ts';
import { EmbeddedEngine } from './embedded-engine.ts';
import { startNode } from './start-node.ts';

let folder: string;
let dataDir: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-options-'));
  dataDir = join(folder, 'data');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const members = [{ nodeId: 'a', address: '127.0.0.1:7001' }];

async function isRefused(options: unknown, message: string): Promise<void> {
  await expect(startNode(options as never)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(message),
  });
  expect(existsSync(dataDir)).toBe(false);
}

describe('startNode', () => {
  it.each([
    [undefined, 'options is missing: give an object with nodeId'],
    [null, 'options is null'],
    ['x', 'options is "x"'],
  ])('refuses %j', async (options, message) => {
    await isRefused(options, message);
  });

  it.each<[object, string]>([
    [{ nodeId: undefined }, 'nodeId is missing: give a string of 1 to 128'],
    [{ nodeId: null }, 'nodeId is null: give a string of 1 to 128'],
    [{ nodeId: 5 }, 'nodeId is 5'],
    [{ nodeId: '' }, 'nodeId is ""'],
    [{ nodeId: 'x'.repeat(129) }, 'nodeId is "xxx'],
    [{ nodeId: 'a b' }, 'nodeId is "a b": give a string of 1 to 128 of A-Z'],
    [{ nodeId: 'z' }, 'nodeId is "z": it is not among members (a)'],
    [{ members: null }, 'members is null: give a list of members'],
    [{ members: {} }, 'members is an object'],
    [{ members: 'a' }, 'members is "a"'],
    [{ members: undefined }, 'nodeId is "a": it is not among members (nobody)'],
    [{ members: [null] }, 'members[0] is null: give a member { nodeId, address }'],
    [{ members: [{}] }, 'members[0].nodeId is missing'],
    [{ members: [{ nodeId: 'a' }] }, 'members[0].address is missing: give host:port'],
    [{ members: [{ nodeId: 'a', address: 'h' }] }, 'members[0].address is "h": give host:port'],
    [{ members: [{ nodeId: 'a', address: 'h:0' }] }, 'members[0].address is "h:0"'],
    [{ members: [{ nodeId: 'a', address: ['h:1'] }] }, 'members[0].address is a list'],
    [{ members: [...members, ...members] }, 'members[1].nodeId is "a": each member is listed once'],
    [{ clusterName: 3 }, 'clusterName is 3: give a name of 1 to 128 characters'],
    [{ clusterName: null }, 'clusterName is null'],
    [{ dataDir: undefined }, 'dataDir is missing: give the path'],
    [{ dataDir: null }, 'dataDir is null'],
    [{ dataDir: 5 }, 'dataDir is 5'],
    [{ dataDir: 'a\0b' }, 'dataDir is "a\\u0000b"'],
    [{ machine: undefined }, 'machine is undefined: give a state machine'],
    [{ machine: {} }, 'machine is an object without applyBatch, snapshot, restore'],
    [{ join: null }, 'join is null: give an object with clusterName'],
    [{ join: {} }, 'join.nodeId is missing'],
    [{ join: 'x' }, 'join is "x"'],
    [{ listen: 'host:1' }, 'listen is "host:1": give an object with host, port'],
    [{ listen: null }, 'listen is null'],
    [{ listen: { host: 'h' } }, 'listen.port is missing: give a whole number from 0 to 65535'],
    [{ listen: { host: '', port: 1 } }, 'listen.host is ""'],
    [{ listen: { host: 'h', port: '1' } }, 'listen.port is "1"'],
    [{ world: {} }, 'world.clock is missing'],
    [{ world: null }, 'world is null'],
    [{ storage: null }, 'storage is null'],
    [{ storage: { snapshotsKept: Number.NaN } }, 'storage.snapshotsKept is NaN'],
    [{ transport: null }, 'transport is null'],
    [{ transport: { bulkBytesPerSecond: -1 } }, 'transport.bulkBytesPerSecond is -1'],
    [{ raft: null }, 'raft is null'],
    [{ raft: { electionTick: 5 } }, 'did you mean electionTicks?'],
    [{ raft: { electionTicks: '5' } }, 'raft.electionTicks is "5": give a whole number above 0'],
    [{ raft: { preVote: 'no' } }, 'raft.preVote is "no": give true or false'],
    [{ raft: { nodeId: 'b' } }, 'raft has no field "nodeId"'],
    [{ datadir: 'x' }, 'options has no field "datadir": did you mean dataDir?'],
  ])('refuses %j', async (changes, message) => {
    await isRefused(
      { nodeId: 'a', members, dataDir, machine: new JournalMachine(), ...changes },
      message,
    );
  });

  it('asks one that joins by a function where it listens', async () => {
    const machine = new JournalMachine();
    const given = { nodeId: 'a', dataDir, machine, join: async () => ({}) as never };
    await isRefused(given, 'listen is missing: give { host, port }');
  });

  it('refuses an invitation that is none, when it is asked for', async () => {
    const machine = new JournalMachine();
    const listen = { host: '127.0.0.1', port: 0 };
    for (const invitation of [null, undefined, {}, 5]) {
      const starting = startNode({
        nodeId: 'a',
        dataDir,
        machine,
        listen,
        join: async () => invitation as never,
      });
      await expect(starting).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^join/),
      });
    }
  });
});

describe('an engine', () => {
  const whole = (): object => ({
    config: { ...defaultConfig(), nodeId: 'a', cluster: { name: 'c', members } },
    dataDir,
    listen: { host: '127.0.0.1', port: 0 },
    world: { ...realWorld(), logger: nullLogger },
    machine: new JournalMachine(),
  });

  it('is made of what is whole', () => {
    expect(() => new EmbeddedEngine(whole() as never)).not.toThrow();
  });

  it.each<[object, string]>([
    [{ config: undefined }, 'config is missing'],
    [{ config: {} }, 'nodeId is missing'],
    [{ dataDir: undefined }, 'dataDir is missing'],
    [{ listen: undefined }, 'listen is missing'],
    [{ world: undefined }, 'world is missing: give realWorld()'],
    [{ machine: null }, 'machine is null'],
    [{ storage: { snapshotKept: 1 } }, 'did you mean snapshotsKept?'],
    [{ transports: {} }, 'did you mean transport?'],
  ])('is refused with %j', (changes, message) => {
    expect(() => new EmbeddedEngine({ ...whole(), ...changes } as never)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(message),
      }),
    );
  });

  it.each([undefined, null, 5])('is refused with options %s', (options) => {
    expect(() => new EmbeddedEngine(options as never)).toThrow(/^options is /);
  });
});

describe('EmbeddedEngine, what stands between', () => {
  it.each<[unknown, string]>([
    [5, 'between is 5'],
    [{ disk: (storage: unknown) => storage }, 'disk'],
    [{ storage: 'tap' }, 'between.storage is "tap": give a function'],
  ])('refuses %j', (between, message) => {
    const config = { ...defaultConfig(), nodeId: 'a', cluster: { name: 't', members } };
    const listen = { host: '127.0.0.1', port: 0 };
    const world = realWorld();
    const machine = new JournalMachine();
    const options = { config, dataDir, listen, world, machine, between: between as never };
    expect(() => new EmbeddedEngine(options)).toThrow(message);
  });

  it.each(['storage', 'transport'] as const)(
    'lets go of the data folder when the one of the %s throws',
    async (part) => {
      let calls = 0;
      const tap = <T>(given: T): T => {
        if (++calls === 1) throw new Error('not today');
        return given;
      };
      const engine = new EmbeddedEngine({
        config: { ...defaultConfig(), nodeId: 'a', cluster: { name: 't', members } },
        listen: { host: '127.0.0.1', port: 0 },
        world: { ...realWorld(), logger: nullLogger },
        machine: new JournalMachine(),
        dataDir,
        between: { [part]: tap },
      });
      await expect(engine.start()).rejects.toThrow('not today');
      await engine.start();
      await engine.stop();
    },
  );
});
