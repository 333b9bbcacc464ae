/** The one place where transport/ knows how raft's messages look as bytes: raft's own codec. */
export {
  DecodeBudget,
  decodeMessage,
  encodeAround,
  encodeMessage,
  type LentBytes,
  lentSize,
  messageSize,
} from '../raft/index.ts';
