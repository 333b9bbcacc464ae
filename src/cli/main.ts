#!/usr/bin/env node
/**
 * The process behind the `quorate` command: hands arguments and streams to `run` and ends with the
 * code that it answers. When it is asked to end: process-end.ts.
 */
import { endProcess, stopWhenAsked } from './process-end.ts';
import { run } from './program.ts';
import { processTerminal } from './terminal.ts';

const { signal } = stopWhenAsked();
const args = process.argv.slice(2);
const terminal = processTerminal({ outlivesReaders: args[0] === 'start' });
await endProcess(await run(args, { ...terminal, signal }));
