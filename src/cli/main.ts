#!/usr/bin/env node
/**
 * The process behind the `quorate` command: hands arguments and streams to `run` and ends with the
 * code that it answers. When it is asked to end: process-end.ts.
 */
import { letHeapGrow } from './daemon/heap.ts';
import { endProcess, stopWhenAsked } from './process-end.ts';
import { run } from './program.ts';
import { processTerminal } from './terminal.ts';

if (process.argv[2] === 'start') letHeapGrow();
const { signal } = stopWhenAsked();
const args = process.argv.slice(2);
const terminal = processTerminal({ outlivesReaders: args[0] === 'start' });
await endProcess(await run(args, { ...terminal, signal }));
