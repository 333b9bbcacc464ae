/**
 * Interaction scripts: nodes that exchange messages, one command at a time.
 *
 * Beside the commands of etcd-io/raft's harness there are a few of our own, for what that has no
 * command for: `read-index`, `report-snapshot`, `restart`, and some options of `add-nodes`. See
 * docs/guides/conformance.md.
 */
import {
  ConfChangeTransition,
  EMPTY_CONF_STATE,
  isConfChangeV2,
  MessageType,
  makeMessage,
  NO_LIMIT,
  type RaftConfig,
  type RaftId,
  type Snapshot,
} from '../../src/raft/index.ts';
import {
  describeEntry,
  describeMessage,
  describeProgress,
  messageTypeName,
  parseChanges,
  stateName,
} from './describe.ts';
import { errorText, Network, type Recipient, ScriptError, type ScriptNode } from './network.ts';
import { Output } from './output.ts';
import { type Case, flag, values, wholeNumber, words } from './parser.ts';
import type { Suite } from './suite.ts';

const ELECTION_TICKS = 3;
const HEARTBEAT_TICKS = 1;
const INFLIGHT_MESSAGES_DEFAULT = 2 ** 31 - 1;
const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'none'];
const BOOTSTRAP_TERM = 1;
const encoder = new TextEncoder();

type Command = (testCase: Case) => void;

export class InteractionSuite implements Suite {
  readonly #output = new Output();
  readonly #network = new Network(this.#output);
  #random = 1;

  run(testCase: Case): string {
    const command = this.#commands[testCase.command];
    if (command === undefined) throw new Error(`unknown command ${testCase.command}`);
    try {
      command(testCase);
    } catch (error) {
      // The error is the answer even where all else is silent.
      return this.#output.take() + errorText(error);
    }
    return this.#output.take();
  }

  readonly #commands: Readonly<Record<string, Command>> = {
    _breakpoint: () => {},
    'add-nodes': (testCase) => this.#addNodes(testCase),
    campaign: (testCase) => this.#first(testCase).raw.campaign(),
    compact: (testCase) => {
      const node = this.#first(testCase);
      node.log.compact(wholeNumber(words(testCase)[1], 'index'));
      this.#printLog(node);
    },
    'deliver-msgs': (testCase) => this.#deliver(testCase),
    'forget-leader': (testCase) => this.#first(testCase).raw.forgetLeader(),
    'log-level': (testCase) => this.#setLogLevel(words(testCase)[0] ?? ''),
    'process-append-thread': (testCase) =>
      this.#forEach(testCase, 'processing append thread', (node) =>
        this.#network.processAppend(node),
      ),
    'process-apply-thread': (testCase) =>
      this.#forEach(testCase, 'processing apply thread', (node) =>
        this.#network.processApply(node),
      ),
    'process-ready': (testCase) =>
      this.#forEach(testCase, 'handling Ready', (node) => this.#network.processReady(node)),
    propose: (testCase) => {
      this.#first(testCase).raw.propose(encoder.encode(this.#dataOf(testCase)));
    },
    'propose-conf-change': (testCase) => this.#proposeConfChange(testCase),
    'raft-log': (testCase) => this.#printLog(this.#first(testCase)),
    'raft-state': () => this.#printStates(),
    'read-index': (testCase) => {
      this.#first(testCase).raw.readIndex(encoder.encode(this.#dataOf(testCase)));
    },
    'report-snapshot': (testCase) => {
      const [, peer, outcome] = words(testCase);
      if (outcome !== 'ok' && outcome !== 'failed') throw new Error('either ok or failed');
      this.#first(testCase).raw.reportSnapshot(wholeNumber(peer, 'id'), outcome === 'ok');
    },
    restart: (testCase) => this.#network.restart(this.#first(testCase)),
    'report-unreachable': (testCase) => {
      const peer = wholeNumber(words(testCase)[1], 'id');
      this.#first(testCase).raw.reportUnreachable(peer);
    },
    'send-snapshot': (testCase) => this.#sendSnapshot(testCase),
    'set-randomized-election-timeout': (testCase) => {
      const ticks = wholeNumber(values(testCase, 'timeout')?.[0], 'timeout');
      this.#first(testCase).raw.setRandomizedElectionTimeout(ticks);
    },
    stabilize: (testCase) => this.#stabilize(testCase),
    status: (testCase) => {
      for (const [id, progress] of this.#first(testCase).raw.status().progress) {
        this.#output.line(describeProgress(id, progress));
      }
    },
    'tick-election': (testCase) => tickTimes(this.#first(testCase), ELECTION_TICKS),
    'tick-heartbeat': (testCase) => tickTimes(this.#first(testCase), HEARTBEAT_TICKS),
    'transfer-leadership': (testCase) => {
      const from = wholeNumber(values(testCase, 'from')?.[0], 'from');
      const to = wholeNumber(values(testCase, 'to')?.[0], 'to');
      this.#network.node(from).raw.transferLeadership(to);
    },
  };

  #ids(testCase: Case): RaftId[] {
    return words(testCase).map((word) => wholeNumber(word, 'id'));
  }

  #first(testCase: Case): ScriptNode {
    return this.#network.node(wholeNumber(words(testCase)[0], 'id'));
  }

  #dataOf(testCase: Case): string {
    return words(testCase)[1] ?? '';
  }

  #addNodes(testCase: Case): void {
    const count = wholeNumber(words(testCase)[0], 'the number of nodes');
    const number = (key: string, otherwise: number): number => {
      const text = values(testCase, key)?.[0];
      return text === undefined ? otherwise : wholeNumber(text, key);
    };
    const bootstrap = readBootstrap(testCase);
    const options: Omit<RaftConfig, 'id' | 'storage'> = {
      electionTick: ELECTION_TICKS,
      heartbeatTick: HEARTBEAT_TICKS,
      applied: bootstrap?.metadata.index ?? 0,
      asyncStorageWrites: flag(testCase, 'async-storage-writes'),
      maxSizePerMsg: number('max-size-per-msg', NO_LIMIT),
      maxUncommittedEntriesSize: number('max-uncommitted-size', NO_LIMIT),
      maxInflightBytes: number('max-inflight-bytes', NO_LIMIT),
      disableProposalForwarding: flag(testCase, 'disable-proposal-forwarding'),
      // 0 is none, as of all numbers of upstream's configuration: its default then.
      maxCommittedSizePerReady: number('max-committed-size-per-ready', NO_LIMIT) || NO_LIMIT,
      maxInflightMsgs: number('inflight', INFLIGHT_MESSAGES_DEFAULT),
      preVote: flag(testCase, 'prevote'),
      checkQuorum: flag(testCase, 'checkquorum'),
      readOnlyOption: readOnlyOption(testCase),
      disableConfChangeValidation: flag(testCase, 'disable-conf-change-validation'),
      stepDownOnRemoval: flag(testCase, 'step-down-on-removal'),
      random: (bound) => this.#nextRandom(bound),
    };
    for (let i = 0; i < count; i++) this.#network.add(options, bootstrap);
  }

  /** Any sequence will do: scripts set the timeout where it matters. */
  #nextRandom(bound: number): number {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    return this.#random % bound;
  }

  #deliver(testCase: Case): void {
    let type: MessageType | undefined;
    const recipients: Recipient[] = [];
    for (const { key, values: given } of testCase.args) {
      if (given.length === 0) recipients.push({ id: wholeNumber(key, 'id'), isDropping: false });
      if (key === 'type') type = messageTypeOf(given[0] ?? '');
      if (key !== 'drop') continue;
      for (const text of given) {
        const id = wholeNumber(text, 'drop');
        if (recipients.some((other) => other.id === id)) {
          throw new Error(`messages to ${id} can't be both delivered and dropped`);
        }
        recipients.push({ id, isDropping: true });
      }
    }
    if (this.#network.deliver(recipients, type) === 0) this.#output.line('no messages');
  }

  #setLogLevel(level: string): void {
    if (!LOG_LEVELS.includes(level.toLowerCase())) throw new Error(`unknown log level ${level}`);
    this.#output.isSilent = level.toLowerCase() === 'none';
  }

  #forEach(testCase: Case, doing: string, action: (node: ScriptNode) => void): void {
    const nodes = this.#ids(testCase).map((id) => this.#network.node(id));
    for (const node of nodes) {
      if (nodes.length === 1) {
        action(node);
      } else {
        this.#output.line(`> ${node.id} ${doing}`);
        this.#output.indented(() => action(node));
      }
    }
  }

  #proposeConfChange(testCase: Case): void {
    const { raw } = this.#first(testCase);
    const changes = parseChanges(testCase.input);
    const name = values(testCase, 'transition')?.[0] ?? 'auto';
    const transition = TRANSITIONS[name];
    if (transition === undefined) throw new Error(`unknown transition ${name}`);
    const context = new Uint8Array(0);
    const change = flag(testCase, 'v1')
      ? { ...onlyChange(changes, name), context, id: 0 }
      : { transition, changes, context };
    if (isConfChangeV2(change)) raw.proposeConfChange(change);
    else raw.proposeConfChange(change);
  }

  #printLog({ log }: ScriptNode): void {
    const first = log.firstIndex();
    const last = log.lastIndex();
    if (last < first) {
      this.#output.line(`log is empty: first index=${first}, last index=${last}`);
      return;
    }
    for (const entry of log.entries(first, last + 1, NO_LIMIT) ?? []) {
      this.#output.line(describeEntry(entry));
    }
  }

  #printStates(): void {
    for (const { raw } of this.#network.nodes) {
      const { id, softState, hardState, config } = raw.basicStatus();
      const isVoter = config.voters.includes(id) || config.votersOutgoing.includes(id);
      this.#output.line(
        `${id}: ${stateName(softState.state)} (${isVoter ? 'Voter' : 'Non-Voter'}) ` +
          `Term:${hardState.term} Lead:${softState.lead}`,
      );
    }
  }

  #sendSnapshot(testCase: Case): void {
    const node = this.#first(testCase);
    const message = makeMessage({
      type: MessageType.Snap,
      from: node.id,
      to: wholeNumber(words(testCase)[1], 'id'),
      term: node.raw.basicStatus().hardState.term,
      snapshot: node.log.newest,
    });
    this.#network.send(message);
    this.#output.line(describeMessage(message));
  }

  #stabilize(testCase: Case): void {
    const level = values(testCase, 'log-level')?.[0];
    const wasSilent = this.#output.isSilent;
    if (level !== undefined) this.#setLogLevel(level);
    try {
      const ids = this.#ids(testCase);
      const nodes = ids.length > 0 ? ids.map((id) => this.#network.node(id)) : this.#network.nodes;
      while (this.#stabilizeOnce(nodes)) {
        // Until a whole round does nothing.
      }
    } finally {
      this.#output.isSilent = wasSilent;
    }
  }

  /** False when there was nothing to do. */
  #stabilizeOnce(nodes: readonly ScriptNode[]): boolean {
    const network = this.#network;
    let isBusy = false;
    const perform = (node: ScriptNode, doing: string, action: () => void): void => {
      isBusy = true;
      this.#output.line(`> ${node.id} ${doing}`);
      this.#output.indented(action);
    };
    for (const node of nodes) {
      if (node.raw.hasReady()) perform(node, 'handling Ready', () => network.processReady(node));
    }
    for (const node of nodes) {
      if (!network.hasMessagesFor(node.id)) continue;
      perform(node, 'receiving messages', () => {
        network.deliver([{ id: node.id, isDropping: false }], undefined);
      });
    }
    for (const node of nodes) {
      if (node.appendWork.length === 0) continue;
      perform(node, 'processing append thread', () => {
        while (node.appendWork.length > 0) network.processAppend(node);
      });
    }
    for (const node of nodes) {
      if (node.applyWork.length === 0) continue;
      perform(node, 'processing apply thread', () => {
        while (node.applyWork.length > 0) network.processApply(node);
      });
    }
    return isBusy;
  }
}

const TRANSITIONS: Readonly<Record<string, ConfChangeTransition>> = {
  auto: ConfChangeTransition.Auto,
  implicit: ConfChangeTransition.JointImplicit,
  explicit: ConfChangeTransition.JointExplicit,
};

function readOnlyOption(testCase: Case): 'safe' | 'lease-based' {
  const option = values(testCase, 'read-only')?.[0] ?? 'safe';
  if (option === 'safe' || option === 'lease-based') return option;
  throw new ScriptError(`invalid read-only option "${option}"`);
}

function tickTimes(node: ScriptNode, count: number): void {
  for (let i = 0; i < count; i++) node.raw.tick();
}

function onlyChange(
  changes: ReturnType<typeof parseChanges>,
  transition: string,
): ReturnType<typeof parseChanges>[number] {
  const [change] = changes;
  if (change === undefined || changes.length !== 1) {
    throw new Error('a change of the old form is exactly one change');
  }
  if (transition !== 'auto') throw new Error('a change of the old form has no transition');
  return change;
}

function messageTypeOf(name: string): MessageType {
  const found = Object.values(MessageType).find((type) => messageTypeName(type) === name);
  if (found === undefined) throw new Error(`unknown message type ${name}`);
  return found;
}

function readBootstrap(testCase: Case): Snapshot | undefined {
  const ids = (key: string): RaftId[] =>
    (values(testCase, key) ?? []).map((text) => wholeNumber(text, key));
  const index = values(testCase, 'index')?.[0];
  const content = values(testCase, 'content')?.[0];
  const voters = ids('voters');
  const learners = ids('learners');
  const isAsked = voters.length > 0 || learners.length > 0;
  if (!isAsked && index === undefined && content === undefined) return undefined;
  const at = index === undefined ? 0 : wholeNumber(index, 'index');
  if (at <= 1) throw new Error('index must be above 1 with a bootstrap snapshot');
  return {
    metadata: {
      confState: { ...EMPTY_CONF_STATE, voters, learners },
      index: at,
      term: BOOTSTRAP_TERM,
    },
    data: encoder.encode(content ?? ''),
  };
}
