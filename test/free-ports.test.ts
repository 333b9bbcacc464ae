/**
 * Goal: a port that a test was given stays free until the test listens on it. Method: the range is checked
 * against what the kernel says, and a port that is taken must be passed over.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';

import { freePort, freePorts, portRange } from './free-ports.ts';

it('takes ports below those that outgoing connections are given', async () => {
  expect(portRange('32768\t60999\n')).toEqual({ low: 15_000, high: 32_768 });
  expect(portRange('40000 60999')).toEqual({ low: 15_000, high: 40_000 });
  expect(portRange('10000 65000')).toEqual({ low: 1_024, high: 10_000 });
  for (const odd of [undefined, '', 'no numbers', '1024 65535']) {
    expect(portRange(odd)).toEqual({ low: 15_000, high: 32_768 });
  }
  if (process.platform !== 'linux') return;
  const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  const { high } = portRange(text);
  for (const port of await freePorts(20)) expect(port).toBeLessThan(high);
});

it('gives none twice, also to callers at the same time', async () => {
  const lists = await Promise.all(Array.from({ length: 10 }, () => freePorts(5)));
  const all = [...lists.flat(), await freePort(), ...(await freePorts(3, { inRow: true }))];
  expect(new Set(all).size).toBe(54);
});

it('passes over a port that is taken, and begins a row anew behind it', async () => {
  const before = await freePort();
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.once('error', () => resolve());
    server.listen(before + 2, '127.0.0.1', resolve);
  });
  try {
    // Also when another program had taken it.
    const row = await freePorts(3, { inRow: true });
    expect(row[0]).toBeGreaterThan(before + 2);
    expect(row).toEqual([row[0], (row[0] as number) + 1, (row[0] as number) + 2]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
