/** Facts, failures, and the end of a storage: what was promised stays, and what ended says so. */
import { begun, type CaseSpec, nextTurn } from '../kit/index.ts';
import { entries, entry, IDENTITY, outline, readLog, type StorageBench, save } from './bench.ts';
import type { StorageAbilities } from './log-cases.ts';

type StorageCase = CaseSpec<StorageBench>;

const DISK_CODES = ['DISK_FAILED', 'DISK_FULL'];

export function endingCases(can: StorageAbilities): StorageCase[] {
  return [
    {
      id: 'facts',
      title: 'a fact is replaced as a whole, and durable when `writeFact` resolves',
      body: async (checks, bench) => {
        const tenancy = await bench.founded();
        const read = (name: string): Promise<Uint8Array | undefined> =>
          checks.resolves('a fact can be read', () => tenancy.storage.readFact(name));
        checks.equal('a fact that nobody wrote is not there', await read('peer-2'), undefined);
        const value = Buffer.from('first, and longer');
        const work = begun(() => tenancy.storage.writeFact('peer-2', value));
        value.fill(0);
        await checks.resolves('a fact can be written', () => work);
        const expected = Buffer.from('first, and longer');
        checks.equal('a fact is what it was when it was given', await read('peer-2'), expected);
        await tenancy.storage.writeFact('peer-3', Buffer.alloc(0));
        await tenancy.storage.writeFact('peer-2', Buffer.from('second'));
        if (can.crash === undefined) await tenancy.crash();
        else await tenancy.reopen();
        const clause = 'the newest value is there after a restart';
        checks.equal(clause, await read('peer-2'), Buffer.from('second'));
        checks.equal(clause, await read('peer-3'), Buffer.alloc(0));
      },
    },
    failureIsFinal(can),
    {
      id: 'close',
      title: 'close waits for what is under way, ends everything else, and may be called again',
      body: async (checks, bench) => {
        const tenancy = await bench.filled(2);
        const { storage, place } = tenancy;
        let isDurable = false;
        const work = begun(async () => {
          await storage.append({ entries: entries(3, 4) });
          isDurable = true;
        });
        await checks.resolves('close resolves', () => storage.close());
        await nextTurn();
        checks.equal('close waits for appends under way', isDurable, true);
        await work;
        await checks.resolves('close may be called again', () => storage.close());
        const late = (): Promise<void> => storage.append({ entries: [entry(5)] });
        await checks.rejects('a closed storage takes nothing', late);
        tenancy.storage = await checks.resolves('the place is free again', () => place.open());
        const log = outline(await readLog(checks, tenancy.storage));
        checks.equal('what was appended before the end is there', log, outline(entries(1, 4)));
        checks.equal('and so is the identity', tenancy.storage.identity, IDENTITY);
      },
    },
  ];
}

function failureIsFinal(can: StorageAbilities): StorageCase {
  return {
    id: 'failure/final',
    title: 'after a failed write nothing is stored any more, and everybody is told',
    skip: can.failWrites,
    body: async (checks, bench) => {
      const tenancy = await bench.filled(3);
      const { storage, place } = tenancy;
      await save(storage, 2);
      const told: Error[] = [];
      storage.onFailure((error) => told.push(error));
      place.failWrites?.();
      const first = (): Promise<void> => storage.append({ entries: [entry(4)] });
      await checks.rejects('the append that failed says so', first, DISK_CODES);
      const { failure } = storage;
      checks.holds('`failure` says why', failure !== undefined, 'an error', failure);
      const later = 'nothing is tried again after a failure';
      const next = (): Promise<void> => storage.append({ entries: [entry(5)] });
      await checks.rejects(`${later}: append`, next, DISK_CODES);
      const fact = (): Promise<void> => storage.writeFact('x', Buffer.from('y'));
      await checks.rejects(`${later}: writeFact`, fact, DISK_CODES);
      await checks.rejects(`${later}: compact`, () => storage.compact(1), DISK_CODES);
      await nextTurn();
      checks.equal('`onFailure` is called once, with the failure', told, [failure]);
      checks.equal('what failed is not durable', storage.durableIndex, 3);
      await checks.resolves('a failed storage can be closed', () => storage.close());
      const again = await checks.resolves('a new one can be opened', () => tenancy.reopen());
      const log = await readLog(checks, again);
      const kept = 'what was promised before is there';
      checks.equal(kept, outline(log.slice(0, 3)), outline(entries(1, 3)));
    },
  };
}
