/**
 * One embedded node in a process of its own, as a service would hold it: `startNode` with every default and
 * a state machine that does nothing, so that what is measured is the agreement. The node that leads
 * proposes from this very process. The same questions and answers as bench/peers/go/raftload.
 *
 *     node embedded-main.js ID ADDRESS,ADDRESS,... FOLDER
 */
import { createInterface } from 'node:readline';
import type { CommandResult, StateMachine } from '../../src/consensus/index.ts';
import { startNode } from '../../src/engine/index.ts';
import { closedLoop } from '../load/closed-loop.ts';
import type { EmbeddedQuestion } from './embedded-cluster.ts';

const [id = '', addresses = '', dataDir = ''] = process.argv.slice(2);
const DONE: CommandResult = { code: 0, bytes: new Uint8Array(0) };
/** Does nothing, as that of the peer: what is measured is how a command gets there. */
const machine: StateMachine = {
  applyBatch: (commands) => commands.map(() => DONE),
  snapshot: () => [],
  restore: async () => {},
};

const node = await startNode({
  nodeId: id,
  members: addresses.split(',').map((address, at) => ({ nodeId: `n${at + 1}`, address })),
  dataDir,
  machine,
});
process.stdout.write('ready\n');

async function answer({ load }: EmbeddedQuestion): Promise<unknown> {
  if (load === undefined) return { isLeader: node.isLeader };
  if (!node.isLeader) return { error: `${id} does not lead any more` };
  const command = new Uint8Array(load.valueBytes).fill(0x76);
  return await closedLoop((_number, done) => {
    node.propose(command).then(() => done(), done);
  }, load);
}

for await (const line of createInterface({ input: process.stdin })) {
  let answered: unknown;
  try {
    answered = await answer(JSON.parse(line) as EmbeddedQuestion);
  } catch (error) {
    answered = { error: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(answered)}\n`);
}
process.exit(0);
