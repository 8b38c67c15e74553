// Where calls go, through real brokers over a real NATS server: a key to one node, whoever asks; few keys move when nodes come.
import { afterAll, beforeAll, expect } from '@jest/globals';
import { ServiceBroker } from 'moleculer';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveNodes } from '../../brokers/failover.ts';
import { MESSAGE_BYTES } from '../../brokers/nats-transporter.ts';
import { BODY_BYTES_MAX } from '../../services/api/body.ts';
import { until } from '../local/callers.fixture.ts';
import { findNats, missingNats, type Nats, startNats } from '../local/servers/nats.ts';
import { markOf } from '../local/servers/orphans.ts';
import { itWhere } from '../toolchain/it-where.ts';
import { nodeOptions, thingsService } from './things.fixture.ts';

const withNats = itWhere(findNats() !== undefined, missingNats(), 'fetched');
const ACTION = 'things.get';
const keys = Array.from({ length: 1_000 }, (_, i) => `order-${i}`);

let folder: string;
let nats: Nats;
const brokers: ServiceBroker[] = [];

async function node(id: string, hasThings = true): Promise<ServiceBroker> {
  const broker = new ServiceBroker(nodeOptions(id, nats.url, join(folder, `${id}.log`)));
  if (hasThings) broker.createService(thingsService);
  brokers.push(broker);
  await broker.start();
  return broker;
}

const known = (count: number) =>
  until(`all know ${count} nodes`, () => brokers.every((broker) => liveNodes(broker, ACTION).length === count));

/** The node that answers for each key. */
const ownersFor = (caller: ServiceBroker) =>
  Promise.all(keys.map((shardKey) => caller.call<string, object>(ACTION, {}, { shardKey })));

beforeAll(async () => {
  if (findNats() === undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'souk-placement-'));
  nats = await startNats({ folder, mark: markOf(folder) });
}, 30_000);
afterAll(async () => {
  await Promise.all(brokers.map((broker) => broker.stop()));
  await nats?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true });
}, 30_000);

withNats(
  'a key is at one node of three, whoever asks; when a fourth joins, its share of the keys moves to it and no other',
  async () => {
    const [gateway, first] = await Promise.all([
      node('api-1', false),
      node('things-1'),
      node('things-2'),
      node('things-3'),
    ]);
    await known(3);
    const owners = await ownersFor(gateway);
    expect(await ownersFor(gateway)).toEqual(owners);
    // Also a node that has the service itself sends the key to its owner.
    expect(await ownersFor(first)).toEqual(owners);
    expect(new Set(owners).size).toBe(3);

    await node('things-4');
    await known(4);
    const after = await ownersFor(gateway);
    const moved = keys.filter((_, i) => after[i] !== owners[i]);
    expect(moved.length / keys.length).toBeLessThanOrEqual(1 / 4 + 0.05);
    expect(moved.length).toBeGreaterThan(0);
    expect(keys.every((_, i) => after[i] === owners[i] || after[i] === 'things-4')).toBe(true);
  },
  60_000,
);

withNats(
  'calls without a key go to each node in turn, and one call further on has the rest of the time',
  async () => {
    const [gateway] = brokers as [ServiceBroker];
    const asked = await Promise.all(keys.slice(0, 40).map(() => gateway.call<string, object>(ACTION, {})));
    expect(new Set(asked).size).toBe(liveNodes(gateway, ACTION).length);

    const { here, further } = await gateway.call<{ here: number; further: number }, object>(
      'things.rest',
      { ms: 300 },
      { timeout: 1_200 },
    );
    expect(here).toBeLessThanOrEqual(1_200);
    expect(further).toBeLessThanOrEqual(here - 299);
    expect(further).toBeGreaterThan(0);
  },
  60_000,
);

withNats(
  'a body of the largest size that the gateway takes goes through, and its answer as well',
  async () => {
    const [gateway] = brokers as [ServiceBroker];
    const body = 'x'.repeat(BODY_BYTES_MAX);
    expect(await gateway.call<string, object>('things.echo', { body })).toBe(body);
    const batch = 'x'.repeat(MESSAGE_BYTES - 10_000);
    expect(await gateway.call<string, object>('things.echo', { body: batch })).toHaveLength(batch.length);
  },
  60_000,
);

withNats(
  'a node that has started is known to all others: whoever waited for it may stop the one before',
  async () => {
    const [gateway] = brokers as [ServiceBroker];
    const things = await node('things-9');
    expect(liveNodes(gateway, ACTION)).toContain(things.nodeID);
    expect(await gateway.call<string, object>(ACTION, {}, { nodeID: things.nodeID })).toBe(things.nodeID);
  },
  60_000,
);
