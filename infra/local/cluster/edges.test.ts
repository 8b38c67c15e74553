// The pure parts of edges: which there are, what addresses they give, what the kernel's counts say.
import { describe, expect, it } from '@jest/globals';
import { serviceNames } from '../../../brokers/hosting.ts';
import { serversOf, throughPort } from './cluster-edges.ts';
import { connectionsIn, passedBetween } from './edge-traffic.ts';
import { edgesOver } from './edges.ts';
import { greetings } from './edge-probe.ts';
import { toxiproxyClient } from '../servers/toxiproxy-client.ts';

describe('addresses through an edge', () => {
  it.each([
    ['http://127.0.0.1:20001', 'http://127.0.0.1:20009'],
    ['nats://souk:a%20b@127.0.0.1:20001', 'nats://souk:a%20b@127.0.0.1:20009'],
    [
      'postgres://souk:secret@db.example:5432/souk?host=%2Fdata%2Fpostgres',
      'postgres://souk:secret@127.0.0.1:20009/souk',
    ],
  ])('%s is %s, which holds the same secrets', (url, through) => {
    expect(throughPort(url, 20_009)).toBe(through);
  });
});

it('every service has its edges, and the mesh is among them', () => {
  expect(Object.keys(serversOf).toSorted()).toEqual([...serviceNames].toSorted());
  for (const servers of Object.values(serversOf)) expect(servers).toContain('nats');
});

describe('what passed', () => {
  const line = (peer: number, received: number, acked: number) =>
    `0      0          127.0.0.1:20009    127.0.0.1:${peer} cubic wscale:7,7 rto:204 bytes_sent:${acked + 1} bytes_acked:${acked} bytes_received:${received} segs_out:9\n`;

  it('is read from the lines of ss, one for each connection', () => {
    const found = connectionsIn(line(40_001, 300, 200) + line(40_002, 5, 0));
    expect([...found]).toEqual([
      ['127.0.0.1:40001 127.0.0.1:20009', { in: 300, out: 200 }],
      ['127.0.0.1:40002 127.0.0.1:20009', { in: 5, out: 1 }],
    ]);
    expect(connectionsIn('')).toEqual(new Map());
  });

  it('is the difference on old connections, and all on new ones', () => {
    const before = connectionsIn(line(40_001, 300, 200));
    const after = connectionsIn(line(40_001, 350, 200) + line(40_003, 7, 3));
    expect(passedBetween(before, after)).toEqual({ connections: 2, in: 57, out: 3 });
  });
});

it('names the edges that there are when asked for another', async () => {
  const edge = {
    name: 'orders → postgres',
    from: 'orders',
    to: 'postgres',
    proxies: [],
    greeting: greetings.postgres(),
  };
  const edges = edgesOver(toxiproxyClient('http://127.0.0.1:1'), [edge]);
  expect(edges.of('postgres')).toEqual(['orders → postgres']);
  await expect(async () => edges.cut('orders → mongo')).rejects.toThrow(
    'There is no edge "orders → mongo"; there are orders → postgres.',
  );
});
