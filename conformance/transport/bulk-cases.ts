/**
 * Bulk: a snapshot's file, which goes beside the messages, from where the receiver says it has got to, and
 * counts as sent only when the receiver has made it durable.
 */
import type { Message } from '../../src/raft/index.ts';
import type { BulkSink } from '../../src/transport/index.ts';
import { begun, type CaseSpec, type Checks } from '../kit/index.ts';
import {
  bulkBytes,
  CollectingSink,
  type Station,
  snapshotMessage,
  sourceOf,
  type TransportBench,
} from './bench.ts';

type TransportCase = CaseSpec<TransportBench>;

const FILE_BYTES = 700_001;
const FAILED = ['TRANSFER_FAILED'];

export function bulkCases(): TransportCase[] {
  return [
    {
      id: 'bulk/whole',
      title: 'a transfer carries its message and all of its bytes, beside the messages',
      body: async (checks, bench) => {
        const sink = new CollectingSink();
        const asked: { readonly from: number; readonly message: Message }[] = [];
        const [a, b] = await pairWith(checks, bench, async (from, message) => {
          asked.push({ from, message });
          return sink;
        });
        const file = bulkBytes(FILE_BYTES);
        const message = snapshotMessage(1, 2);
        const sending = a.sendBulk(message, sourceOf(file));
        a.append(2, 5);
        a.flush();
        await checks.resolves(
          'a transfer resolves',
          () => bench.settled(sending),
          bench.patienceMs,
        );
        checks.equal('the receiver is asked once, with the message', asked, [{ from: 1, message }]);
        const isSame = sink.bytes.equals(file);
        checks.holds(
          'all bytes arrive, in order',
          isSame,
          `${FILE_BYTES} bytes`,
          sink.bytes.length,
        );
        checks.equal('then the sink is told that it is all', sink.ended, 'finished');
        await bench.reach(checks, 'messages go on meanwhile', () => b.arrivals.length > 0);
        checks.equal('the message of the transfer does not come twice', b.numbers, [5]);
      },
    },
    {
      id: 'bulk/resume',
      title: 'a transfer begins where the receiver says that it has got to',
      body: async (checks, bench) => {
        const file = bulkBytes(FILE_BYTES);
        const here = 300_000;
        const sink = new CollectingSink(here);
        const [a] = await pairWith(checks, bench, async () => sink);
        const reads: number[] = [];
        const sending = a.sendBulk(snapshotMessage(1, 2), sourceOf(file, reads));
        await checks.resolves(
          'a transfer resolves',
          () => bench.settled(sending),
          bench.patienceMs,
        );
        const isRest = sink.bytes.equals(file.subarray(here));
        const expected = `${FILE_BYTES - here} bytes`;
        checks.holds('only the rest is sent', isRest, expected, `${sink.bytes.length} bytes`);
        const lowest = Math.min(...reads);
        checks.holds('what is there is not read again', lowest >= here, `from ${here} on`, lowest);
      },
    },
    {
      id: 'bulk/durable-first',
      title: 'a transfer resolves when the receiver has made it durable, not before',
      body: async (checks, bench) => {
        let release = (): void => {};
        const gate = new Promise<void>((resolve) => {
          release = resolve;
        });
        let isAsked = false;
        const sink = new CollectingSink(0, () => {
          isAsked = true;
          return gate;
        });
        const [a] = await pairWith(checks, bench, async () => sink);
        let isDone = false;
        const sending = begun(async () => {
          await a.sendBulk(snapshotMessage(1, 2), sourceOf(bulkBytes(1_000)));
          isDone = true;
        });
        await bench.reach(checks, 'the sink is told that it is all', () => isAsked);
        await bench.until(() => false, 50);
        checks.equal('the sender waits for `finish`', isDone, false);
        release();
        await checks.resolves(
          'a transfer resolves',
          () => bench.settled(sending),
          bench.patienceMs,
        );
      },
    },
    ...failingCases(),
  ];
}

function failingCases(): TransportCase[] {
  const send = (bench: TransportBench, a: Station): Promise<void> =>
    bench.settled(a.sendBulk(snapshotMessage(1, 2), sourceOf(bulkBytes(FILE_BYTES))));
  return [
    {
      id: 'bulk/refused',
      title: 'a transfer that the receiver refuses, or can not finish, fails',
      body: async (checks, bench) => {
        const answers: (() => Promise<BulkSink>)[] = [
          () => Promise.reject(new Error('not wanted')),
          async () => new CollectingSink(0, () => Promise.reject(new Error('the disk is full'))),
          async () => new CollectingSink(),
        ];
        const [a] = await pairWith(checks, bench, () => answers.shift()!());
        await checks.rejects(
          'a refused transfer fails',
          () => send(bench, a),
          FAILED,
          bench.patienceMs,
        );
        const clause = 'a transfer that could not be made durable fails';
        await checks.rejects(clause, () => send(bench, a), FAILED, bench.patienceMs);
        await checks.resolves('the next one works', () => send(bench, a), bench.patienceMs);
      },
    },
    {
      id: 'bulk/source-fails',
      title: 'a transfer whose source fails is given up on both sides',
      body: async (checks, bench) => {
        const sink = new CollectingSink();
        const [a] = await pairWith(checks, bench, async () => sink);
        const source = {
          bytes: FILE_BYTES,
          read: (position: number, length: number): Promise<Uint8Array> =>
            position > 100_000
              ? Promise.reject(new Error('the file is gone'))
              : Promise.resolve(Buffer.alloc(length)),
        };
        const sending = (): Promise<void> =>
          bench.settled(a.sendBulk(snapshotMessage(1, 2), source));
        const clause = 'a source that fails fails the transfer';
        await checks.rejects(clause, sending, FAILED, bench.patienceMs);
        const isTold = (): boolean => sink.ended === 'aborted';
        await bench.reach(checks, 'the sink is told', isTold, () => sink.ended);
      },
    },
    {
      id: 'bulk/away',
      title: 'a transfer to a peer that is away fails',
      body: async (checks, bench) => {
        const [a, b] = await bench.pair(checks);
        await bench.settled(b.stop());
        const clause = 'nobody waits for ever for a peer that is gone';
        await checks.rejects(clause, () => send(bench, a), FAILED, bench.patienceMs);
      },
    },
  ];
}

function pairWith(
  checks: Checks,
  bench: TransportBench,
  bulk: (from: number, message: Message) => Promise<BulkSink>,
): Promise<[Station, Station]> {
  return bench.pair(checks, { second: { bulk } });
}
