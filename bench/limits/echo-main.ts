/** Sends back what it is sent; the other end of the round trips. Ends with its standard input. */
import { createServer } from 'node:net';

const [port] = process.argv.slice(2);
createServer((socket) => {
  socket.setNoDelay();
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    socket.write(chunk);
  });
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
process.stdin.resume().on('end', () => process.exit(0));
