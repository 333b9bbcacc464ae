/**
 * The ceiling pipeline: how fast could a replicated log in Node be if it did nothing but the unavoidable?
 * A leader and two followers, each a process; entries of ENTRY_BYTES come from a client over TCP; all three
 * make them durable with group commit; what a majority has is acknowledged, by count. No terms, no elections,
 * no state machine, no checksums, no errors handled: what a real one needs beside this is its price.
 *
 *     node main.js PORT FILE WAY [FOLLOWER_PORT FOLLOWER_PORT]
 *
 * With ports of followers it leads. Prints `ready` when it listens; ends with its standard input.
 */
import { connect, createServer, type Socket } from 'node:net';
import { GroupLog, type SyncWay } from './group-log.ts';
import { countBytes, ENTRY_BYTES, onCounts } from './protocol.ts';

const [port, path, way, ...followerPorts] = process.argv.slice(2);
const log = await GroupLog.open(path ?? '', way as SyncWay);
const followers = followerPorts.map(connectFollower);
let ownDurable = 0;
let acknowledged = 0;
let upstream: Socket | undefined;

function connectFollower(followerPort: string): { readonly socket: Socket; durable: number } {
  const socket = connect(Number(followerPort), '127.0.0.1').setNoDelay();
  const follower = { socket, durable: 0 };
  onCounts(socket, (count) => {
    // Modulo 2^32 on the way; nobody is that far behind.
    const last = follower.durable % 2 ** 32;
    follower.durable += (count - last + 2 ** 32) % 2 ** 32;
    acknowledge();
  });
  return follower;
}

log.onDurable = (bytes) => {
  ownDurable = Math.floor(bytes / ENTRY_BYTES);
  acknowledge();
};

/** Of three the second largest; a follower answers for itself. */
function acknowledge(): void {
  const durable = [ownDurable, ...followers.map((follower) => follower.durable)];
  const count = durable.length === 1 ? ownDurable : (durable.sort((a, b) => b - a)[1] ?? 0);
  if (count <= acknowledged) return;
  acknowledged = count;
  upstream?.write(countBytes(count));
}

createServer((socket) => {
  upstream = socket.setNoDelay();
  socket.on('error', () => {});
  socket.write(countBytes(acknowledged));
  let chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    // Everything that one turn of the loop brings travels on together.
    if (chunks.length === 0) setImmediate(pass);
    chunks.push(chunk);
  });
  const pass = (): void => {
    const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    chunks = [];
    for (const follower of followers) follower.socket.write(bytes);
    log.append(bytes);
  };
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
process.stdin.resume().on('end', () => process.exit(0));
