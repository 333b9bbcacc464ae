/**
 * The key-value machine by itself: what a put costs it when they come alone, and when they come in batches of
 * a hundred; what a read costs; what it costs to capture a state that is large. Over ten thousand keys and a
 * value of 256 bytes, as in the benchmarks of whole clusters.
 */
import { encodeCommand, KvMachine } from '../../src/state/index.ts';
import { keyName } from '../load/spec.ts';
import type { Benchmark, Comparison } from '../measure.ts';

const KEYS = 10_000;
const VALUE = new Uint8Array(256).fill(0x76);
const BATCH = 100;

function commands(): Uint8Array[] {
  return Array.from({ length: KEYS }, (_, at) =>
    encodeCommand({ kind: 'put', key: Buffer.from(keyName(at)), value: VALUE }),
  );
}

/** Ten thousand keys; a hand that goes round them. */
function filled(): { machine: KvMachine; puts: Uint8Array[]; next: () => number } {
  const machine = new KvMachine();
  const puts = commands();
  machine.applyBatch(puts, { index: 1, term: 1 });
  let at = 0;
  return {
    machine,
    puts,
    next: () => {
      at = (at + BATCH) % KEYS;
      return at;
    },
  };
}

function comparisons(): Comparison[] {
  const { machine, puts, next } = filled();
  let index = 1;
  const apply = (count: number): unknown => {
    const at = next();
    return machine.applyBatch(puts.slice(at, at + count), { index: ++index, term: 1 });
  };
  const plain = new Map(puts.map((command, at) => [keyName(at), command]));
  const keys = Array.from({ length: KEYS }, (_, at) => keyName(at));
  const keyBytes = keys.map((key) => Buffer.from(key));
  return [
    {
      title: 'state machine: puts',
      candidates: [
        { name: 'quorate, one', run: () => apply(1) },
        { name: `quorate, a batch of ${BATCH}`, run: () => apply(BATCH) },
        { name: 'a Map that is set, once', run: () => plain.set(keys[next()]!, puts[0]!) },
      ],
    },
    {
      title: 'state machine: reads',
      candidates: [
        { name: 'quorate, a key', run: () => machine.get(keyBytes[next()]!) },
        { name: 'a Map that is asked', run: () => plain.get(keys[next()]!) },
      ],
    },
    {
      title: `state machine: capturing ${KEYS} keys`,
      candidates: [{ name: 'quorate', run: () => machine.snapshot() }],
    },
  ];
}

export const stateBenchmark: Benchmark = { name: 'state', comparisons };
