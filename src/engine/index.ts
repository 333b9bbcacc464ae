/**
 * The door of engine/: what agreement offers, and the embedded Raft that gives it.
 *
 * @module quorate/engine
 */
export type { ReadOptions } from '../consensus/index.ts';
export { EmbeddedEngine, type EmbeddedEngineOptions, type EngineTaps } from './embedded-engine.ts';
export { type StartNodeOptions, startNode } from './start-node.ts';
export type { Engine } from './types.ts';
