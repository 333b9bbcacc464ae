/** Operations through the network client, as programs use it: its defaults, sessions included. */
import { connect, type QuorateClient } from '../../src/client/index.ts';
import type { Consistency } from '../../src/consensus/index.ts';
import type { Issuer } from './ceiling-target.ts';
import { keyName, type Operation } from './spec.ts';

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
      const client = clients[number % clients.length]!;
      call(client, names[number % keys]!).then(() => done(), done);
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

type Call = (client: QuorateClient, key: string) => Promise<unknown>;

function callOf(operation: Operation, valueBytes: number): Call {
  if (operation === 'put') {
    const value = new Uint8Array(valueBytes).fill(0x76);
    return (client, key) => client.put(key, value);
  }
  if (operation === 'append') throw new Error('the network client has no appends');
  const consistency = CONSISTENCIES[operation];
  return async (client, key) => {
    const found = await client.get(key, { consistency });
    // A read of nothing would be cheaper than what is asked for.
    if (found === undefined) throw new Error('KEY_MISSING');
    return found;
  };
}

/** A cluster that knows no lease reads refuses them by name; see `hasLeaseReads`. */
const CONSISTENCIES = {
  get: 'linearizable',
  'get-lease': 'lease' as Consistency,
  'get-local': 'local',
} as const;
