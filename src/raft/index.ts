/** The Raft algorithm, pure. The contract essay follows with the behaviour. */
export { checkConfig, type RaftConfig, type ReadOnlyOption } from './config.ts';
export { makeEntry } from './entries.ts';
export { EMPTY_CONF_STATE, MemoryLog } from './memory-log.ts';
export { isStorageThread, makeMessage } from './messages.ts';
export { RawNode } from './raw-node.ts';
export * from './types.ts';
