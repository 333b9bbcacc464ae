/**
 * Listening, with errors that say what to do. Both doors go through here, so that "address in use"
 * reads the same whichever of them is refused.
 */
import type { AddressInfo, Server } from 'node:net';
import { ClusterError } from '../errors.ts';
import { textOf } from '../given.ts';

export interface DoorAddress {
  readonly host: string;
  readonly port: number;
}

/** Resolves with the address that was bound (port 0 picks a free one). */
export function listen(server: Server, at: DoorAddress, door: string): Promise<DoorAddress> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(listenError(error, at, door));
    server.once('error', failed);
    server.listen({ host: at.host, port: at.port }, () => {
      server.off('error', failed);
      resolve({ host: at.host, port: (server.address() as AddressInfo).port });
    });
  });
}

export function listenError(error: unknown, at: DoorAddress, door: string): ClusterError {
  const where = `${door} address ${formatAddress(at)}`;
  const code = (error as NodeJS.ErrnoException).code;
  const details = { door, host: at.host, port: at.port };
  if (code === 'EADDRINUSE') {
    return new ClusterError(
      'ADDRESS_IN_USE',
      `${where} is in use by another process; stop that one (is a node running already?) or ` +
        'choose another port',
      { details, cause: error },
    );
  }
  const why = textOf(error);
  const advice = code === 'EACCES' ? '; ports below 1024 need privileges, choose a higher one' : '';
  return new ClusterError('ADDRESS_INVALID', `${where} can not be listened on: ${why}${advice}`, {
    details,
    cause: error,
  });
}

export function formatAddress(at: DoorAddress): string {
  return at.host.includes(':') ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`;
}
