/** Whether a node serves: a linearizable read, asked of it and of nobody else. */
import { connect as dial } from 'node:net';
import { connect } from '../../src/client/index.ts';
import { until } from '../../test/waiting.ts';
import { keyName } from '../load/spec.ts';

const KNOCK_EVERY_MS = 3;

/** The client waits longer and longer between its attempts; so it is not asked before somebody listens. */
export async function servesReads(door: string, timeoutMs: number): Promise<void> {
  const [host = '', port] = door.split(':');
  const listens = async (): Promise<true | undefined> => {
    const socket = dial(Number(port), host);
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(undefined));
    }).then((isOpen) => {
      socket.destroy();
      return isOpen === true ? true : undefined;
    });
  };
  await until(`a listener at ${door}`, timeoutMs, listens, KNOCK_EVERY_MS);
  const client = await connect({ nodes: [door], timeoutMs, session: false });
  try {
    await client.get(keyName(0));
  } finally {
    await client.close();
  }
}
