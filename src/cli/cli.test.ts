/**
 * Goal: the commands do what docs/reference/cli.md says, output, exit codes and all. Method: the real
 * program in this process, with streams of our own, against a real node of one on free ports.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePort } from '../../test/free-ports.ts';
import { until } from '../../test/waiting.ts';
import { run } from './program.ts';
import type { Terminal } from './terminal.ts';

const STEP_MS = 30_000;

const folder = mkdtempSync(join(tmpdir(), 'quorate-cli-'));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Running {
  readonly stop: AbortController;
  readonly stdin: PassThrough;
  readonly out: () => string;
  readonly err: () => string;
  readonly done: Promise<Ran>;
}

function begin(args: readonly string[], env: Record<string, string> = {}): Running {
  const [stdout, stderr, stdin] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let [out, err] = ['', ''];
  stdout.on('data', (chunk) => {
    out += chunk;
  });
  stderr.on('data', (chunk) => {
    err += chunk;
  });
  const stop = new AbortController();
  const terminal: Terminal = { stdout, stderr, stdin, env, cwd: folder, signal: stop.signal };
  const done = run(args, terminal).then((code) => ({ code, out, err }));
  return { stop, stdin, out: () => out, err: () => err, done };
}

async function quorate(args: readonly string[], input?: string | Buffer): Promise<Ran> {
  const running = begin(args);
  if (input !== undefined) running.stdin.end(input);
  return await running.done;
}

async function startFlags(dataDir: string): Promise<string[]> {
  const peers = `127.0.0.1:${await freePort()}`;
  return [
    ...['start', '--cluster-name', 'test', '--node-id', 'n1', '--member', `n1=${peers}`],
    ...['--data-dir', dataDir, '--listen-clients', '127.0.0.1:0', '--listen-http', '127.0.0.1:0'],
    ...['--log-file', join(folder, 'log'), '--raft-tick-interval-ms', '20'],
  ];
}

const READY = /^quorate ready node=n1 http=(\S+) clients=(\S+) peers=(\S+) pid=\d+\n$/;

async function startNode(
  flags: readonly string[],
): Promise<Running & { http: string; clients: string }> {
  const running = begin(flags);
  let ended: Ran | undefined;
  void running.done.then((ran) => {
    ended = ran;
  });
  await until('the ready line', STEP_MS, () => {
    if (ended !== undefined) throw new Error(`the node ended: ${ended.err}`);
    return running.out() !== '';
  });
  const [, http = '', clients = ''] = READY.exec(running.out()) ?? [];
  return { ...running, http, clients };
}

let node: Awaited<ReturnType<typeof startNode>>;
let flags: string[];

beforeAll(async () => {
  flags = await startFlags('data');
  node = await startNode(flags);
});

afterAll(async () => {
  try {
    node.stop.abort();
    await node.done;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const kv = (...args: string[]): Promise<Ran> => quorate(['kv', ...args, '--nodes', node.clients]);

describe('quorate start', () => {
  it('prints exactly one line on standard output, the documented ready line', () => {
    expect(node.out()).toMatch(READY);
    expect(node.http).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('--check prints what would be used and starts nothing', async () => {
    const { code, out } = await quorate([...(await startFlags('elsewhere')), '--check']);
    expect(code).toBe(0);
    expect(out).toContain('electionTicks: 10');
    expect(out).toContain(`dataDir: ${join(folder, 'elsewhere')}`);
  });

  it('ends with 3 when a port is in use, 4 when the data folder is', async () => {
    const taken = await quorate([...(await startFlags('other')), '--listen-http', node.http]);
    expect(taken.code).toBe(3);
    expect(taken.err).toContain(node.http);
    expect(taken.err).toContain('choose another port');
    const held = await quorate(await startFlags('data'));
    expect(held.code).toBe(4);
    expect(held.err).toContain(join(folder, 'data'));
  });

  it('stops in good order with 0 on a signal, goes on with its data, and refuses that of another', async () => {
    const own = await startFlags('own');
    const first = await startNode(own);
    await quorate(['kv', 'put', 'k', 'v', '--nodes', first.clients]);
    first.stop.abort();
    expect((await first.done).code).toBe(0);
    const again = await startNode(own);
    const got = await quorate(['kv', 'get', 'k', '--nodes', again.clients]);
    expect(got.out).toBe('v\n');
    again.stop.abort();
    await again.done;
    const foreign = await quorate(own.map((part) => (part === 'test' ? 'billing' : part)));
    expect(foreign.code).toBe(5);
    expect(foreign.err).toContain('"test"');
  });

  it('stops when standard input ends, if it was told to', async () => {
    const own = await startNode([...(await startFlags('piped')), '--exit-on-stdin-close']);
    own.stdin.end();
    expect((await own.done).code).toBe(0);
  });

  it('ends with 7 when a sync fails, and says what to do', async () => {
    const own = await startNode([...(await startFlags('bad')), '--testing-disk', 'failing-sync']);
    writeFileSync(join(folder, 'bad', 'FAIL-SYNC'), '');
    const put = await quorate([
      'kv',
      'put',
      'k',
      'v',
      '--nodes',
      own.clients,
      '--timeout-ms',
      '1000',
    ]);
    expect(put.code).not.toBe(0);
    const { code, err } = await own.done;
    expect(code).toBe(7);
    expect(err).toContain('TEST DISK "FAILING-SYNC" IN USE');
    expect(err).toContain('what to do: check the disk');
  });

  it('takes a step of the wall clock for what it is: another time in its log', async () => {
    const log = join(folder, 'late.log');
    const stepped = ['--testing-clock', 'stepped', '--log-file', log];
    const own = await startNode([...(await startFlags('late')), ...stepped]);
    const dayMs = 86_400_000;
    writeFileSync(join(folder, 'late', 'CLOCK-OFFSET'), `${-dayMs}\n`);
    const put = await quorate(['kv', 'put', 'k', 'v', '--nodes', own.clients]);
    expect(put.code).toBe(0);
    own.stop.abort();
    const { code, err } = await own.done;
    expect(code).toBe(0);
    expect(err).toContain('TEST CLOCK "STEPPED" IN USE');
    const lines = (): string[] => readFileSync(log, 'utf8').split('\n');
    await until('its last words', STEP_MS, () =>
      lines().some((line) => line.includes('daemon.stopping')),
    );
    const last = lines().find((line) => line.includes('daemon.stopping')) ?? '{}';
    const { time } = JSON.parse(last) as { time: string };
    expect(Math.abs(Date.parse(time) + dayMs - Date.now())).toBeLessThan(60_000);
  });
});

describe('quorate kv', () => {
  it('puts, gets, increments, lists and deletes', async () => {
    expect((await kv('put', 'a/text', 'hello')).out).toMatch(/^revision \d+\n$/);
    expect(await kv('get', 'a/text')).toEqual({ code: 0, out: 'hello\n', err: '' });
    expect((await kv('increment', 'a/count', '5')).out).toBe('5\n');
    expect((await kv('increment', 'a/count', '-2')).out).toBe('3\n');
    expect((await kv('list', 'a/')).out).toBe('a/count\t3\na/text\thello\n');
    expect((await kv('list', 'a/', '--keys-only', '--limit', '1')).out).toBe('a/count\n');
    expect((await kv('delete', '--prefix', 'a/')).out).toBe('deleted 2 keys\n');
    expect(await kv('get', 'a/text')).toMatchObject({ code: 13, out: '' });
  });

  it('refuses arguments that it would drop', async () => {
    const ran = await quorate(['kv', 'put', 'extra', 'hello', 'world']);
    expect(ran.code).toBe(2);
    expect(ran.err).toContain('too many arguments');
    expect((await quorate(['kv', 'get', 'extra'])).code).not.toBe(0);
    expect((await quorate(['dev', 'extra'])).code).toBe(2);
  });

  it('takes a value from standard input, bytes as they are', async () => {
    await quorate(['kv', 'put', 'in', '-', '--nodes', node.clients], 'from\nstdin');
    expect((await kv('get', 'in', '--local')).out).toBe('from\nstdin\n');
  });

  it('sets a value only when the present one is as expected', async () => {
    expect((await kv('cas', 'lock', 'me', '--absent')).code).toBe(0);
    const refused = await kv('cas', 'lock', 'you', '--expect', 'nobody');
    expect(refused.code).toBe(13);
    expect(refused.err).toContain('"lock" is not as expected: it is "me"');
    expect((await kv('cas', 'lock', 'you', '--expect', 'me')).code).toBe(0);
  });

  it('watches from a revision', async () => {
    const put = await kv('put', 'w/1', 'x', '--json');
    const { revision } = JSON.parse(put.out) as { revision: number };
    const seen = await kv('watch', 'w/', '--from-revision', String(revision), '--count', '1');
    expect(seen.out).toBe(`${revision} put w/1 x\n`);
  });

  it('imports what it exported, to the byte', async () => {
    const lines = Array.from({ length: 500 }, (_, i) => `{"key":"bulk/${i}","value":"v${i}"}`);
    lines.push('{"keyBase64":"YnVsay//AA==","valueBase64":"AAECgP8="}');
    const text = `${lines.join('\n')}\n`;
    const imported = await quorate(['kv', 'import', '-', '--nodes', node.clients], text);
    expect(imported.code).toBe(0);
    expect(imported.err).toContain('imported 501 records');
    const file = join(folder, 'bulk.ndjson');
    const exported = await kv('export', file, '--prefix', 'bulk/');
    expect(exported.err).toContain('exported 501 records at revision');
    const sorted = (all: string): string[] => all.trim().split('\n').sort();
    expect(sorted(readFileSync(file, 'utf8'))).toEqual(sorted(text));
    expect((await kv('delete', '--prefix', 'bulk/')).out).toBe('deleted 501 keys\n');
    expect((await kv('import', file)).err).toContain('imported 501 records');
    expect((await kv('get', 'bulk/499')).out).toBe('v499\n');
  });

  it('imports a list of words: the line is the key, its number the value', async () => {
    const words = 'Aachen\nAalen\n';
    const args = [
      'kv',
      'import',
      '-',
      '--format',
      'lines',
      '--prefix',
      'word/',
      '--nodes',
      node.clients,
    ];
    expect((await quorate(args, words)).code).toBe(0);
    expect((await kv('get', 'word/Aalen')).out).toBe('2\n');
  });

  it('keeps the bytes of lines, and refuses what it would change', async () => {
    const args = ['kv', 'import', '-', '--nodes', node.clients];
    const lines = Buffer.concat([Buffer.from('\ufeffbin/'), Buffer.from([0xff, 0xfe, 0x0a])]);
    expect((await quorate([...args, '--format', 'lines'], lines)).code).toBe(0);
    expect((await kv('list', 'bin/', '--json')).out).toMatch(
      /"keyBase64":"YmluL\/\/\+","value":"1"/,
    );
    for (const [text, says] of [
      [Buffer.from('7b226b6579223a22ff22', 'hex'), 'line 1 is no UTF-8'],
      ['{"key":"\\ud800","value":""}', 'line 1 has a "key" with half a surrogate pair'],
      ['{"key":"a","valueBase64":"A"}', 'line 1 has a "valueBase64" that is not base64'],
    ] as const) {
      const { code, err } = await quorate(args, text);
      expect(code).toBe(2);
      expect(err).toContain(says);
    }
    for (const wrong of [
      ['put', 'k\ufffd', 'v'],
      ['cas', 'k', 'v', '--expect', '\ufffd'],
      ['delete', '--prefix', '\ufffd'],
    ]) {
      const { code, err } = await kv(...wrong);
      expect(code).toBe(2);
      expect(err).toContain('has bytes that are no UTF-8');
    }
  });

  it('stops an import at the first bad record, and says where to go on', async () => {
    const text = '{"key":"i/1","value":"a"}\nnonsense\n{"key":"i/3","value":"c"}\n';
    const args = ['kv', 'import', '-', '--nodes', node.clients];
    const stopped = await quorate(args, text);
    expect(stopped.code).toBe(2);
    expect(stopped.err).toContain('line 2 is not JSON');
    expect(stopped.err).toContain('imported 1 records');
    expect(stopped.err).toContain('All lines before 2 are in; go on with --from-line 2');
    expect((await kv('get', 'i/3')).code).toBe(13);
    const skipped = await quorate([...args, '--skip-invalid'], text);
    expect(skipped.code).toBe(1);
    expect(skipped.err).toContain('imported 2 records, 1 skipped');
    const resumed = await quorate([...args, '--from-line', '3'], text);
    expect(resumed.err).toContain('imported 1 records');
  });

  it('says which nodes were meant and what to do when nobody answers', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const { code, err } = await quorate([
      'kv',
      'get',
      'x',
      '--nodes',
      nobody,
      '--timeout-ms',
      '500',
    ]);
    expect(code).toBe(11);
    expect(err).toContain(nobody);
    expect(err).toContain('(addresses from --nodes)');
    expect(err).toContain('what to do: start the nodes');
  });

  it.each([
    [['kv', 'get'], "missing required argument 'key'"],
    [['kv', 'delete'], 'wants a key, or --prefix'],
    [['kv', 'cas', 'k', 'v'], '--expect OLD or --absent'],
    [['kv', 'increment', 'k', 'soon'], '"soon" is not a whole number'],
    [['kv', 'get', 'k', '--timeout-ms', '0'], 'Expected a whole number of 1 to 60000'],
    [['kv', 'get', 'k', '--nodes', 'host'], '--nodes has "host": expected host:port'],
    [['statsu'], 'Did you mean "status"?'],
  ])('%j is wrong usage: exit code 2', async (args, fragment) => {
    const { code, err } = await quorate(args);
    expect(code).toBe(2);
    expect(err).toContain(fragment);
  });
});

describe('quorate status', () => {
  it('shows role, term, applied index and how many failures are borne', async () => {
    const { code, out } = await quorate(['status', '--nodes', node.http]);
    expect(code).toBe(0);
    expect(out).toMatch(/^n1 +leader +\d+ +\d+ +\d+ +n1 +yes/m);
    expect(out).toContain('1 of 1 voters up: bears 0 more failures');
  });

  it('shows a node that can not be reached, with the reason', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const { code, out } = await quorate(['status', '--nodes', `${node.http},${nobody}`]);
    expect(code).toBe(1);
    expect(out).toContain(`! ${nobody} (from --nodes): nobody listens there`);
  });

  it('--json prints one object', async () => {
    const { out } = await quorate(['status', '--nodes', node.http, '--json']);
    expect(JSON.parse(out)).toMatchObject({
      nodes: [{ address: node.http, reachable: true, ready: true, status: { nodeId: 'n1' } }],
    });
  });
});

describe('quorate members', () => {
  const members = (...args: string[]): Promise<Ran> =>
    quorate(['members', ...args, '--nodes', node.clients]);

  it('lists role, address and how far each is behind', async () => {
    const { code, out, err } = await members();
    expect(code).toBe(0);
    expect(out).toMatch(/^NODE +ROLE +ADDRESS +CONNECTED +BEHIND\nn1 +leader +\S+ +yes +0\n$/);
    expect(err).toContain('1 voter: 1 must agree, so the cluster bears 0 failures');
    const json = JSON.parse((await members('list', '--json')).out);
    expect(json).toMatchObject({ leader: 'n1', node: 'n1', members: [{ nodeId: 'n1' }] });
  });

  it('adds a learner, says how to start it, and removes it', async () => {
    const added = await members('add', 'worker-4', '10.9.9.9:7100', '--learner');
    expect(added.code).toBe(0);
    expect(added.err).toContain('until: quorate members promote worker-4');
    expect(added.out).toBe(
      'quorate start --cluster-name test --node-id worker-4 --data-dir DIR ' +
        `--listen-peers 10.9.9.9:7100 --join ${node.clients} --join-as learner\n`,
    );
    expect((await members()).out).toMatch(/^worker-4 +learner +10.9.9.9:7100 +no +\d+$/m);
    const twice = await members('add', 'worker-5', '10.9.9.9:7100');
    expect(twice.code).toBe(9);
    expect(twice.err).toContain('address 10.9.9.9:7100 is that of member worker-4');
    const removed = await members('remove', 'worker-4');
    expect(removed).toMatchObject({
      code: 0,
      out: 'removed worker-4 (learner at 10.9.9.9:7100)\n',
    });
    expect(removed.err).toContain('1 voter left');
  });

  it('knows the names', async () => {
    const gone = await members('remove', 'n2');
    expect(gone.code).toBe(13);
    expect(gone.err).toContain('no member is called "n2"; the members are n1');
    for (const name of ['promote', 'transfer']) {
      const ran = await members(name, 'n2');
      expect(ran.code).toBe(13);
      expect(ran.err).toContain('the members are n1');
    }
    const slip = await members('remov', 'n2');
    expect(slip.code).toBe(2);
    expect(slip.err).toContain('there is no command "members remov". Did you mean "remove"?');
    expect((await members('add', 'n2')).code).toBe(2);
    expect((await members('add', 'n2', 'nowhere')).err).toContain('field `address`: is not host');
  });

  it('does not remove the last voter', async () => {
    const { code, err } = await members('remove', 'n1');
    expect(code).toBe(1);
    expect(err).toContain('n1 is the only voter');
  });
});

describe('quorate start --join', () => {
  async function joinFlags(id: string, asked: string): Promise<string[]> {
    const peers = `127.0.0.1:${await freePort()}`;
    return [
      ...['start', '--cluster-name', 'test', '--node-id', id, '--listen-peers', peers],
      ...['--join', asked, '--join-as', 'learner', '--data-dir', `data-${id}`],
      ...['--listen-clients', '127.0.0.1:0', '--listen-http', '127.0.0.1:0'],
      ...['--log-file', join(folder, `log-${id}`), '--raft-tick-interval-ms', '20'],
    ];
  }
  const isReady = (running: Running) => () => running.out().startsWith('quorate ready');

  it('is let in, goes on later without asking, and ends with 9 when it is removed', async () => {
    const own = await joinFlags('n8', node.clients);
    const first = begin(own);
    await until('n8 is ready', STEP_MS, isReady(first));
    const clients = / clients=(\S+)/.exec(first.out())?.[1] ?? '';
    await quorate(['kv', 'put', 'joined', 'yes', '--nodes', clients]);
    expect((await kv('get', 'joined')).out).toBe('yes\n');
    first.stop.abort();
    const ran = await first.done;
    expect(ran.code).toBe(0);
    expect(ran.err).toContain('has added n8');
    const nobody = `127.0.0.1:${await freePort()}`;
    const again = begin(own.map((part) => (part === node.clients ? nobody : part)));
    await until('n8 is ready again', STEP_MS, isReady(again));
    await quorate(['members', 'remove', 'n8', '--nodes', node.clients]);
    const ended = await again.done;
    expect(ended.code).toBe(9);
    expect(ended.err).not.toContain('has added');
    expect(ended.err).toContain('what to do: nothing, if that was meant');
    expect(ended.err).toContain(`rm -r ${join(folder, 'data-n8')}`);
  });

  it('waits for somebody to ask, says so, and leaves in good order when it is stopped', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const waiting = begin(await joinFlags('n7', nobody));
    await until('it says that it waits', STEP_MS, () => waiting.err().includes('goes on asking'));
    expect(waiting.err()).toMatch(
      /n7 is not in cluster test yet.* goes on asking [\d.:]+: no node/,
    );
    expect(waiting.err()).toContain(nobody);
    waiting.stop.abort();
    const { code, out } = await waiting.done;
    expect({ code, out }).toEqual({ code: 0, out: '' });
  });

  it('gives up when waiting can not help', async () => {
    const taken = await quorate(await joinFlags('n1', node.clients));
    expect(taken.code).toBe(9);
    expect(taken.err).toContain('n1 can not join cluster test: node n1 is a member already');
    const flags = await joinFlags('n6', node.clients);
    const foreign = await quorate(flags.map((part) => (part === 'test' ? 'billing' : part)));
    expect(foreign.code).toBe(2);
    expect(foreign.err).toContain('this node is of cluster "test", not "billing"');
  });
});

describe('quorate log inspect', () => {
  it('says whose a data folder is and how far it got', async () => {
    const { code, out } = await quorate(['log', 'inspect', 'own', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ identity: { clusterName: 'test', nodeId: 'n1' } });
  });
});
