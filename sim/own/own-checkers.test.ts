/**
 * Goal: results are compared entry by entry, over nodes, restarts and snapshots, and only where the commands are
 * the same. Method: events made by hand.
 */
import { beforeEach, expect, it } from 'vitest';
import { ClusterError } from '../../src/errors.ts';
import type { SimEvent } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { MachineFailures, SameResults } from './own-checkers.ts';

const CLUSTER = { machines: new Map() } as unknown as SimCluster;
let checker = new SameResults();

beforeEach(() => {
  checker = new SameResults();
});

/** `a=1`: command a gave 1. */
function applied(who: string, index: number, ...answers: string[]): void {
  const [node = '', life = '1'] = who.split('/');
  const pairs = answers.map((answer) => answer.split('='));
  const event: SimEvent = {
    kind: 'applied',
    node,
    life: Number(life),
    index,
    term: 1,
    commands: pairs.map(([command = '']) => Buffer.from(command)),
    results: pairs.map(([, result = '']) => ({ code: 0, bytes: Buffer.from(result) })),
  };
  checker.event(event, CLUSTER);
}

function restored(node: string, life: number, index: number): void {
  const storage = { newestSnapshot: { index } };
  for (const kind of ['began', 'opened', 'restored']) {
    checker.event({ kind, node, life, storage } as unknown as SimEvent, CLUSTER);
  }
}

it('accepts the same results, in whatever runs they come', () => {
  applied('n1', 5, 'a=1', 'b=2');
  applied('n1', 5, 'c=3');
  applied('n2', 5, 'a=1', 'b=2', 'c=3');
  applied('n1', 6, 'a=1');
  applied('n2', 6, 'a=1');
});

it('finds another result, and names both nodes, the entry and the command', () => {
  applied('n1', 5, 'a=1', 'b=2');
  expect(() => applied('n3', 5, 'a=1', 'b=7')).toThrow(
    'n1 and n3 applied entry 5 and gave different results:\n  the command  "b"\n' +
      '  n1: code 0, "2"\n  n3: code 0, "7"\n',
  );
});

it('names usual causes where nothing was seen, and claims none', () => {
  applied('n1', 5, 'a=1');
  let message = '';
  try {
    applied('n2', 5, 'a=2');
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).not.toContain('Seen in this run');
  for (const cause of ['a timer', 'Date.now kept', 'a buffer that is used again', 'node:crypto']) {
    expect(message).toContain(cause);
  }
});

it('finds it in the second run of an entry', () => {
  applied('n1', 5, 'a=1', 'b=2');
  applied('n2', 5, 'a=1');
  expect(() => applied('n2', 5, 'b=3')).toThrow('the command  "b"');
});

it('finds it in another start of the same node, and blames what a snapshot left out', () => {
  applied('n1', 2, 'a=1');
  applied('n1', 9, 'a=2');
  restored('n1', 2, 8);
  expect(() => applied('n1/2', 9, 'a=1')).toThrow(
    /n1 and n1 \(start 2\) applied entry 9 .*from the snapshot at 8 on: code 0, "1".*Seen in this run:\n {2}- n1 \(start 2\) began with the snapshot at 8, n1 has applied more itself, from the beginning on\nUsual causes:\n {2}- snapshot\(\) leaves out/s,
  );
});

it('takes the empty snapshot that a cluster begins with for none', () => {
  restored('n1', 1, 1);
  applied('n1', 3, 'a=1');
  restored('n2', 1, 1);
  expect(() => applied('n2', 3, 'a=2')).toThrow(/\n {2}n2: code 0, "2"\n/);
});

it('leaves other commands at one index to the checkers of the cluster', () => {
  applied('n1', 5, 'a=1');
  applied('n2', 5, 'b=2');
});

it('finds a node that its machine has ended, and no other end', () => {
  const failures = new MachineFailures();
  const ended = (error: Error): SimEvent => {
    return { kind: 'ended', node: 'n2', life: 1, how: 'failed', error, lost: 0 };
  };
  failures.event(ended(new ClusterError('DISK_FULL', 'no room')));
  const cause = new ClusterError('STATE_MACHINE_FAILED', 'it threw: Error: no');
  const failed = new ClusterError('NODE_FAILED', 'the node has failed', { cause });
  expect(() => failures.event(ended(failed))).toThrow(
    'the state machine of n2 ended its node: it threw: Error: no',
  );
});
