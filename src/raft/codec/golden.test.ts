/**
 * Bytes that are written down. A codec that drifts, on one side or on both, still passes every round
 * trip, and then can not read what the previous release wrote to the disk; so each message of raftpb
 * stands here in the forms of etcd's releases (see oracle.fixture.ts), and ours is the last of them.
 *
 * The bytes were made by an independent library, and are never to be made again from the code: a
 * difference is a break of the format.
 */
import { describe, expect, it } from 'vitest';
import { MESSAGES, PARTS } from './golden.fixture.ts';
import {
  decodeConfChange,
  decodeConfChangeV2,
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  encodeConfChange,
  encodeConfChangeV2,
  encodeConfState,
  encodeEntry,
  encodeHardState,
  encodeMessage,
  encodeSnapshot,
} from './index.ts';
import { type Kind, libraryEncode, type Style } from './oracle.fixture.ts';

/** Name, release, bytes. The storage messages, and ForgetLeader, came with 3.6. */
const GOLDEN = `
Entry 3.5 0800100518ad0222026869
Entry 3.6 0800100518ad0222026869
Entry 3.7 100518ad0222026869
HardState 3.5 0805100218ac02
HardState 3.6 0805100218ac02
HardState 3.7 0805100218ac02
ConfState 3.5 0801080208ac021004180120032801
ConfState 3.6 0801080208ac021004180120032801
ConfState 3.7 0801080208ac021004180120032801
Snapshot 3.5 0a05737461746512160a0f0801080208ac02100418012003280110e8071804
Snapshot 3.6 0a05737461746512160a0f0801080208ac02100418012003280110e8071804
Snapshot 3.7 0a05737461746512160a0f0801080208ac02100418012003280110e8071804
ConfChange 3.5 080910031804220163
ConfChange 3.6 080910031804220163
ConfChange 3.7 080910031804220163
ConfChangeV2 3.5 08011204080010041204080110021a03776879
ConfChangeV2 3.6 08011204080010041204080110021a03776879
ConfChangeV2 3.7 0801120210041204080110021a03776879
Hup 3.5 08001000180120002800300040004a0a12080a0228001000180050005800
Hup 3.6 0800100018012000280030004000500058006800
Hup 3.7 1801
Beat 3.5 08011000180120002800300040004a0a12080a0228001000180050005800
Beat 3.6 0801100018012000280030004000500058006800
Beat 3.7 08011801
Prop 3.5 0802100118022000280030003a0908001000180022017840004a0a12080a0228001000180050005800
Prop 3.6 0802100118022000280030003a090800100018002201784000500058006800
Prop 3.7 0802100118023a03220178
App 3.5 0803100218012005280430ac023a0b0800100518ad02220268693a070802100518ae0240ab024a0a12080a0228001000180050005800
App 3.6 0803100218012005280430ac023a0b0800100518ad02220268693a070802100518ae0240ab02500058006800
App 3.7 0803100218012005280430ac023a09100518ad02220268693a070802100518ae0240ab02
AppResp 3.5 0804100218012005280330ac0240004a0a12080a02280010001800500158fa01
AppResp 3.6 0804100218012005280330ac024000500158fa016800
AppResp 3.7 0804100218012005280330ac02500158fa01
Vote 3.5 0805100218012005280430ac0240004a0a12080a0228001000180050005800621043616d706169676e5472616e73666572
Vote 3.6 0805100218012005280430ac02400050005800621043616d706169676e5472616e736665726800
Vote 3.7 0805100218012005280430ac02621043616d706169676e5472616e73666572
VoteResp 3.5 08061002180120052800300040004a0a12080a0228001000180050015800
VoteResp 3.6 0806100218012005280030004000500158006800
VoteResp 3.7 08061002180120055001
Snap 3.5 08071002180120052800300040004a1f0a05737461746512160a0f0801080208ac02100418012003280110e807180450005800
Snap 3.6 08071002180120052800300040004a1f0a05737461746512160a0f0801080208ac02100418012003280110e8071804500058006800
Snap 3.7 08071002180120054a1f0a05737461746512160a0f0801080208ac02100418012003280110e8071804
Heartbeat 3.5 08081002180120052800300040c8014a0a12080a022800100018005000580062083132333435363738
Heartbeat 3.6 08081002180120052800300040c80150005800620831323334353637386800
Heartbeat 3.7 080810021801200540c80162083132333435363738
HeartbeatResp 3.5 08091002180120052800300040004a0a12080a022800100018005000580062083132333435363738
HeartbeatResp 3.6 080910021801200528003000400050005800620831323334353637386800
HeartbeatResp 3.7 080910021801200562083132333435363738
Unreachable 3.5 080a1000180220002800300040004a0a12080a0228001000180050005800
Unreachable 3.6 080a100018022000280030004000500058006800
Unreachable 3.7 080a1802
SnapStatus 3.5 080b1000180220002800300040004a0a12080a0228001000180050015800
SnapStatus 3.6 080b100018022000280030004000500158006800
SnapStatus 3.7 080b18025001
CheckQuorum 3.5 080c1000180120002800300040004a0a12080a0228001000180050005800
CheckQuorum 3.6 080c100018012000280030004000500058006800
CheckQuorum 3.7 080c1801
TransferLeader 3.5 080d1001180320002800300040004a0a12080a0228001000180050005800
TransferLeader 3.6 080d100118032000280030004000500058006800
TransferLeader 3.7 080d10011803
TimeoutNow 3.5 080e1002180120052800300040004a0a12080a0228001000180050005800
TimeoutNow 3.6 080e100218012005280030004000500058006800
TimeoutNow 3.7 080e100218012005
ReadIndex 3.5 080f100118022000280030003a0e080010001800220672656164203140004a0a12080a0228001000180050005800
ReadIndex 3.6 080f100118022000280030003a0e08001000180022067265616420314000500058006800
ReadIndex 3.7 080f100118023a082206726561642031
ReadIndexResp 3.5 0810100218012005280030ac023a0e080010001800220672656164203140004a0a12080a0228001000180050005800
ReadIndexResp 3.6 0810100218012005280030ac023a0e08001000180022067265616420314000500058006800
ReadIndexResp 3.7 081010021801200530ac023a082206726561642031
PreVote 3.5 0811100218012005280430ac0240004a0a12080a0228001000180050005800
PreVote 3.6 0811100218012005280430ac024000500058006800
PreVote 3.7 0811100218012005280430ac02
PreVoteResp 3.5 08121002180120052800300040004a0a12080a0228001000180050005800
PreVoteResp 3.6 0812100218012005280030004000500058006800
PreVoteResp 3.7 0812100218012005
StorageAppend 3.6 081310ffffffffffffffffff0118012005280030003a0b0800100518ad022202686940ac0250005800680272150804100218012005280030ad024000500058006800
StorageAppend 3.7 081310ffffffffffffffffff01180120053a09100518ad022202686940ac026802720b080410021801200530ad02
StorageAppendResp 3.6 0814100118ffffffffffffffffff012005280530ad024000500058006800
StorageAppendResp 3.7 0814100118ffffffffffffffffff012005280530ad02
StorageApply 3.6 081510feffffffffffffffff0118012000280030003a0b0800100518ad02220268694000500058006800
StorageApply 3.7 081510feffffffffffffffff0118013a09100518ad0222026869
StorageApplyResp 3.6 0816100118feffffffffffffffff012000280030003a0b0800100518ad02220268694000500058006800
StorageApplyResp 3.7 0816100118feffffffffffffffff013a09100518ad0222026869
ForgetLeader 3.6 0817100118012000280030004000500058006800
ForgetLeader 3.7 081710011801
`;

const DECODERS: Readonly<Record<Kind, (bytes: Uint8Array) => unknown>> = {
  Entry: decodeEntry,
  HardState: decodeHardState,
  ConfState: decodeConfState,
  Snapshot: decodeSnapshot,
  ConfChange: decodeConfChange,
  ConfChangeV2: decodeConfChangeV2,
  Message: decodeMessage,
};
const ENCODERS: Readonly<Record<Kind, (value: never) => Uint8Array>> = {
  Entry: encodeEntry,
  HardState: encodeHardState,
  ConfState: encodeConfState,
  Snapshot: encodeSnapshot,
  ConfChange: encodeConfChange,
  ConfChangeV2: encodeConfChangeV2,
  Message: encodeMessage,
};

const rows = GOLDEN.trim()
  .split('\n')
  .map((row) => row.split(' ') as [name: string, style: Style, hex: string]);
const values = new Map<string, unknown>([...Object.entries(PARTS), ...Object.entries(MESSAGES)]);
const kindOf = (name: string): Kind => (name in PARTS ? (name as Kind) : 'Message');
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('golden bytes', () => {
  it.each(rows)('%s as %s writes it is read', (name, _, golden) => {
    expect(DECODERS[kindOf(name)](unhex(golden))).toEqual(values.get(name));
  });

  it.each(rows.filter(([, style]) => style === '3.7'))(
    '%s is written as %s does',
    (name, _, golden) => {
      expect(hex(ENCODERS[kindOf(name)](values.get(name) as never))).toBe(golden);
    },
  );

  it('are what the independent library still writes', () => {
    for (const [name, style, golden] of rows) {
      const bytes = libraryEncode(kindOf(name), values.get(name), style);
      expect(hex(bytes), `${name} ${style}`).toBe(golden);
    }
  });

  it('leave out no message and no part of one', () => {
    expect(new Set(rows.map(([name]) => name))).toEqual(new Set(values.keys()));
    expect(new Set(Object.values(MESSAGES).map(({ type }) => type)).size).toBe(24);
  });
});

describe('an empty snapshot', () => {
  const base = '0807100218012005';

  it.each([
    ['nothing at all', '4a00'],
    ['empty parts', '4a0412020a00'],
    ['zeros', '4a0a12080a0228001000 1800'.replace(' ', '')],
    ['index 0 and a term', '4a0412021803'],
    ['index 0 and data', '4a030a01ff'],
  ])('of %s is none', (_, bytes) => {
    expect(decodeMessage(unhex(base + bytes)).snapshot).toBeUndefined();
  });

  it('after a whole one takes nothing from it', () => {
    const whole = '4a1f0a05737461746512160a0f0801080208ac02100418012003280110e8071804';
    expect(decodeMessage(unhex(`${base}${whole}4a00`)).snapshot).toEqual(PARTS.Snapshot);
    expect(decodeMessage(unhex(`${base}4a00${whole}`)).snapshot).toEqual(PARTS.Snapshot);
  });
});
