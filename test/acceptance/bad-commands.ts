/** Wrong configurations, wrong usage, ports in use, nobody there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts } from '../free-ports.ts';
import type { Cluster } from './cluster.ts';
import { expectCommand } from './expecting.ts';
import type { Report } from './report.ts';

export async function badCommands(report: Report, cluster: Cluster): Promise<void> {
  report.section('Configuration and usage');
  const folder = mkdtempSync(join(tmpdir(), 'quorate-bad-config-'));
  try {
    await badConfigs(report, folder);
    await usedPorts(report, cluster, folder);
    await nobodyThere(report, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function config(members: string, rest: string): string {
  return `cluster:\n  name: solo\n  members:\n${members}\n${rest}`;
}

const ONE = '    - { id: n1, address: 127.0.0.1:7901 }';

async function badConfigs(report: Report, cwd: string): Promise<void> {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'an unknown configuration key',
      config(ONE, 'node: { id: n1, dataDirectory: d }\n'),
      ['c.yaml:5', 'unknown key "node.dataDirectory". Did you mean "node.dataDir"?'],
    ],
    [
      'a wrong type',
      config(ONE, 'node: { id: n1, dataDir: d }\nraft:\n  electionTicks: soon\n'),
      ['c.yaml:7', 'raft.electionTicks is "soon": expected a whole number'],
    ],
    [
      'an election timeout that is not above the heartbeat',
      config(ONE, 'node: { id: n1, dataDir: d }\nraft: { electionTicks: 1 }\n'),
      ['must be more than raft.heartbeatTicks (1)'],
    ],
    [
      'a node that is not among the members',
      config(ONE, 'node: { id: n7, dataDir: d }\n'),
      ['node.id is "n7", but cluster.members has only n1'],
    ],
    [
      'two members with one address',
      config(`${ONE}\n    - { id: n2, address: 127.0.0.1:7901 }`, 'node: { id: n1, dataDir: d }\n'),
      ['"n1" and "n2" have the same address'],
    ],
    ['a file that is no YAML', 'cluster: [\n', ['not valid YAML']],
  ];
  for (const [name, text, says] of cases) {
    writeFileSync(join(cwd, 'c.yaml'), text);
    await expectCommand(report, name, ['start', '--config', 'c.yaml'], { code: 2, says }, { cwd });
  }
  const missing = { code: 2, says: ['nowhere.yaml', 'there is no such file'] };
  await expectCommand(report, 'a missing file', ['start', '--config', 'nowhere.yaml'], missing, {
    cwd,
  });
  const flag = { code: 2, says: ["unknown option '--confg'", '--config'] };
  await expectCommand(report, 'an unknown flag', ['start', '--confg', 'x'], flag, { cwd });
  const command = { code: 2, says: ['there is no command "statsu". Did you mean "status"?'] };
  await expectCommand(report, 'an unknown command', ['statsu'], command, { cwd });
}

async function usedPorts(report: Report, cluster: Cluster, cwd: string): Promise<void> {
  const n1 = cluster.node('n1');
  for (const door of ['peers', 'clients', 'http'] as const) {
    const [a, b, c] = await freePorts(3);
    const own = { peers: `127.0.0.1:${a}`, clients: `127.0.0.1:${b}`, http: `127.0.0.1:${c}` };
    const at = { ...own, [door]: n1[door] };
    const members = `    - { id: n1, address: "${at.peers}" }`;
    const listen = `listen: { peers: "${at.peers}", clients: "${at.clients}", http: "${at.http}" }\n`;
    const text = config(
      members,
      `node: { id: n1, dataDir: solo-${door} }\n${listen}log: { file: log }\n`,
    );
    writeFileSync(join(cwd, 'c.yaml'), text);
    const says = [at[door], 'in use', 'stop th', 'choose another port'];
    const name = `the port for ${door} is in use`;
    await expectCommand(report, name, ['start', '--config', 'c.yaml'], { code: 3, says }, { cwd });
  }
}

async function nobodyThere(report: Report, cwd: string): Promise<void> {
  const [port] = await freePorts(1);
  const nodes = `127.0.0.1:${port}`;
  await expectCommand(
    report,
    'nobody listens at the address',
    ['kv', 'get', 'x', '--nodes', nodes, '--timeout-ms', '1000'],
    { code: 11, says: [nodes, 'what to do: start the nodes'] },
    { cwd },
  );
  await expectCommand(
    report,
    'status of a node that is not running',
    ['status', '--nodes', nodes],
    { code: 11, says: ['unreachable', 'nobody listens there: the node is not running'] },
    { cwd },
  );
  await expectCommand(
    report,
    'an address that is none',
    ['kv', 'get', 'x', '--nodes', 'localhost'],
    { code: 2, says: ['--nodes has "localhost": expected host:port'] },
    { cwd },
  );
}
