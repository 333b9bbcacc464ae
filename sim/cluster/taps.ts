/**
 * Gauges between a node and its disk, its wire and its state machine. They tell what passes and change
 * nothing: a call goes on in the same turn, and what comes back comes back.
 */
import type { ApplyContext, CommandResult, StateMachine } from '../../src/consensus/index.ts';
import type {
  ConfState,
  Entry,
  HardState,
  LogIndex,
  Snapshot,
  Term,
} from '../../src/raft/index.ts';
import type {
  AppendBatch,
  Identity,
  SnapshotReader,
  SnapshotReceiver,
  SnapshotSection,
  Storage,
  StoredSnapshot,
} from '../../src/storage/index.ts';
import type { Transport } from '../../src/transport/index.ts';
import { forwarding } from '../world/forwarding.ts';
import type { Listener, SimEvent } from './events.ts';

/** Whose gauges they are. */
export interface TapOwner {
  readonly node: string;
  readonly life: number;
}

type Happening = SimEvent extends infer E
  ? E extends SimEvent
    ? Omit<E, keyof TapOwner>
    : never
  : never;

function teller(owner: TapOwner, tell: Listener): (happening: Happening) => void {
  const { node, life } = owner;
  return (happening) => tell(Object.assign(happening, { node, life }) as SimEvent);
}

export class StorageTap implements Storage {
  readonly #to: Storage;
  readonly #tell: (happening: Happening) => void;

  constructor(to: Storage, owner: TapOwner, tell: Listener) {
    this.#to = to;
    this.#tell = teller(owner, tell);
    this.#tell({ kind: 'opened', storage: to });
  }

  get identity(): Identity | undefined {
    return this.#to.identity;
  }

  get durableIndex(): LogIndex {
    return this.#to.durableIndex;
  }

  get failure(): Error | undefined {
    return this.#to.failure;
  }

  get newestSnapshot(): StoredSnapshot | undefined {
    return this.#to.newestSnapshot;
  }

  onFailure(callback: (error: Error) => void): void {
    this.#to.onFailure(callback);
  }

  async found(identity: Identity): Promise<void> {
    await this.#to.found(identity);
    this.#tell({ kind: 'founded', identity });
  }

  async append(batch: AppendBatch): Promise<void> {
    // Told first: the process may die in the call, and the batch be on the disk all the same.
    this.#tell({ kind: 'appended', batch });
    await this.#to.append(batch);
    this.#tell({ kind: 'durable', batch });
  }

  load(lo: LogIndex, hi: LogIndex, maxBytes: number): Promise<void> {
    return this.#to.load(lo, hi, maxBytes);
  }

  async saveSnapshot(
    at: { readonly index: LogIndex; readonly term: Term; readonly confState: ConfState },
    sections: readonly SnapshotSection[],
  ): Promise<StoredSnapshot> {
    const stored = await this.#to.saveSnapshot(at, sections);
    this.#tell({ kind: 'snapshot-saved', index: at.index, term: at.term });
    return stored;
  }

  openSnapshot(snapshot: StoredSnapshot): Promise<SnapshotReader> {
    return this.#to.openSnapshot(snapshot);
  }

  receiveSnapshot(descriptor: Snapshot): Promise<SnapshotReceiver> {
    return this.#to.receiveSnapshot(descriptor);
  }

  async installSnapshot(snapshot: Snapshot, hardState: HardState | undefined): Promise<void> {
    // As above: it may be in force after a crash in the call.
    this.#tell({ kind: 'snapshot-installing', snapshot, hardState });
    await this.#to.installSnapshot(snapshot, hardState);
    this.#tell({ kind: 'snapshot-installed', snapshot, hardState });
  }

  async compact(index: LogIndex): Promise<void> {
    await this.#to.compact(index);
    this.#tell({ kind: 'compacted', index });
  }

  readFact(name: string): Promise<Uint8Array | undefined> {
    return this.#to.readFact(name);
  }

  writeFact(name: string, value: Uint8Array): Promise<void> {
    return this.#to.writeFact(name, value);
  }

  close(): Promise<void> {
    return this.#to.close();
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return this.#to.initialState();
  }

  firstIndex(): LogIndex {
    return this.#to.firstIndex();
  }

  lastIndex(): LogIndex {
    return this.#to.lastIndex();
  }

  term(index: LogIndex): Term {
    return this.#to.term(index);
  }

  entries(lo: LogIndex, hi: LogIndex, maxBytes: number): readonly Entry[] | undefined {
    return this.#to.entries(lo, hi, maxBytes);
  }

  snapshot(): Snapshot | undefined {
    return this.#to.snapshot();
  }
}

/** Of raft's messages alone; frames of the node's own protocols are no concern of the checkers. */
export function tapTransport(to: Transport, owner: TapOwner, listener: Listener): Transport {
  const tell = teller(owner, listener);
  return forwarding(to, {
    events: (events) => ({
      messages: (from, messages) => {
        for (const message of messages) tell({ kind: 'received', from, message });
        events.messages(from, messages);
      },
      bulk: (from, message) => {
        tell({ kind: 'received', from, message });
        return events.bulk(from, message);
      },
    }),
    send: (message) => {
      to.send(message);
      tell({ kind: 'sent', message });
    },
    sendBulk: (message, source) => {
      tell({ kind: 'sent', message });
      return to.sendBulk(message, source);
    },
  });
}

export class MachineTap implements StateMachine {
  readonly #to: StateMachine;
  readonly #tell: (happening: Happening) => void;
  readonly check?: (command: Uint8Array) => void;

  constructor(to: StateMachine, owner: TapOwner, tell: Listener) {
    this.#to = to;
    this.#tell = teller(owner, tell);
    if (to.check !== undefined) this.check = (command) => to.check?.(command);
  }

  applyBatch(commands: readonly Uint8Array[], at: ApplyContext): readonly CommandResult[] {
    const results = this.#to.applyBatch(commands, at);
    this.#tell({ kind: 'applied', index: at.index, term: at.term, commands, results });
    return results;
  }

  snapshot(): readonly SnapshotSection[] {
    return this.#to.snapshot();
  }

  async restore(reader: Pick<SnapshotReader, 'section'>): Promise<void> {
    await this.#to.restore(reader);
    this.#tell({ kind: 'restored' });
  }
}
