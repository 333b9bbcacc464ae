/** The one place where transport/ knows how raft's messages look as bytes: raft's own codec. */
export {
  DecodeBudget,
  decodeMessage,
  encodeInto,
  encodeMessage,
  messageSize,
} from '../raft/index.ts';
