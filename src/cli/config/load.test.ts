/**
 * Goal: a configuration is taken whole or refused whole, and each refusal names place, field, value and
 * what is expected. Method: files in a temporary folder, and the message as a user would read it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { ClusterError } from '../../errors.ts';
import { CONFIG_FIELDS } from './fields.ts';
import { type LoadedConfig, loadConfig } from './load.ts';

const folder = mkdtempSync(join(tmpdir(), 'quorate-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GOOD = `cluster:
  name: test
  members:
    - { id: n1, address: 127.0.0.1:7101 }
    - { id: n2, address: 127.0.0.1:7102 }
    - { id: n3, address: 127.0.0.1:7103 }
node:
  id: n1
  dataDir: data
`;

let files = 0;

function load(
  text: string | undefined,
  flags: Record<string, string | string[]> = {},
  env: Record<string, string> = {},
): Promise<LoadedConfig> {
  let file: string | undefined;
  if (text !== undefined) {
    file = `c${files++}.yaml`;
    writeFileSync(join(folder, file), text);
  }
  return loadConfig({ file, flags, env, cwd: folder });
}

async function problemsOf(...args: Parameters<typeof load>): Promise<string> {
  try {
    await load(...args);
  } catch (error) {
    expect(error).toBeInstanceOf(ClusterError);
    expect((error as ClusterError).code).toBe('CONFIG_INVALID');
    return (error as ClusterError).message;
  }
  throw new Error('the configuration was accepted');
}

describe('loadConfig', () => {
  it('fills in defaults, and takes the peers door from the own member address', async () => {
    const { config, warnings } = await load(GOOD);
    expect(config.listen).toEqual({
      peers: '127.0.0.1:7101',
      clients: '127.0.0.1:7200',
      http: '127.0.0.1:7300',
    });
    expect(config.raft.electionTicks).toBe(10);
    expect(config.testing).toEqual({ disk: 'real', clock: 'real' });
    expect(config.node.dataDir).toBe(join(folder, 'data'));
    expect(warnings).toEqual([]);
  });

  it('lets a flag win over a variable, and a variable over the file', async () => {
    const text = `${GOOD}log: { level: warn }\n`;
    expect((await load(text)).config.log.level).toBe('warn');
    expect((await load(text, {}, { QUORATE_LOG_LEVEL: 'error' })).config.log.level).toBe('error');
    const flags = { 'log.level': 'debug' };
    expect((await load(text, flags, { QUORATE_LOG_LEVEL: 'error' })).config.log.level).toBe(
      'debug',
    );
  });

  it('works without a file', async () => {
    const members = ['a=h1:1,b=h2:1', 'c=h3:1'];
    const { config } = await load(
      undefined,
      { 'cluster.members': members, 'node.id': 'b' },
      { QUORATE_CLUSTER_NAME: 'x', QUORATE_DATA_DIR: 'd', QUORATE_RAFT_ELECTION_TICKS: '20' },
    );
    expect(config.cluster.members.map((member) => member.id)).toEqual(['a', 'b', 'c']);
    expect(config.node).toEqual({ id: 'b', dataDir: join(folder, 'd'), address: 'h2:1' });
    expect(config.raft.electionTicks).toBe(20);
  });

  const JOINER = 'cluster:\n  name: test\nnode: { id: n4, dataDir: d }\n';
  const joining = { 'cluster.join': ['h1:7200,h2:7200', 'h3:7200'] };

  it('takes a node that joins without members, from the file, flags or a variable', async () => {
    const { config, warnings } = await load(JOINER, {
      ...joining,
      'listen.peers': '10.0.0.4:7100',
    });
    expect(config.cluster).toEqual({
      name: 'test',
      members: [],
      join: ['h1:7200', 'h2:7200', 'h3:7200'],
      joinAs: 'voter',
    });
    expect(config.node.address).toBe('10.0.0.4:7100');
    expect(config.listen.peers).toBe('10.0.0.4:7100');
    expect(warnings).toEqual([]);
    const env = { QUORATE_JOIN: 'h1:7200', QUORATE_JOIN_AS: 'learner', QUORATE_ADDRESS: 'h4:7100' };
    const byEnv = (await load(JOINER, { 'listen.peers': '0.0.0.0:7100' }, env)).config;
    expect(byEnv.cluster).toMatchObject({ join: ['h1:7200'], joinAs: 'learner' });
    expect(byEnv.node.address).toBe('h4:7100');
    const file = (await load(JOINER.replace('test\n', 'test\n  join: [h1:7200]\n'))).config;
    expect(file.cluster.join).toEqual(['h1:7200']);
    expect(file.node.address).toBe('127.0.0.1:7100');
  });

  it('takes a founding member that joins anew: the list then only gives addresses', async () => {
    const { config } = await load(GOOD, joining);
    expect(config.cluster.members).toHaveLength(3);
    expect(config.node.address).toBe('127.0.0.1:7101');
  });

  it('refuses a node that neither founds nor joins, and one that nobody could dial', async () => {
    expect(await problemsOf(JOINER)).toContain(
      'cluster.members is missing: expected a list of 1 to 15 founding members, each with id and ' +
        'address (or cluster.join instead)',
    );
    expect(await problemsOf(GOOD.replace('id: n1\n', 'id: n9\n'))).toContain('needs cluster.join');
    for (const peers of ['0.0.0.0:7100', '[::]:7100', '10.0.0.4:0']) {
      expect(await problemsOf(JOINER, { ...joining, 'listen.peers': peers })).toContain(
        `the other members can not dial ${peers}: give an address of this machine`,
      );
    }
    const elsewhere = {
      ...joining,
      'node.address': '10.0.0.4:7100',
      'listen.peers': '127.0.0.1:1',
    };
    expect(await problemsOf(JOINER, elsewhere)).toContain('which only this machine reaches');
    expect(await problemsOf(GOOD, { 'node.address': 'h9:1' })).toContain(
      '--address: node.address is h9:1, but "n1" is at 127.0.0.1:7101 in cluster.members',
    );
    expect(await problemsOf(JOINER, { 'cluster.join': 'h1' })).toContain(
      '--join: cluster.join[0] is "h1": expected host:port of a client door',
    );
    expect(await problemsOf(JOINER, { 'cluster.join': 'h1:0' })).toContain(
      '--join: h1:0 can not be',
    );
    expect(await problemsOf(JOINER, { ...joining, 'cluster.joinAs': 'boss' })).toContain(
      '--join-as: cluster.joinAs is "boss": expected voter or learner',
    );
  });

  it('names line and nearest key for an unknown key', async () => {
    const text = await problemsOf(GOOD.replace('dataDir:', 'dataDirectory:'));
    expect(text).toMatch(
      /c\d+\.yaml:9: unknown key "node\.dataDirectory"\. Did you mean "node\.dataDir"\?/,
    );
    expect(text).toContain('node.dataDir is missing');
  });

  it('says where a key at the top belongs', async () => {
    expect(await problemsOf(`${GOOD}dataDir: x\n`)).toContain(
      ':10: unknown key "dataDir". Did you mean "node.dataDir"?',
    );
    expect(await problemsOf(`${GOOD}clutser: x\n`)).toContain('Did you mean "cluster"?');
    expect(await problemsOf(`${GOOD}zzz: 1\n`)).toContain('Known are: cluster, node, listen');
  });

  it('names line, value and what is expected for a wrong type', async () => {
    const text = await problemsOf(`${GOOD}raft:\n  electionTicks: ten\nlisten: { http: 7300 }\n`);
    expect(text).toContain('(2 problems)');
    expect(text).toContain(
      ':11: raft.electionTicks is "ten": expected a whole number of at least 1',
    );
    expect(text).toContain(':12: listen.http is 7300: expected host:port');
  });

  it('names the flag or variable that a wrong value came from', async () => {
    expect(await problemsOf(GOOD, { 'raft.tickIntervalMs': 'soon' })).toContain(
      '--raft-tick-interval-ms: raft.tickIntervalMs is "soon"',
    );
    expect(await problemsOf(GOOD, {}, { QUORATE_TESTING_DISK: 'tape' })).toContain(
      'QUORATE_TESTING_DISK: testing.disk is "tape": expected real, power-loss',
    );
    expect(await problemsOf(GOOD, { 'cluster.members': 'n1' })).toContain(
      '--member: cluster.members[0].address is missing: expected host:port',
    );
  });

  it.each([
    ['duplicate ids', GOOD.replace('n2,', 'n1,'), ':5: two members have the id "n1"'],
    [
      'duplicate addresses',
      GOOD.replace('7102', '7101'),
      ':5: "n1" and "n2" have the same address',
    ],
    [
      'self missing',
      GOOD.replace('id: n1\n', 'id: n9\n'),
      ':8: node.id is "n9", but cluster.members has only n1, n2, n3',
    ],
    [
      'port 0 for the peers door',
      `${GOOD}listen: { peers: 127.0.0.1:0 }\n`,
      'listen.peers has port 0',
    ],
    ['port 0 for peers', GOOD.replace('7102', '0'), 'port 0'],
    [
      'election at heartbeat',
      `${GOOD}raft: { electionTicks: 2, heartbeatTicks: 2 }\n`,
      'must be more than raft.heartbeatTicks (2). Usual: 10 and 1',
    ],
    [
      'catch-up over interval',
      `${GOOD}raft: { snapshotIntervalEntries: 10 }\n`,
      'must not be more than raft.snapshotIntervalEntries (10)',
    ],
    [
      'one port twice',
      `${GOOD}listen: { http: 127.0.0.1:7200 }\n`,
      'listen.clients and listen.http are both 127.0.0.1:7200',
    ],
    [
      'loopback behind a public address',
      `${GOOD.replace('127.0.0.1:7101', '10.0.0.1:7101')}listen: { peers: 127.0.0.1:7101 }\n`,
      'which only this machine reaches',
    ],
    [
      'empty member list',
      GOOD.replace(/members:[^n]*\n(.*\n){3}/, 'members: []\n'),
      'cluster.members is []: expected a list of 1 to 15',
    ],
    ['no YAML', 'cluster: [\n', 'not valid YAML'],
    ['a list at the top', '- a\n', 'expected fields such as "cluster:"'],
  ])('refuses %s', async (_name, text, fragment) => {
    expect(await problemsOf(text)).toContain(fragment);
  });

  it('says that a file is missing', async () => {
    const missing = { file: 'nowhere.yaml', flags: {}, env: {}, cwd: folder };
    await expect(loadConfig(missing)).rejects.toThrow(
      'nowhere.yaml: can not be read: there is no such file',
    );
  });

  it('warns of an even number of voters, a short election and a test disk', async () => {
    const two = (await load(GOOD.replace(/ {4}- \{ id: n3.*\n/, ''))).warnings.join('\n');
    expect(two).toContain('2 voters tolerate 0 failures');
    expect((await load(`${GOOD}raft: { electionTicks: 3 }\n`)).warnings.join()).toContain(
      'less than 5 times',
    );
    const disk = (await load(`${GOOD}testing: { disk: power-loss-no-sync }\n`)).warnings.join();
    expect(disk).toContain('ACKNOWLEDGED WRITES WILL BE LOST');
    const clock = (await load(`${GOOD}testing: { clock: stepped }\n`)).warnings.join();
    expect(clock).toContain('TEST CLOCK "STEPPED" IN USE');
  });

  it('warns of a variable that nobody reads', async () => {
    const { warnings } = await load(GOOD, {}, { QUORATE_NODEID: 'n1' });
    expect(warnings.join()).toContain(
      'QUORATE_NODEID is not known and has no effect. Did you mean QUORATE_NODE_ID?',
    );
  });

  it('is documented field by field', () => {
    const page = readFileSync(
      new URL('../../../docs/reference/configuration.md', import.meta.url),
      'utf8',
    );
    for (const of of CONFIG_FIELDS) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${of.path}\` |`));
      expect(row, of.path).toBeDefined();
      expect(row).toContain(of.flag);
      expect(row).toContain(`\`${of.env}\``);
    }
  });
});
