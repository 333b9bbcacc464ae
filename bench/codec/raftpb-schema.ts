/**
 * raftpb once more, for a library that knows nothing of ours: the schema of etcd's raft (proto2) as a
 * descriptor written out by hand, so that no compiler is needed. The tests of the codec use it as
 * oracle, the benchmark as a competitor.
 *
 * It must not import the codec: two readings of the schema that share a line prove nothing.
 */
import {
  create,
  createFileRegistry,
  type DescMessage,
  type Message,
  type MessageShape,
} from '@bufbuild/protobuf';
import {
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';

type Field = readonly [number: number, name: string, type: string];

/** `*` before a type: repeated. Types that are none of proto's own are names of this file. */
const MESSAGES: Readonly<Record<string, readonly Field[]>> = {
  Entry: [
    [1, 'type', 'EntryType'],
    [2, 'term', 'uint64'],
    [3, 'index', 'uint64'],
    [4, 'data', 'bytes'],
  ],
  SnapshotMetadata: [
    [1, 'conf_state', 'ConfState'],
    [2, 'index', 'uint64'],
    [3, 'term', 'uint64'],
  ],
  Snapshot: [
    [1, 'data', 'bytes'],
    [2, 'metadata', 'SnapshotMetadata'],
  ],
  Message: [
    [1, 'type', 'MessageType'],
    [2, 'to', 'uint64'],
    [3, 'from', 'uint64'],
    [4, 'term', 'uint64'],
    [5, 'log_term', 'uint64'],
    [6, 'index', 'uint64'],
    [7, 'entries', '*Entry'],
    [8, 'commit', 'uint64'],
    [9, 'snapshot', 'Snapshot'],
    [10, 'reject', 'bool'],
    [11, 'reject_hint', 'uint64'],
    [12, 'context', 'bytes'],
    [13, 'vote', 'uint64'],
    [14, 'responses', '*Message'],
  ],
  HardState: [
    [1, 'term', 'uint64'],
    [2, 'vote', 'uint64'],
    [3, 'commit', 'uint64'],
  ],
  ConfState: [
    [1, 'voters', '*uint64'],
    [2, 'learners', '*uint64'],
    [3, 'voters_outgoing', '*uint64'],
    [4, 'learners_next', '*uint64'],
    [5, 'auto_leave', 'bool'],
  ],
  ConfChange: [
    [1, 'id', 'uint64'],
    [2, 'type', 'ConfChangeType'],
    [3, 'node_id', 'uint64'],
    [4, 'context', 'bytes'],
  ],
  ConfChangeSingle: [
    [1, 'type', 'ConfChangeType'],
    [2, 'node_id', 'uint64'],
  ],
  ConfChangeV2: [
    [1, 'transition', 'ConfChangeTransition'],
    [2, 'changes', '*ConfChangeSingle'],
    [3, 'context', 'bytes'],
  ],
};

/** Value n of an enum is called by the n-th name. */
const ENUMS: Readonly<Record<string, readonly string[]>> = {
  EntryType: ['EntryNormal', 'EntryConfChange', 'EntryConfChangeV2'],
  MessageType: [
    'MsgHup',
    'MsgBeat',
    'MsgProp',
    'MsgApp',
    'MsgAppResp',
    'MsgVote',
    'MsgVoteResp',
    'MsgSnap',
    'MsgHeartbeat',
    'MsgHeartbeatResp',
    'MsgUnreachable',
    'MsgSnapStatus',
    'MsgCheckQuorum',
    'MsgTransferLeader',
    'MsgTimeoutNow',
    'MsgReadIndex',
    'MsgReadIndexResp',
    'MsgPreVote',
    'MsgPreVoteResp',
    'MsgStorageAppend',
    'MsgStorageAppendResp',
    'MsgStorageApply',
    'MsgStorageApplyResp',
    'MsgForgetLeader',
  ],
  ConfChangeTransition: ['Auto', 'JointImplicit', 'JointExplicit'],
  ConfChangeType: ['AddNode', 'RemoveNode', 'UpdateNode', 'AddLearnerNode'],
};

const SCALARS: Readonly<Record<string, Type>> = {
  uint64: Type.UINT64,
  bool: Type.BOOL,
  bytes: Type.BYTES,
};

function fieldOf([number, name, declared]: Field): FieldDescriptorProto {
  const isRepeated = declared.startsWith('*');
  const type = isRepeated ? declared.slice(1) : declared;
  const named = type in ENUMS ? Type.ENUM : Type.MESSAGE;
  const scalar = SCALARS[type];
  return create(FieldDescriptorProtoSchema, {
    number,
    name,
    label: isRepeated ? Label.REPEATED : Label.OPTIONAL,
    type: scalar ?? named,
    ...(scalar === undefined ? { typeName: `.raftpb.${type}` } : {}),
  });
}

const FILE = create(FileDescriptorProtoSchema, {
  name: 'raft.proto',
  package: 'raftpb',
  syntax: 'proto2',
  messageType: Object.entries(MESSAGES).map(([name, fields]) => ({
    name,
    field: fields.map(fieldOf),
  })),
  enumType: Object.entries(ENUMS).map(([name, values]) => ({
    name,
    value: values.map((value, number) => ({ name: value, number })),
  })),
});

const registry = createFileRegistry(FILE, () => undefined);

/** A message of the library: fields by their camel-case names, 64-bit numbers as bigint. */
export type LibraryMessage = Message & Record<string, unknown>;

/** `name`: as in the schema, without its package. */
export function descriptorOf(name: string): DescMessage {
  const descriptor = registry.getMessage(`raftpb.${name}`);
  if (descriptor === undefined) throw new Error(`the schema has no message ${name}`);
  return descriptor;
}

export type Shape = MessageShape<DescMessage>;
