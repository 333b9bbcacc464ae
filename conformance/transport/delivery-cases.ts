/**
 * What arrives: whole, in order, at most once; and what does not arrive is told, so that the leader stops
 * counting on it. A message that is lost in silence is the worst: whoever sent it waits for an answer.
 */
import { type Message, MessageType, makeMessage } from '../../src/raft/index.ts';
import type { CaseSpec } from '../kit/index.ts';
import { append, type Station, type TransportBench } from './bench.ts';
import type { TransportAbilities } from './index.ts';

type TransportCase = CaseSpec<TransportBench>;

export function deliveryCases(can: TransportAbilities): TransportCase[] {
  return [
    {
      id: 'delivery/intact',
      title: 'messages and frames arrive as they were sent, both ways, with their sender',
      body: async (checks, bench) => {
        const [a, b] = await bench.pair(checks);
        const told = 'both are told that they are connected';
        // The status may know it before the event has run: no event comes inside a call.
        await bench.reach(checks, told, () => connectedCounts(a, b).every((count) => count > 0));
        checks.equal(`${told}, once`, connectedCounts(a, b), [1, 1]);
        const sent: Message[] = [
          append(1, 2, 5),
          append(1, 2, 6, 100_000),
          makeMessage({ type: MessageType.Heartbeat, from: 1, to: 2, term: 3, commit: 4 }),
        ];
        for (const message of sent) a.send(message);
        a.flush();
        const back = makeMessage({ type: MessageType.AppResp, from: 2, to: 1, term: 3, index: 6 });
        b.send(back);
        b.flush();
        const clause = 'what is sent to a connected peer arrives';
        await bench.reach(checks, clause, () => b.arrivals.length >= 3 && a.arrivals.length >= 1);
        const byIndex = (message: Message | undefined): number => message?.index ?? -1;
        const found = b.arrivals
          .map(({ message }) => message)
          .sort((x, y) => byIndex(x) - byIndex(y));
        const expected = [...sent].sort((x, y) => byIndex(x) - byIndex(y));
        checks.equal('a message arrives as it was sent', found, expected);
        checks.equal(
          'an answer arrives',
          a.arrivals.map(({ message }) => message),
          [back],
        );
        checks.equal('the sender is named', [b.arrivals[0]?.from, a.arrivals[0]?.from], [1, 2]);
      },
    },
    framesAreKept(),
    inOrder(),
    {
      id: 'loss/once-and-in-order',
      title: 'connections that break lose messages, but neither repeat nor reorder them',
      skip: can.break,
      body: async (checks, bench) => {
        const [a, b] = await bench.pair(checks);
        let number = 1;
        for (let round = 0; round < 8; round++) {
          for (let i = 0; i < 40; i++) {
            a.append(2, number++);
            if (i % 8 === round % 8) a.flush();
            if (i === round * 5) {
              await bench.until(() => false, 1);
              bench.net.breakLinks?.(1, 2);
            }
          }
          a.flush();
          number = await bench.sendUntilHeard(checks, a, b, number);
        }
        const clause = 'nothing arrives twice, or after what was sent later';
        checks.equal(clause, disorderOf(b.numbers), 'nothing');
      },
    },
    lossIsTold(),
    silenceIsTold(can),
  ];
}

function connectedCounts(a: Station, b: Station): [number, number] {
  return [a.toldOf('connected', b.raftId).length, b.toldOf('connected', a.raftId).length];
}

/** What is wrong with the order of numbers that were sent ascending; 'nothing' when all is well. */
function disorderOf(numbers: readonly number[]): string {
  const seen = new Set<number>();
  let highest = 0;
  for (const number of numbers) {
    if (seen.has(number)) return `${number} arrived twice`;
    if (number < highest) return `${number} arrived after ${highest}`;
    seen.add(number);
    highest = number;
  }
  return 'nothing';
}

function framesAreKept(): TransportCase {
  return {
    id: 'delivery/frames',
    title: "a frame arrives with its kind and all of its bytes, which are the receiver's to keep",
    body: async (checks, bench) => {
      const [a, b] = await bench.pair(checks);
      const payloads = [[], [Buffer.from('1')], [Buffer.from('2'), Buffer.alloc(70_000, 'y')]];
      for (const [i, payload] of payloads.entries()) {
        const isTaken = a.sendFrame(2, 200 + i, payload);
        checks.equal('a frame for a connected peer is taken', isTaken, true);
      }
      a.flush();
      await bench.reach(checks, 'frames arrive', () => b.frames.length === 3);
      for (let number = 0; number < 100; number++) a.frame(2, number);
      a.flush();
      await bench.reach(checks, 'frames arrive', () => b.frames.length === 103);
      const found = b.frames.slice(0, 3).map(({ kind, payload }) => [kind, hash(payload)]);
      const expected = payloads.map((payload, i) => [200 + i, hash(Buffer.concat(payload))]);
      checks.equal('a frame is what was sent, later frames or not', found, expected);
    },
  };
}

function hash(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes);
  return `${buffer.length} bytes, ${buffer.reduce((sum, byte) => (sum * 31 + byte) % 65_521, 7)}`;
}

function inOrder(): TransportCase {
  return {
    id: 'delivery/in-order',
    title: 'appends and frames arrive in the order in which they were sent, each once',
    body: async (checks, bench) => {
      const [a, b] = await bench.pair(checks);
      const count = 300;
      for (let number = 1; number <= count; number++) {
        if (number % 3 === 0) a.frame(2, number);
        else a.append(2, number);
        if (number % 7 === 0) a.flush();
        if (number % 50 === 0) await bench.until(() => false, 1);
      }
      a.flush();
      const isThere = (): boolean => b.arrivals.length >= count;
      const found = (): string => `${b.arrivals.length} of ${count} arrived`;
      await bench.reach(checks, 'nothing is lost on a healthy connection', isThere, found);
      await bench.quiet();
      const clause = 'the order is that of the calls, and nothing comes twice';
      checks.equal(clause, disorderOf(b.numbers), 'nothing');
    },
  };
}

function lossIsTold(): TransportCase {
  return {
    id: 'loss/told',
    title: 'whatever did not arrive is followed by `unreachable`',
    body: async (checks, bench) => {
      const [a, b] = await bench.pair(checks);
      const sentAt: number[] = [0];
      const send = (): void => {
        a.append(2, sentAt.length);
        sentAt.push(bench.step());
        a.flush();
      };
      for (let i = 0; i < 20; i++) send();
      const stopping = b.stop();
      for (let i = 0; i < 20; i++) send();
      await bench.settled(stopping);
      for (let i = 0; i < 20; i++) {
        send();
        await bench.until(() => false, 2);
      }
      const again = await bench.started(2);
      again.add(a);
      await bench.sendUntilHeard(checks, a, again, 1_000);
      await bench.quiet();
      const heard = new Set([...b.numbers, ...again.numbers]);
      const lost = sentAt.map((_, number) => number).filter((n) => n > 0 && !heard.has(n));
      const lastLost = lost.at(-1) ?? 0;
      const told = a.toldOf('unreachable', 2).at(-1)?.at ?? 0;
      const clause = 'after the last message that was lost, the peer is reported';
      const at = sentAt[lastLost] ?? 0;
      checks.holds(clause, lost.length === 0 || told > at, `after step ${at}`, `at step ${told}`);
      const both = disorderOf([...b.numbers, ...again.numbers]);
      checks.equal('a new life of the peer is sent nothing again', both, 'nothing');
    },
  };
}

function silenceIsTold(can: TransportAbilities): TransportCase {
  return {
    id: 'loss/silent',
    title: 'a link on which nothing passes any more is found out, and used again when it heals',
    skip: can.cut,
    body: async (checks, bench) => {
      const [a, b] = await bench.pair(checks);
      bench.net.cut?.(1, 2);
      a.append(2, 1);
      a.flush();
      const clause = 'a peer that is silent is reported';
      await bench.reach(checks, clause, () => a.toldOf('unreachable', 2).length > 0);
      await bench.reach(checks, clause, () => {
        if (b.toldOf('unreachable', 1).length > 0) return true;
        b.append(1, 1);
        b.flush();
        return false;
      });
      bench.net.heal?.(1, 2);
      await bench.sendUntilHeard(checks, a, b, 10);
      await bench.sendUntilHeard(checks, b, a, 10);
    },
  };
}
