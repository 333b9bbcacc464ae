/** The transport suite on our own transports: each case must pass on all of them. */
import { describe, it } from 'vitest';
import { expectBroken, expectEveryCaseFails } from '../kit/expect-broken.fixture.ts';
import { registerCases } from '../kit/index.ts';
import { BROKEN_TRANSPORTS } from './broken-transports.fixture.ts';
import { transportConformance } from './index.ts';
import { busRig, loopbackTcpRig, memoryTcpRig } from './transport-rigs.fixture.ts';

describe('TcpTransport, on a network in memory', () => {
  registerCases(it, transportConformance(memoryTcpRig()));
});

describe('TcpTransport, on loopback', () => {
  registerCases(it, transportConformance(loopbackTcpRig()));
});

describe('the bus of the tests', () => {
  registerCases(it, transportConformance(busRig()));
});

describe('the suite finds, for the right reason, a transport that', () => {
  it.each(BROKEN_TRANSPORTS)('$name', async ({ wrap, ...expected }) => {
    const rig = { ...memoryTcpRig(wrap()), patienceMs: 8_000 };
    await expectBroken(transportConformance(rig), expected);
  });
});

it('every case finds a transport that is broken', () => {
  expectEveryCaseFails(transportConformance(memoryTcpRig()), BROKEN_TRANSPORTS);
});
