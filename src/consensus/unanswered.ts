/**
 * The proposals of this process that have no answer yet, in the order in which they came, so that those that
 * are late can be found and all be told when the node ends. Thousands come and go between two looks: one
 * that has its answer is only counted off, and leaves the list with many others at once.
 */
import type { LocalProposal } from './proposal.ts';

/** Those that are done and still in the list are let go by the many. */
const TIDY_FROM = 256;

export class Unanswered {
  #list: LocalProposal[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(proposal: LocalProposal): void {
    if (this.#list.length > 2 * this.#size + TIDY_FROM) this.#tidy();
    this.#list.push(proposal);
    this.#size++;
  }

  /** One of them is done. */
  finish(proposal: LocalProposal): void {
    proposal.stage = 'done';
    this.#size--;
  }

  /** They may be finished while the list is gone through. */
  all(): readonly LocalProposal[] {
    this.#tidy();
    return this.#list;
  }

  #tidy(): void {
    this.#list = this.#list.filter(({ stage }) => stage !== 'done');
  }
}
