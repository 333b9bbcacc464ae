/**
 * The node's own formats, on the wire and on disk: golden bytes, so that a change of one is never an
 * accident, and the rule of each for what it does not know: refused, naming the version.
 * (The envelope's bytes are in envelope.test.ts, the state hash's in state-hashes.test.ts.)
 */
import { describe, expect, it } from 'vitest';
import { EMPTY_CONF_STATE } from '../raft/index.ts';
import { MemoryStorage } from '../storage/index.ts';
import { nullLogger } from '../world/index.ts';
import { Admission } from './admission.ts';
import { CommandKind, encodePart } from './envelope.ts';
import { decodeAnswers, decodeProposals, encodeAnswers, encodeProposals } from './forwarding.ts';
import { MemberTable } from './members.ts';
import {
  addVoterChange,
  decodeFounders,
  decodeMember,
  encodeMember,
} from './membership-changes.ts';
import { decodeNodeSection, encodeNodeSection, type NodeSectionState } from './node-section.ts';
import { ForwardStatus } from './proposal.ts';
import { markQuarantined } from './quarantine.ts';
import { markRemoved } from './removed-mark.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('frames between nodes', () => {
  const part = encodePart(CommandKind.Application, Buffer.from('ab'), undefined);

  it('proposals', () => {
    const proposal = { forwardId: 5, envelope: { bytes: part }, start: 0, end: part.length };
    const golden = '0100000001000000 0000000000001440 0100000002000000 6162';
    expect(hex(encodeProposals([proposal]))).toBe(golden.replaceAll(' ', ''));
    expect(decodeProposals(bytes(golden))).toEqual([{ id: 5, part: Buffer.from(part) }]);
  });

  it('answers', () => {
    const result = { code: 7, bytes: Buffer.from('no') };
    const answer = { id: 5, status: ForwardStatus.Applied, index: 9, result };
    const golden =
      '0100000001000000 0000000000001440 0000000000002240 00000000 07000000 02000000 6e6f';
    expect(encodeAnswers([answer]).map(hex)).toEqual([golden.replaceAll(' ', '')]);
    expect(decodeAnswers(bytes(golden))).toEqual([answer]);
  });

  it('of another version are refused, naming it', () => {
    expect(() => decodeProposals(bytes('0200000000000000'))).toThrow(/proposals has version 2/);
    expect(() => decodeAnswers(bytes('0200000000000000'))).toThrow(/answers has version 2/);
  });

  it('with bytes behind their last item, or too many items, are refused', () => {
    expect(() => decodeProposals(bytes('010000000000000000'))).toThrow(/1 bytes too many/);
    expect(() => decodeAnswers(bytes('010000000000000000'))).toThrow(/1 bytes too many/);
    const many = Buffer.concat([bytes('0100000001000100'), Buffer.alloc(16 * 65_537)]);
    expect(() => decodeProposals(many)).toThrow(/claims 65537 items/);
  });
});

describe('on disk', () => {
  const state: NodeSectionState = {
    index: 12,
    term: 3,
    hash: 77,
    nextSession: 4,
    nextRaftId: 6,
    minted: [['n5', 5]],
    confState: { ...EMPTY_CONF_STATE, voters: [1], learners: [4] },
    members: [
      { raftId: 1, nodeId: 'n1', address: 'h1:1' },
      { raftId: 4, nodeId: 'n4', address: 'h4:1', wantsVote: true },
    ],
  };
  const session = {
    id: 3,
    lastIndex: 11,
    windowStart: 8,
    results: [[9, { code: 0, bytes: Buffer.from('ok') }]] as const,
  };
  const golden = [
    '{"version":1,"index":12,"term":3,"hash":77,"nextSession":4,"nextRaftId":6,"minted":[["n5",5]],',
    '"confState":{"voters":[1],"learners":[4],"votersOutgoing":[],"learnersNext":[],"autoLeave":false},',
    '"members":[{"raftId":1,"nodeId":"n1","address":"h1:1"},',
    '{"raftId":4,"nodeId":"n4","address":"h4:1","wantsVote":true}]}\n',
    '{"id":3,"lastIndex":11,"windowStart":8,"results":[[9,0,"b2s="]]}\n',
  ].join('');
  const chunks = (text: string): AsyncIterable<Uint8Array> =>
    (async function* () {
      for (let i = 0; i < text.length; i += 7) yield Buffer.from(text.slice(i, i + 7));
    })();

  it("a snapshot's section of the node, while a change of voters is not settled", async () => {
    const left = { raftId: 2, nodeId: 'n2', address: 'h2:1' };
    const changing = { ...state, leaving: [left], arriving: [4] };
    const text = golden.replace(
      '"wantsVote":true}]}',
      '"wantsVote":true}],"leaving":[{"raftId":2,"nodeId":"n2","address":"h2:1"}],"arriving":[4]}',
    );
    expect(Buffer.concat([...encodeNodeSection(changing, [session])]).toString()).toBe(text);
    expect(await decodeNodeSection(chunks(text))).toMatchObject({ state: changing });
    const bad = chunks(text.replace('"arriving":[4]', '"arriving":4'));
    await expect(decodeNodeSection(bad)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });

  it("a snapshot's section of the node", async () => {
    expect(Buffer.concat([...encodeNodeSection(state, [session])]).toString()).toBe(golden);
    const read = await decodeNodeSection(chunks(golden));
    expect(read).toMatchObject({ state, sessions: [session] });
    const newer = chunks(golden.replace('"version":1', '"version":2'));
    await expect(decodeNodeSection(newer)).rejects.toMatchObject({ code: 'DATA_DIR_FORMAT' });
    await expect(decodeNodeSection(chunks('{'))).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    for (const text of ['', 'null', '[]\n', golden.replace('"term":3', '"term":-1')]) {
      const code = text === '[]\n' ? 'DATA_DIR_FORMAT' : 'DATA_CORRUPT';
      await expect(decodeNodeSection(chunks(text))).rejects.toMatchObject({ code });
    }
    const nulls = golden.replace(/"results":.*/, '"results":null}');
    await expect(decodeNodeSection(chunks(nulls))).rejects.toThrow(/holds null as results/);
  });

  it('a member, as the context of a membership change', () => {
    const member = { raftId: 4, nodeId: 'n4', address: 'h4:1', wantsVote: true } as const;
    const text = '{"raftId":4,"nodeId":"n4","address":"h4:1","wantsVote":true}';
    expect(Buffer.from(encodeMember(member)).toString()).toBe(text);
    expect(decodeMember(Buffer.from(text))).toEqual(member);
    const voter = { raftId: 4, nodeId: 'n4', address: 'h4:1', incarnation: 'a'.repeat(16) };
    const named = '{"raftId":4,"nodeId":"n4","address":"h4:1","incarnation":"aaaaaaaaaaaaaaaa"}';
    expect(Buffer.from(encodeMember(voter)).toString()).toBe(named);
    expect(decodeMember(Buffer.from(named))).toEqual(voter);
    expect(decodeMember(new Uint8Array(0))).toBeUndefined();
    const founders = [[1, 'b'.repeat(16)]] as const;
    const change = addVoterChange(member, 'a'.repeat(16), founders);
    const promotion = named.replace('}', ',"founders":[[1,"bbbbbbbbbbbbbbbb"]]}');
    expect(Buffer.from(change.context).toString()).toBe(promotion);
    expect(decodeMember(change.context)).toEqual(voter);
    expect(decodeFounders(change.context)).toEqual(founders);
    expect(decodeFounders(Buffer.from(named))).toEqual([]);
    expect(decodeFounders(new Uint8Array(0))).toEqual([]);
  });

  it('the facts: incarnations, quarantine, removal', async () => {
    const identity = {
      clusterName: 'test',
      clusterId: '0'.repeat(32),
      nodeId: 'n1',
      raftId: 1,
      incarnation: 'a'.repeat(16),
    };
    const storage = new MemoryStorage();
    await storage.found(identity);
    const fact = async (name: string): Promise<string> =>
      Buffer.from((await storage.readFact(name)) ?? []).toString();

    const members = new MemberTable();
    members.restore(3, { ...EMPTY_CONF_STATE, voters: [2] }, [
      { raftId: 2, nodeId: 'n2', address: 'h2:1' },
    ]);
    const peer = { raftId: 2, nodeId: 'n2', incarnation: 'b'.repeat(16), address: 'h2:1' };
    await new Admission(storage, members).admit(peer);
    expect(await fact('incarnations')).toBe(
      '{"version":1,"incarnations":[[2,"bbbbbbbbbbbbbbbb"]]}',
    );
    const parts = { storage, logger: nullLogger };
    await markQuarantined(parts, { index: 128, hashes: { n1: '0a', n2: '0b' } });
    expect(await fact('quarantine')).toBe(
      '{"version":1,"index":128,"hashes":{"n1":"0a","n2":"0b"}}',
    );
    for (const [text, code] of [
      ['null', 'DATA_CORRUPT'],
      ['{"version":1}', 'DATA_CORRUPT'],
      ['{"version":2}', 'DATA_DIR_FORMAT'],
    ]) {
      await storage.writeFact('incarnations', Buffer.from(text as string));
      await expect(new Admission(storage, members).load()).rejects.toMatchObject({ code });
    }
    await markRemoved(parts, identity);
    expect(await fact('removed')).toBe('{"version":1,"raftId":1}');
  });
});
