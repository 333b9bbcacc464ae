/**
 * `npm run fuzz -- [codec] [storage] [transport] [--seconds 60] [--seed N] [--replay FILE]`
 *
 * The time is shared out equally. Each target runs in a thread of its own, under a watch that sees
 * hangs, and with a heap so small that a bomb is noticed. Exit code 1 when anything was found; the
 * input lies in a file then, and the line printed last says how to try it again.
 */
import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { INPUT_MS_MAX, inputOf } from './attempts.ts';
import type { Finding, FuzzReport, FuzzTarget } from './target.ts';
import { TARGETS, targetOf } from './targets.ts';
import { watch } from './watch.ts';
import type { WorkerOrder } from './worker.ts';

const SECONDS_DEFAULT = 60;
/** Enough for a frame of full size in many forms; a bomb needs more. */
const HEAP_MIB_MAX = 768;

function run(
  target: FuzzTarget,
  seed: number,
  ms: number,
  replay?: Uint8Array,
): Promise<FuzzReport> {
  const progress = new Int32Array(new SharedArrayBuffer(4)).fill(-1);
  const workerData: WorkerOrder = { target: target.name, seed, ms, progress, replay };
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
  });
  return watch({ worker, progress, inputMsMax: 2 * INPUT_MS_MAX });
}

function line({ name }: FuzzTarget, report: FuzzReport): string {
  const { inputs, slowest, peakHeapBytes, finding } = report;
  const found = finding === undefined ? '0 crashes' : `1 ${finding.kind}`;
  const heap = `peak heap ${Math.round(peakHeapBytes / 2 ** 20)} MiB`;
  const slow = `slowest ${slowest.ms.toFixed(1)} ms for ${slowest.bytes} bytes`;
  return `${name}: ${inputs} inputs, ${found}, ${slow}, ${heap}`;
}

/** Keeps the input in a file; answers its path. */
async function keep(target: FuzzTarget, seed: number, { input }: Finding): Promise<string> {
  const bytes = inputOf(await target.prepare(), seed, input);
  const path = join(tmpdir(), `quorate-fuzz-${target.name}-${seed}-${input}.bin`);
  writeFileSync(path, bytes);
  return path;
}

async function fuzz(
  targets: readonly FuzzTarget[],
  seconds: number,
  seed: number,
): Promise<number> {
  const [cpu] = cpus();
  console.log(`node ${process.version}, ${availableParallelism()} x ${cpu?.model ?? 'processor'}`);
  console.log(`seed ${seed}, ${seconds} s for ${targets.map(({ name }) => name).join(', ')}`);
  let failed = 0;
  for (const target of targets) {
    const report = await run(target, seed, (seconds * 1_000) / targets.length);
    console.log(line(target, report));
    if (report.finding === undefined) continue;
    failed += 1;
    console.log(`${report.finding.kind} of input ${report.finding.input}: ${report.finding.text}`);
    if (report.finding.input < 0) continue;
    const path = await keep(target, seed, report.finding);
    console.log(`to try it again: npm run fuzz -- ${target.name} --replay ${path}`);
  }
  return failed === 0 ? 0 : 1;
}

async function replay(targets: readonly FuzzTarget[], path: string): Promise<number> {
  const [target] = targets;
  if (target === undefined || targets.length > 1) {
    console.error('say which target the input is for: npm run fuzz -- codec --replay FILE');
    return 2;
  }
  const report = await run(target, 0, 0, readFileSync(path));
  console.log(line(target, report));
  if (report.finding === undefined) return 0;
  console.log(`${report.finding.kind}: ${report.finding.text}`);
  return 1;
}

/** A whole number of at least 0; `undefined` when it was not given. */
function numberOf(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text !== '' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`${option} takes a whole number, not ${JSON.stringify(text)}`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string' },
      seed: { type: 'string' },
      replay: { type: 'string' },
    },
  });
  const targets = positionals.length === 0 ? TARGETS : positionals.map(targetOf);
  if (values.replay !== undefined) return replay(targets, values.replay);
  const seconds = numberOf(values.seconds, '--seconds') ?? SECONDS_DEFAULT;
  return fuzz(targets, seconds, numberOf(values.seed, '--seed') ?? randomInt(2 ** 31));
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
