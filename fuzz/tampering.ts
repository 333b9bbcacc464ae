/**
 * A network door that damages what goes out through it: a bad cable, a proxy that has lost its mind, a
 * peer with a bug in its sender. Each edit is 8 bytes: position in the stream of one connection
 * (2 bytes), kind, count, four bytes to use.
 */
import type { Connection, Network } from '../src/world/index.ts';
import type { FuzzDice } from './dice.ts';
import { joined } from './mutate.ts';

const EDIT_BYTES = 8;
const KINDS = 5;

export function randomEdits(dice: FuzzDice, streamBytes: number): Uint8Array {
  const edits: Uint8Array[] = [];
  for (let left = 1 + dice.below(3); left > 0; left--) {
    const edit = Buffer.from(dice.bytes(EDIT_BYTES));
    edit.writeUInt16LE(dice.below(Math.min(streamBytes, 65_536)), 0);
    edits.push(edit);
  }
  return joined(...edits);
}

export interface Tamper {
  /** Set to false, and everything goes out as it is. */
  isOn: boolean;
  readonly edits: Uint8Array;
}

export function tampering(network: Network, tamper: Tamper): Network {
  return {
    listen: (address, accept) =>
      network.listen(address, (connection) => accept(tampered(connection, tamper))),
    dial: async (address, timeoutMs) => tampered(await network.dial(address, timeoutMs), tamper),
  };
}

function tampered(connection: Connection, tamper: Tamper): Connection {
  let sent = 0;
  return {
    remote: connection.remote,
    get queuedBytes() {
      return connection.queuedBytes;
    },
    attach: (events) => connection.attach(events),
    pause: () => connection.pause(),
    resume: () => connection.resume(),
    destroy: () => connection.destroy(),
    write: (chunks) => {
      const start = sent;
      const bytes = joined(...chunks);
      sent += bytes.length;
      return connection.write([tamper.isOn ? edited(bytes, start, tamper.edits) : bytes]);
    },
  };
}

/** `start`: where in the stream `bytes` begin. */
function edited(bytes: Uint8Array, start: number, edits: Uint8Array): Uint8Array {
  let result = bytes;
  for (let offset = 0; offset + EDIT_BYTES <= edits.length; offset += EDIT_BYTES) {
    const edit = edits.subarray(offset, offset + EDIT_BYTES);
    const at = edit[0]! + 256 * edit[1]! - start;
    if (at < 0 || at >= result.length) continue;
    result = apply(result, at, edit[2]! % KINDS, edit[3]!, edit.subarray(4));
  }
  return result;
}

function apply(
  bytes: Uint8Array,
  at: number,
  kind: number,
  count: number,
  given: Uint8Array,
): Uint8Array {
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (kind) {
    case 0:
      return joined(before, Uint8Array.of(after[0]! ^ (1 << (count & 7))), after.subarray(1));
    case 1:
      return joined(before, given, after);
    case 2:
      return joined(before, after.subarray(count));
    case 3:
      return joined(before, after.subarray(0, count), after);
    default:
      return joined(before, given, after.subarray(given.length));
  }
}
