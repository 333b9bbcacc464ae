/** The smallest replicated state machine: a counter on three nodes of one process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, simpleMachine, startNode, toText } from 'quorate';

const basePort = Number(process.argv[2] ?? 7601);
const folder = await mkdtemp(join(tmpdir(), 'quorate-smallest-'));
const members = ['a', 'b', 'c'].map((nodeId, i) => {
  return { nodeId, address: `127.0.0.1:${basePort + i}` };
});
const counts = new Map(members.map(({ nodeId }) => [nodeId, 0]));

async function start(nodeId: string): Promise<Engine> {
  const set = (count: number): Buffer => Buffer.from(`${counts.set(nodeId, count).get(nodeId)}`);
  const machine = simpleMachine({
    apply: (command) => set((counts.get(nodeId) ?? 0) + Number(toText(command))),
    snapshot: () => Buffer.from(`${counts.get(nodeId)}`),
    restore: (state) => void set(Number(toText(state))),
  });
  return await startNode({ nodeId, members, dataDir: join(folder, nodeId), machine });
}

const nodes = await Promise.all(members.map(({ nodeId }) => start(nodeId)));
for (const [i, node] of nodes.entries()) {
  const { bytes } = await node.propose(Buffer.from(String(i + 1))); // on a majority, and applied here
  console.log(`${node.nodeId} added ${i + 1}: ${toText(bytes)}`);
}
for (const node of nodes) {
  await node.readBarrier(); // everything acknowledged anywhere is here, too
  console.log(`${node.nodeId} counts ${counts.get(node.nodeId)}`);
}
await Promise.all(nodes.map((node) => node.stop()));
await rm(folder, { recursive: true });
