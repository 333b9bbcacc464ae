/**
 * `host:port` as people write it. A port that is missing or a scheme in front is refused with what to write.
 */
import { ClusterError } from '../errors.ts';

export interface NodeAddress {
  readonly host: string;
  readonly port: number;
  readonly text: string;
}

const FORM: RegExp = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\]]+)):([0-9]{1,5})$/;

export function parseNodeAddress(text: string): NodeAddress {
  const match = FORM.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new ClusterError(
      'CONFIG_INVALID',
      `node address ${JSON.stringify(text)} is not host:port of a client door, such as 127.0.0.1:7200`,
      { details: { field: 'nodes', address: text } },
    );
  }
  return { host, port, text };
}
