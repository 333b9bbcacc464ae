import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { dialVerdict } from './network-faults.ts';
import { realNetwork } from './real-network.ts';
import { hostsFile, parseHosts, resolveHost } from './resolve-host.ts';
import { type Connection, type Listener, NetworkError } from './types.ts';

const network = realNetwork();
const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanup.splice(0)) undo();
});

interface End {
  readonly connection: Connection;
  readonly chunks: Uint8Array[];
  readonly drained: Promise<void>;
  readonly closed: Promise<Error | undefined>;
  received(bytes: number): Promise<string>;
}

function end(connection: Connection): End {
  const chunks: Uint8Array[] = [];
  let heard = (): void => {};
  let drain = (): void => {};
  const drained = new Promise<void>((done) => {
    drain = done;
  });
  const closed = new Promise<Error | undefined>((done) => {
    connection.attach({
      data: (chunk) => {
        chunks.push(chunk);
        heard();
      },
      drain: () => drain(),
      close: done,
    });
  });
  cleanup.push(() => connection.destroy());
  const received = async (bytes: number): Promise<string> => {
    while (Buffer.concat(chunks).length < bytes) {
      await new Promise<void>((done) => {
        heard = done;
      });
    }
    return Buffer.concat(chunks).toString();
  };
  return { connection, chunks, drained, closed, received };
}

async function pair(host = '127.0.0.1'): Promise<{ listener: Listener; here: End; there: End }> {
  let accept = (_: End): void => {};
  const accepted = new Promise<End>((done) => {
    accept = done;
  });
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (connection) =>
    accept(end(connection)),
  );
  cleanup.push(() => void listener.close());
  const here = end(await network.dial({ host, port: listener.address.port }, 2_000));
  return { listener, here, there: await accepted };
}

function faultOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error) => (error instanceof NetworkError ? error.fault : String(error)),
  );
}

it('carries chunks both ways, in order', async () => {
  const { here, there } = await pair();
  expect(here.connection.write([Buffer.from('a'), Buffer.from('bc'), Buffer.from('d')])).toBe(true);
  expect(await there.received(4)).toBe('abcd');
  there.connection.write([Buffer.from('back')]);
  expect(await here.received(4)).toBe('back');
  expect(here.connection.remote).toMatch(/^127\.0\.0\.1:\d+$/);
});

it('says when the kernel did not take everything, and drains once it has', async () => {
  const { here, there } = await pair();
  there.connection.pause();
  const chunk = new Uint8Array(1024 * 1024);
  let written = 0;
  while (here.connection.write([chunk])) written += 1;
  expect(here.connection.queuedBytes).toBeGreaterThan(0);
  there.connection.resume();
  await here.drained;
  expect(here.connection.queuedBytes).toBe(0);
  await there.received((written + 1) * chunk.length);
});

it('closes in good order without an error, and with one after a reset', async () => {
  const ordered = await pair();
  ordered.here.connection.destroy();
  expect(await ordered.there.closed).toBeUndefined();

  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
    broken = end(connection);
    raw.resetAndDestroy();
  });
  cleanup.push(() => void listener.close());
  let broken: End | undefined;
  const raw = connect(listener.address.port, '127.0.0.1');
  await new Promise<void>((done) => raw.on('close', () => done()));
  expect(await broken?.closed).toMatchObject({ fault: 'reset' });
});

it('writes to a closed connection go nowhere and raise nothing', async () => {
  const { here, there } = await pair();
  there.connection.destroy();
  await here.closed;
  expect(here.connection.write([Buffer.from('late')])).toBe(false);
});

it('a listener that closed frees its port at once and keeps its connections', async () => {
  const { listener, here, there } = await pair();
  await listener.close();
  const again = await network.listen(listener.address, () => {});
  cleanup.push(() => void again.close());
  here.connection.write([Buffer.from('still')]);
  expect(await there.received(5)).toBe('still');
});

it('names the faults of listening', async () => {
  const { listener } = await pair();
  const { port } = listener.address;
  const listen = (host: string, at: number): Promise<string> =>
    faultOf(network.listen({ host, port: at }, () => {}));
  expect(await listen('127.0.0.1', port)).toBe('address-in-use');
  expect(await listen('192.0.2.1', 0)).toBe('address-invalid');
  expect(await listen('127.0.0.1', 70_000)).toBe('address-invalid');
});

it('names the faults of dialling', async () => {
  const { listener } = await pair();
  await listener.close();
  expect(await faultOf(network.dial({ host: '127.0.0.1', port: listener.address.port }, 500))).toBe(
    'refused',
  );
  expect(await faultOf(network.dial({ host: '127.0.0.1', port: 70_000 }, 500))).toBe(
    'address-invalid',
  );
  const unknown = realNetwork({
    resolve: () => Promise.reject(new NetworkError('unresolved', 'no such name')),
  });
  expect(await faultOf(unknown.dial({ host: 'nowhere', port: 1 }, 500))).toBe('unresolved');
  const silent = realNetwork({ resolve: () => new Promise(() => {}) });
  expect(await faultOf(silent.dial({ host: 'nowhere', port: 1 }, 5))).toBe('timeout');
});

it('a dial that is called off, while it connects or before, ends at once', async () => {
  const { listener } = await pair();
  const named = realNetwork({ resolve: async () => ['127.0.0.1'] });
  for (const isBefore of [true, false]) {
    const calledOff = new AbortController();
    const address = { host: 'n', port: listener.address.port };
    const dialing = faultOf(named.dial(address, 2_000, calledOff.signal));
    // Begins to connect; nothing can come of it before the loop has turned.
    for (let tick = 0; tick < 20 && !isBefore; tick++) await new Promise(process.nextTick);
    calledOff.abort(new Error('not wanted'));
    expect(await dialing).toBe('Error: not wanted');
  }
});

it('asks for the name at each dial and tries its addresses in turn', async () => {
  const { listener } = await pair();
  const asked: string[] = [];
  const named = realNetwork({
    resolve: async (host) => {
      asked.push(host);
      return ['127.0.0.2', '127.0.0.1'];
    },
  });
  for (let turn = 0; turn < 2; turn += 1) {
    end(await named.dial({ host: 'node-1', port: listener.address.port }, 2_000));
  }
  expect(asked).toEqual(['node-1', 'node-1']);
});

it('a connection made while this process was stopped is not called silent', async () => {
  const { listener } = await pair();
  const dialing = network.dial({ host: '127.0.0.1', port: listener.address.port }, 20);
  // The dial leaves, without the loop looking at sockets; then stand still until after its deadline.
  for (let turn = 0; turn < 10; turn += 1) {
    await new Promise<void>((done) => process.nextTick(done));
  }
  const until = performance.now() + 60;
  while (performance.now() < until);
  end(await dialing);
});

it('resolves literals to themselves, localhost to the loopback', async () => {
  expect(await resolveHost('10.1.2.3')).toEqual(['10.1.2.3']);
  expect(await resolveHost('::1')).toEqual(['::1']);
  expect((await resolveHost('localhost'))[0]).toBe('127.0.0.1');
  expect((await resolveHost('Node-1.LOCALHOST.'))[0]).toBe('127.0.0.1');
});

it('reads hosts files: comments, several names, IPv4 first', () => {
  const hosts = parseHosts('# none\n::1 Here here.lan\n127.0.0.1\there # me\nnonsense other\n');
  expect(hosts.get('here')).toEqual(['127.0.0.1', '::1']);
  expect(hosts.get('here.lan')).toEqual(['::1']);
  expect(hosts.has('other')).toBe(false);
});

it('a refusal by one address proves nothing while another one may hide a live process', () => {
  const fault = (kind: 'refused' | 'timeout' | 'unreachable', code: string): NetworkError =>
    new NetworkError(kind, code, { code });
  const refused = fault('refused', 'ECONNREFUSED');
  expect(dialVerdict([fault('timeout', 'ETIMEDOUT'), refused])?.fault).toBe('timeout');
  expect(dialVerdict([refused, fault('timeout', 'ETIMEDOUT')])?.fault).toBe('timeout');
  expect(dialVerdict([refused, fault('unreachable', 'EADDRNOTAVAIL')])?.fault).toBe('refused');
  expect(dialVerdict([refused, refused])?.fault).toBe('refused');
  expect(dialVerdict([])).toBeUndefined();
});

it('reads the hosts file for all who ask at once, and again after it could not be read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-hosts-'));
  cleanup.push(() => void rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'hosts');
  await writeFile(path, '10.0.0.1 node-1');
  const hosts = hostsFile(path, 0);
  const both = await Promise.all([hosts(), hosts()]);
  expect(both.map((found) => found.get('node-1'))).toEqual([['10.0.0.1'], ['10.0.0.1']]);
  await rm(path);
  await mkdir(path);
  expect((await hosts()).get('node-1')).toEqual(['10.0.0.1']);
  await rm(path, { recursive: true });
  expect((await hosts()).size).toBe(0);
});
