/**
 * `quorate kv ...`: single reads and writes, lists and watches, through the network client, from any
 * node that answers. Values go to standard output as they are, so that they can be piped; with `--json`
 * one object a line.
 */
import { connect, type QuorateClient } from '../../client/index.ts';
import { ClusterError } from '../../errors.ts';
import type { KeyValue, KvChange } from '../../state/index.ts';
import { ExitCode } from '../exit-codes.ts';
import type { KvFlags } from '../flags.ts';
import { jsonOfBytes } from '../kv/records.ts';
import { findNodes } from '../nodes.ts';
import { say, type Terminal, tell } from '../terminal.ts';

/** Connects, works, closes; says which nodes were meant when nobody answers. */
export async function withClient<T>(
  terminal: Terminal,
  flags: KvFlags,
  work: (client: QuorateClient) => Promise<T>,
): Promise<T> {
  const found = findNodes(terminal, 'clients', flags.nodes);
  const { signal } = terminal;
  let client: QuorateClient;
  try {
    client = await connect({
      nodes: found.addresses,
      timeoutMs: flags.timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (!(error instanceof ClusterError) || error.code !== 'CONNECTION_FAILED') throw error;
    const text = `${error.message} (addresses from ${found.from})`;
    throw new ClusterError('CONNECTION_FAILED', text, { cause: error });
  }
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/**
 * Node reads arguments as UTF-8 and puts U+FFFD where they are none: another key than the one that was meant.
 * @throws ClusterError REQUEST_INVALID.
 */
function exactly(text: string, what: string): string {
  if (!text.includes('\ufffd')) return text;
  throw new ClusterError(
    'REQUEST_INVALID',
    `the ${what} has bytes that are no UTF-8: give a value by standard input ("-"), or a record with ` +
      'keyBase64 or valueBase64 to kv import',
  );
}

interface ReadFlags {
  readonly signal?: AbortSignal;
  readonly consistency: 'local' | 'linearizable';
}

function readOptions(terminal: Terminal, flags: KvFlags): ReadFlags {
  const consistency = flags.local === true ? 'local' : 'linearizable';
  return terminal.signal === undefined ? { consistency } : { consistency, signal: terminal.signal };
}

export async function get(terminal: Terminal, key: string, flags: KvFlags): Promise<number> {
  const item = await withClient(terminal, flags, (c) =>
    c.get(exactly(key, 'key'), readOptions(terminal, flags)),
  );
  if (item === undefined) {
    tell(terminal, `quorate: there is no key "${key}"`);
    return ExitCode.notFound;
  }
  if (flags.json === true) say(terminal, itemJson(item));
  else {
    terminal.stdout.write(item.value);
    terminal.stdout.write('\n');
  }
  return ExitCode.ok;
}

export async function put(
  terminal: Terminal,
  key: string,
  value: string,
  flags: KvFlags,
): Promise<number> {
  const bytes = value === '-' ? await readAll(terminal) : exactly(value, 'value');
  const name = exactly(key, 'key');
  const { revision } = await withClient(terminal, flags, (c) => c.put(name, bytes));
  say(terminal, flags.json === true ? JSON.stringify({ revision }) : `revision ${revision}`);
  return ExitCode.ok;
}

async function readAll(terminal: Terminal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of terminal.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

export async function remove(
  terminal: Terminal,
  key: string | undefined,
  flags: KvFlags & { readonly prefix?: string },
): Promise<number> {
  const { prefix } = flags;
  if ((key === undefined) === (prefix === undefined || prefix === '')) {
    throw new ClusterError('REQUEST_INVALID', 'kv delete wants a key, or --prefix with a prefix');
  }
  const answer = await withClient(terminal, flags, async (client) =>
    key === undefined
      ? client.deleteRange({ prefix: exactly(prefix as string, 'prefix') })
      : client.delete(exactly(key, 'key')),
  );
  const { deleted, revision } = answer;
  if (flags.json === true) say(terminal, JSON.stringify({ deleted, revision }));
  else say(terminal, `deleted ${deleted} key${deleted === 1 ? '' : 's'}`);
  return ExitCode.ok;
}

export async function list(
  terminal: Terminal,
  prefix: string | undefined,
  flags: KvFlags & { readonly keysOnly?: boolean; readonly limit?: number },
): Promise<number> {
  const keysOnly = flags.keysOnly === true;
  const range = prefix === undefined || prefix === '' ? {} : { prefix };
  const limit = flags.limit ?? Number.MAX_SAFE_INTEGER;
  await withClient(terminal, flags, async (client) => {
    let count = 0;
    for await (const item of client.list(range, { ...readOptions(terminal, flags), keysOnly })) {
      if (flags.json === true) say(terminal, itemJson(item, keysOnly));
      else if (keysOnly) say(terminal, textOf(item.key));
      else say(terminal, `${textOf(item.key)}\t${textOf(item.value)}`);
      if (++count >= limit) break;
    }
  });
  return ExitCode.ok;
}

export async function increment(
  terminal: Terminal,
  key: string,
  by: string | undefined,
  flags: KvFlags,
): Promise<number> {
  if (by !== undefined && !/^-?\d{1,19}$/.test(by)) {
    throw new ClusterError('REQUEST_INVALID', `"${by}" is not a whole number to add`);
  }
  const answer = await withClient(terminal, flags, (c) =>
    c.increment(exactly(key, 'key'), BigInt(by ?? 1)),
  );
  const { value, revision } = answer;
  if (flags.json === true) say(terminal, JSON.stringify({ value: String(value), revision }));
  else say(terminal, String(value));
  return ExitCode.ok;
}

export async function compareAndSet(
  terminal: Terminal,
  key: string,
  value: string,
  flags: KvFlags & { readonly expect?: string; readonly absent?: boolean },
): Promise<number> {
  if ((flags.expect === undefined) === (flags.absent !== true)) {
    throw new ClusterError('REQUEST_INVALID', 'kv cas wants either --expect OLD or --absent');
  }
  const expected = flags.expect === undefined ? undefined : exactly(flags.expect, 'expected value');
  const answer = await withClient(terminal, flags, (c) =>
    c.compareAndSet(exactly(key, 'key'), expected, exactly(value, 'value')),
  );
  const { swapped, revision, actual } = answer;
  if (flags.json === true) {
    const was = actual === undefined ? {} : jsonOfBytes('actual', actual);
    say(terminal, JSON.stringify({ swapped, revision, ...was }));
  } else if (swapped) say(terminal, `revision ${revision}`);
  else {
    const what = actual === undefined ? 'there is no such key' : `it is "${textOf(actual)}"`;
    tell(terminal, `quorate: "${key}" is not as expected: ${what}`);
  }
  return swapped ? ExitCode.ok : ExitCode.notFound;
}

export async function watch(
  terminal: Terminal,
  prefix: string | undefined,
  flags: KvFlags & { readonly fromRevision?: number; readonly count?: number },
): Promise<number> {
  const range = prefix === undefined || prefix === '' ? {} : { prefix };
  const { signal } = terminal;
  const options = {
    ...(flags.fromRevision === undefined ? {} : { from: flags.fromRevision }),
    ...(signal === undefined ? {} : { signal }),
  };
  await withClient(terminal, flags, async (client) => {
    let count = 0;
    try {
      for await (const change of client.watch(range, options)) {
        for (const line of changeLines(change, flags.json === true)) say(terminal, line);
        if (++count >= (flags.count ?? Number.MAX_SAFE_INTEGER)) break;
      }
    } catch (error) {
      // Ctrl-C is how a watch is ended.
      if (signal?.aborted !== true) throw error;
    }
  });
  return signal?.aborted === true ? ExitCode.interrupted : ExitCode.ok;
}

function changeLines({ revision, events }: KvChange, json: boolean): string[] {
  if (json) {
    const list = events.map((event) =>
      event.kind === 'put'
        ? {
            type: 'put',
            ...jsonOfBytes('key', event.item.key),
            ...jsonOfBytes('value', event.item.value),
          }
        : { type: 'delete', ...jsonOfBytes('key', event.key) },
    );
    return [JSON.stringify({ revision, events: list })];
  }
  return events.map((event) =>
    event.kind === 'put'
      ? `${revision} put ${textOf(event.item.key)} ${textOf(event.item.value)}`
      : `${revision} delete ${textOf(event.key)}`,
  );
}

function itemJson(item: KeyValue, keysOnly = false): string {
  const { key, value, createRevision, modRevision, version } = item;
  const bytes = keysOnly
    ? jsonOfBytes('key', key)
    : { ...jsonOfBytes('key', key), ...jsonOfBytes('value', value) };
  return JSON.stringify({ ...bytes, createRevision, modRevision, version });
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
