/** Random raft values, whole and valid: what the mutations of the codec begin with. */
import {
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  makeEntry,
  makeMessage,
  type Snapshot,
} from '../src/raft/index.ts';
import type { FuzzDice } from './dice.ts';

const MESSAGE_TYPES = 24;

function listOf<T>(dice: FuzzDice, lengthMax: number, make: () => T): T[] {
  return Array.from({ length: dice.below(lengthMax + 1) }, make);
}

function data(dice: FuzzDice): Uint8Array {
  return dice.bytes(dice.pick([0, 1, 5, 20, 130, 300]));
}

export function randomEntry(dice: FuzzDice): Entry {
  return makeEntry(dice.number(), dice.number(), dice.below(3) as Entry['type'], data(dice));
}

export function randomHardState(dice: FuzzDice): HardState {
  return { term: dice.number(), vote: dice.number(), commit: dice.number() };
}

export function randomConfState(dice: FuzzDice): ConfState {
  const ids = (): number[] => listOf(dice, 4, () => dice.number());
  return {
    voters: ids(),
    learners: ids(),
    votersOutgoing: ids(),
    learnersNext: ids(),
    autoLeave: dice.oneIn(2),
  };
}

export function randomSnapshot(dice: FuzzDice): Snapshot {
  const index = Math.max(1, dice.number());
  const metadata = { confState: randomConfState(dice), index, term: dice.number() };
  return { metadata, data: data(dice) };
}

export function randomConfChange(dice: FuzzDice): ConfChange {
  const type = dice.below(4) as ConfChange['type'];
  return { type, nodeId: dice.number(), context: data(dice), id: dice.number() };
}

export function randomConfChangeV2(dice: FuzzDice): ConfChangeV2 {
  const transition = dice.below(3) as ConfChangeV2['transition'];
  const single = (): ConfChangeV2['changes'][number] => ({
    type: dice.below(4) as ConfChange['type'],
    nodeId: dice.number(),
  });
  return { transition, changes: listOf(dice, 3, single), context: data(dice) };
}

export function randomMessage(dice: FuzzDice, depth = 0): Message {
  const id = (): number => (dice.oneIn(8) ? dice.pick([-1, -2]) : dice.number());
  const isNested = depth < 1 && dice.oneIn(6);
  const responses = isNested ? [randomMessage(dice, depth + 1)] : undefined;
  return makeMessage({
    type: dice.below(MESSAGE_TYPES) as Message['type'],
    to: id(),
    from: id(),
    term: dice.number(),
    logTerm: dice.number(),
    index: dice.number(),
    entries: listOf(dice, 3, () => randomEntry(dice)),
    commit: dice.number(),
    vote: dice.oneIn(3) ? dice.number() : 0,
    snapshot: dice.oneIn(5) ? randomSnapshot(dice) : undefined,
    reject: dice.oneIn(4),
    rejectHint: dice.oneIn(3) ? dice.number() : 0,
    context: dice.oneIn(3) ? dice.bytes(1 + dice.below(20)) : undefined,
    responses,
  });
}
