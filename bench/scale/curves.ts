/** The four curves: what is varied, over which values, and how each point is measured. */
import { type BenchmarkContext, inRounds } from '../benchmark.ts';
import { LoadDriver } from '../load/driver.ts';
import type { LoadResult } from '../load/spec.ts';
import { KEYS, quorateSide } from '../throughput/sides.ts';

export interface Curve {
  /** Of the file. */
  readonly name: string;
  readonly title: string;
  readonly operation: string;
  readonly label: string;
  readonly scale: 'linear' | 'log';
  readonly rateScale: 'linear' | 'log';
  readonly xs: readonly number[];
  /** What a put has to do at x, in any unit: a curve may fall as this grows, see cliffs.ts. */
  readonly work: (x: number) => number;
  /** Of a value of x, in the table and on the axis. */
  readonly text: (x: number) => string;
  readonly short: (x: number) => string;
  readonly measure: (
    xs: readonly number[],
    context: BenchmarkContext,
    found: (x: number, result: LoadResult) => void,
  ) => Promise<void>;
}

const KIB = 1_024;
const MIB = KIB * KIB;
/** Nearly VALUE_BYTES_MAX; the name of the key and what else stands around it must fit as well. */
const LARGEST_VALUE = MIB - 4 * KIB;
/** Too few of them end within a short window. */
const LARGE_VALUE = 64 * KIB;
const INFLIGHT = 256;
/** Beyond, that many values on their way would be what is measured, and not their size. */
const BYTES_INFLIGHT_MAX = 16 * MIB;
/** A put of nothing costs about what these bytes cost to copy, check, send and sync. */
const BYTES_WORTH_A_PUT = 4 * KIB;
/** What all values together may occupy. */
const BYTES_KEPT_MAX = 64 * MIB;

function bytesText(bytes: number): string {
  return bytes >= KIB ? `${Math.round(bytes / KIB)} KiB` : `${bytes} B`;
}

const countText = (count: number): string => count.toLocaleString('en-US');

const valueSize: Curve = {
  name: 'value-size',
  title: 'Puts against the size of the value (256 in flight, at most 16 MiB of them)',
  operation: 'puts',
  label: 'value',
  scale: 'log',
  rateScale: 'log',
  xs: [16, 64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, LARGEST_VALUE],
  work: (x) => BYTES_WORTH_A_PUT + x,
  text: (x) => `values of ${bytesText(x)}`,
  short: bytesText,
  measure: async (xs, context, found) => {
    for (const valueBytes of xs) {
      const keys = Math.max(1, Math.min(KEYS, Math.floor(BYTES_KEPT_MAX / valueBytes)));
      const inflight = Math.max(4, Math.min(INFLIGHT, Math.floor(BYTES_INFLIGHT_MAX / valueBytes)));
      const side = await quorateSide({ valueBytes, keys });
      try {
        const seconds = valueBytes < LARGE_VALUE ? context.seconds : context.seconds * 2;
        const longer = { ...context, seconds };
        await puts(side, inflight, longer, `values of ${valueBytes} bytes`, (result) =>
          found(valueBytes, result),
        );
      } finally {
        await side.stop();
      }
    }
  },
};

const members: Curve = {
  name: 'members',
  title: 'Puts against the number of members (256 bytes, 256 in flight)',
  operation: 'puts',
  label: 'members',
  scale: 'linear',
  rateScale: 'linear',
  xs: [1, 3, 5, 7],
  work: (x) => x,
  text: (x) => `${x} members`,
  short: String,
  measure: async (xs, context, found) => {
    for (const count of xs) {
      const side = await quorateSide({ members: count });
      try {
        await puts(side, INFLIGHT, context, `${count} members`, (result) => found(count, result));
      } finally {
        await side.stop();
      }
    }
  },
};

const keys: Curve = {
  name: 'keys',
  title: 'Puts against the number of keys (256 bytes, 256 in flight)',
  operation: 'puts',
  label: 'keys',
  scale: 'log',
  rateScale: 'linear',
  xs: [10_000, 30_000, 100_000, 300_000, 1_000_000],
  work: () => 1,
  text: (x) => `${countText(x)} keys`,
  short: countText,
  measure: async (xs, context, found) => {
    for (const count of xs) {
      const side = await quorateSide({ keys: context.isTrial ? KEYS / 100 : count });
      try {
        await puts(side, INFLIGHT, context, `${count} keys`, (result) => found(count, result));
      } finally {
        await side.stop();
      }
    }
  },
};

/** Watches are spread over the keys, so that each put is told to one of ten thousand, or to none. */
const watchers: Curve = {
  name: 'watchers',
  title: 'Puts against the number of watchers (256 bytes, 256 in flight, 10,000 keys)',
  operation: 'puts',
  label: 'watches of single keys, on all three nodes',
  scale: 'log',
  rateScale: 'linear',
  xs: [1, 10, 100, 1_000, 10_000],
  work: (x) => 1 + x / KEYS,
  text: (x) => `${countText(x)} watches`,
  short: countText,
  measure: async (xs, context, found) => {
    const side = await quorateSide();
    // Not the process that puts: who watches is somebody else.
    const watching = new LoadDriver();
    try {
      let open = 0;
      for (const count of xs) {
        const { ids } = side.cluster;
        await watching.watch(side.cluster.doorsFrom(ids[0]!), count - open, KEYS);
        open = count;
        await puts(side, INFLIGHT, context, `${count} watches`, (result) => found(count, result));
      }
    } finally {
      await watching.stop();
      await side.stop();
    }
  },
};

/** As in `takeTurns`, and shorter: what is compared here are clusters of one kind. */
const POINT_RUN_IN_SECONDS = 6;

async function puts(
  side: Awaited<ReturnType<typeof quorateSide>>,
  inflight: number,
  context: BenchmarkContext,
  what: string,
  found: (result: LoadResult) => void,
): Promise<void> {
  const { seconds, warmSeconds, isTrial } = context;
  const put = { operation: 'put', via: 'leader', inflight } as const;
  const runSeconds = isTrial ? seconds : POINT_RUN_IN_SECONDS;
  await side.load({ ...put, seconds: runSeconds, warmSeconds: 0 });
  await inRounds(context, what, async () => {
    found(await side.load({ ...put, seconds, warmSeconds }));
  });
}

export const CURVES: readonly Curve[] = [valueSize, members, keys, watchers];
