import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../consensus/index.ts';
import type { SnapshotSection } from '../storage/index.ts';
import { encodeCommand } from './command-codec.ts';
import { composeMachines, type MachinePart } from './composite-machine.ts';
import { KvMachine } from './kv-machine.ts';
import { AT, bytes, collect, put, readerOf, text } from './state.fixture.ts';

/** Remembers the commands that it was given, batch by batch. */
class Recorder implements MachinePart {
  readonly name: string;
  readonly tag: number;
  batches: string[][] = [];

  constructor(name: string, tag: number) {
    this.name = name;
    this.tag = tag;
  }

  applyBatch(commands: readonly Uint8Array[]): CommandResult[] {
    this.batches.push(commands.map((command) => text(command.subarray(1)) as string));
    return commands.map((command) => ({ code: 0, bytes: command }));
  }

  snapshot(): SnapshotSection[] {
    return [{ name: `app.${this.name}.all`, chunks: [bytes(JSON.stringify(this.batches))] }];
  }

  async restore(reader: Parameters<MachinePart['restore']>[0]): Promise<void> {
    let whole = '';
    for await (const chunk of reader.section(`app.${this.name}.all`) ?? []) whole += text(chunk);
    this.batches = JSON.parse(whole);
  }
}

function command(tag: number, body: string): Uint8Array {
  return Uint8Array.from([tag, ...bytes(body)]);
}

describe('machines together', () => {
  it('each gets its own commands, in order, and the results come back in order', () => {
    const [one, two] = [new Recorder('one', 8), new Recorder('two', 9)];
    const machine = composeMachines([one, two]);
    const commands = [command(8, 'a'), command(8, 'b'), command(9, 'c'), command(8, 'd')];
    const results = machine.applyBatch(commands, AT);
    expect(results.map((result) => result.bytes)).toEqual(commands);
    expect(one.batches).toEqual([['a', 'b'], ['d']]);
    expect(two.batches).toEqual([['c']]);
    machine.applyBatch([command(9, 'e'), command(9, 'f')], AT);
    expect(two.batches).toEqual([['c'], ['e', 'f']]);
    expect(machine.applyBatch([], AT)).toEqual([]);
  });

  it('a tag that nobody has stops the node', () => {
    const machine = composeMachines([new KvMachine()]);
    expect(() => machine.applyBatch([command(7, 'x')], AT)).toThrow(
      expect.objectContaining({ code: 'COMMAND_UNKNOWN' }),
    );
  });

  it('no tag at all is a rejection, among others', () => {
    const machine = composeMachines([new Recorder('one', 8)]);
    const commands = [command(8, 'a'), new Uint8Array(0), command(0, 'b'), command(8, 'c')];
    const results = machine.applyBatch(commands, AT);
    expect(results.map(({ code }) => code)).toEqual([0, 1, 1, 0]);
  });

  it('check a command by the part that it is for', () => {
    const machine = composeMachines([new KvMachine(), new Recorder('one', 8)]);
    machine.check(command(8, 'anything'));
    machine.check(encodeCommand(put('k', 'v')));
    const refused: [Uint8Array, RegExp][] = [
      [command(7, 'x'), /begins with tag 7: the machines have 1 \(kv\), 8 \(one\)/],
      [new Uint8Array(0), /is empty/],
      [command(1, 'x'), /command has version/],
    ];
    for (const [bad, message] of refused) {
      expect(() => machine.check(bad)).toThrow(
        expect.objectContaining({
          code: 'REQUEST_INVALID',
          message: expect.stringMatching(message),
        }),
      );
    }
  });

  it('their snapshots stand side by side', async () => {
    const kv = new KvMachine();
    const other = new Recorder('other', 8);
    const machine = composeMachines([kv, other]);
    machine.applyBatch([encodeCommand(put('k', 'v')), command(8, 'x')], AT);
    const sections = await collect(machine.snapshot());
    expect([...sections.keys()]).toEqual([
      'app.kv.meta',
      'app.kv.items',
      'app.kv.history',
      'app.other.all',
    ]);
    const [kvBack, otherBack] = [new KvMachine(), new Recorder('other', 8)];
    await composeMachines([otherBack, kvBack]).restore(readerOf(sections));
    expect(text(kvBack.get(bytes('k'))?.value)).toBe('v');
    expect(otherBack.batches).toEqual([['x']]);
  });

  it('two with one tag or one name, or a section under another name, are bugs', () => {
    const invariant = expect.objectContaining({ code: 'INVARIANT' });
    const recorder = (name: string, tag: number): Recorder => new Recorder(name, tag);
    expect(() => composeMachines([recorder('a', 8), recorder('b', 8)])).toThrow(invariant);
    expect(() => composeMachines([recorder('a', 8), recorder('a', 9)])).toThrow(invariant);
    expect(() => composeMachines([recorder('a', 0)])).toThrow(invariant);
    expect(() => composeMachines([recorder('A.b', 3)])).toThrow(invariant);
    const liar = recorder('a', 8);
    liar.snapshot = () => [{ name: 'app.b.all', chunks: [] }];
    expect(() => composeMachines([liar]).snapshot()).toThrow(invariant);
  });
});
