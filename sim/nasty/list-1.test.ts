import { it } from 'vitest';

import { LIST_1 } from './list-1.ts';
import { playsOf } from './plays.fixture.ts';

const plays = playsOf(LIST_1);

it('N-1 a vote is kept when its node steps down within the term', () => plays(1));
it('N-2 a vote leaves only once it is durable', () => plays(2));
it('N-3 term and vote are one record', () => plays(3));
it('N-4 votes that come twice, late or from a pre-vote count as they should', () => plays(4));
it('N-5 a removed server that campaigns on disturbs nobody', () => plays(5));
it('N-6 a removed leader does not campaign again', () => plays(6));
it('N-7 pre-vote ends in a leader although logs and terms point in different ways', () => plays(7));
it('N-8 pre-vote and the lease of the leader do not block each other', () => plays(8));
it('N-9 links that work in one direction only do not stop the writes', () => plays(9));
it('N-10 votes later than the election timeout lead to no endless elections', () => plays(10));
it('N-11 entries of an old term are not committed by counting', () => plays(11));
it('N-12 nothing is acknowledged beyond what was compared', () => plays(12));
it('N-13 a late append cuts nothing off', () => plays(13));
it('N-14 a late refusal moves nothing back', () => plays(14));
it('N-15 acknowledgements out of order never lower the match', () => plays(15));
it('N-16 a long divergent tail is found out by term, not by entry', () => plays(16));
it('N-17 the entry before the first one is the own one of the snapshot', () => plays(17));
it('N-18 an entry replaced while it is written is not taken for durable', () => plays(18));
it('N-19 a repeated message makes nobody acknowledge what is still being synced', () => plays(19));
it('N-20 a single node answers after its sync', () => plays(20));
