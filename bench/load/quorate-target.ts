/** Operations through the network client, as programs use it: its defaults, sessions included. */
import { connect, type QuorateClient } from '../../src/client/index.ts';
import type { Consistency } from '../../src/consensus/index.ts';
import type { Issuer } from './ceiling-target.ts';
import { keyName, keyOfOperation, type Operation } from './spec.ts';

export interface QuorateOperations {
  readonly operation: Operation;
  readonly valueBytes: number;
  readonly keys: number;
}

export async function quorateTarget(
  addresses: readonly (readonly string[])[],
  { operation, valueBytes, keys }: QuorateOperations,
): Promise<Issuer> {
  const clients = await Promise.all(addresses.map((nodes) => connect({ nodes })));
  const call = callOf(operation, valueBytes);
  const names = Array.from({ length: keys }, (_, at) => keyName(at));
  return {
    issue: (number, done) => {
      call(clients[number % clients.length]!, names[keyOfOperation(number, keys)]!, done);
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

type Done = (error?: unknown) => void;
/** One promise for each call, the client's own: what the driver adds is measured as the client's work. */
type Call = (client: QuorateClient, key: string, done: Done) => void;

function callOf(operation: Operation, valueBytes: number): Call {
  if (operation === 'put') {
    const value = new Uint8Array(valueBytes).fill(0x76);
    return (client, key, done) => {
      client.put(key, value).then(() => done(), done);
    };
  }
  if (operation === 'append') throw new Error('the network client has no appends');
  const options = OPTIONS[operation];
  return (client, key, done) => {
    // A read of nothing would be cheaper than what is asked for.
    client.get(key, options).then((found) => {
      if (found === undefined) done(new Error('KEY_MISSING'));
      else done();
    }, done);
  };
}

/** A cluster that knows no lease reads refuses them by name; see `hasLeaseReads`. */
const OPTIONS = {
  get: undefined,
  'get-lease': { consistency: 'lease' as Consistency },
  'get-local': { consistency: 'local' },
} as const;
