/**
 * `host:port`, as people write it and as peers tell each other; IPv6 in brackets. Checked when a peer
 * is added (S-49), so that a typing error is an error of the caller and not a peer that never answers.
 */
import { ClusterError } from '../errors.ts';
import { shown } from '../given.ts';
import type { Address } from '../world/index.ts';

const PORT_MAX = 65_535;
/** RFC 1035: longer names can not be resolved. */
const HOST_CHARS_MAX = 253;

/** @throws ClusterError PEER_ADDRESS_INVALID. */
export function parseAddress(text: string): Address {
  if (typeof text !== 'string') {
    throw new ClusterError(
      'PEER_ADDRESS_INVALID',
      `the address is ${shown(text)}: give a string like node-1.example:7400`,
      { details: { address: shown(text) } },
    );
  }
  const parts = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text);
  const host = parts?.[1] ?? parts?.[2];
  const port = Number(parts?.[3]);
  if (host === undefined || host.length > HOST_CHARS_MAX || port < 1 || port > PORT_MAX) {
    throw new ClusterError(
      'PEER_ADDRESS_INVALID',
      `"${text}" is not host:port with a port from 1 to ${PORT_MAX}; ` +
        'write it like node-1.example:7400 or [fd00::1]:7400',
      { details: { address: text } },
    );
  }
  return { host, port };
}

/** `host:port`; an IPv6 address in brackets. */
export function formatAddress(address: Address): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
