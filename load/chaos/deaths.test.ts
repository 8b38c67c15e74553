// A process that dies by itself is a finding, however fast it is back.
import { describe, expect, it } from '@jest/globals';
import { chanceOf } from '../../actors/scheduler.simulation.ts';
import type { TestCluster } from '../../infra/local/cluster/cluster.fixture.ts';
import { unexplained } from './deaths.ts';
import { type FaultKind, faultKinds, type FaultRecord } from './faults/fault.ts';
import { rewinds } from './faults/rewind.ts';
import { rollingRestarts } from './faults/rolling.ts';
import type { World } from './world.ts';

const fault = (kind: FaultKind, target: string): FaultRecord => ({
  kind,
  target,
  from: 10_000,
  to: 15_000,
  evidence: [],
});
const death = (name: string, at = 12_000) => ({ name, at, reason: 'was ended by SIGKILL' });

const servers = ['nats', 'kafka-1', 'kafka-2', 'kafka-3', 'dynamodb', 'postgres', 'schema', 'provider'];
const nodes = ['orders-1', 'orders-2', 'payments-1', 'notifications-1', 'carts-1', 'carts-10', 'api-1', 'analytics-1'];
const units = [...servers, ...nodes];

/** The units whose death this explains. */
const explains = (kind: FaultKind, target: string): readonly string[] =>
  units.filter((name) => unexplained([death(name)], [fault(kind, target)], 0).length === 0);

/** Targets as the faults name them. */
function targetsOf(source: typeof rewinds): readonly string[] {
  const states = nodes.map((name, n) => ({ name, state: 'ready', pid: 100 + n, reason: undefined }));
  const cluster = { supervisor: { states: () => states } } as unknown as TestCluster;
  const world: World = { cluster, say: () => {}, signal: new AbortController().signal };
  return source(world, chanceOf(1)).map(({ target }) => target);
}

it('is explained by the fault that ended it', () => {
  const faults = [fault('kill', 'orders-1'), fault('crash-point', 'payments-2 before the commit of payment.Charge')];
  expect(unexplained([death('orders-1', 10_500), death('payments-2', 16_000)], faults, 0)).toEqual([]);
});

it.each([
  ['another one was ended', death('orders-2', 10_500), fault('kill', 'orders-1')],
  ['one was ended whose name begins like it', death('orders-1', 10_500), fault('kill', 'orders-10')],
  ['at another time', death('orders-1', 30_000), fault('kill', 'orders-1')],
  ['by a fault that ends nothing', death('orders-1', 11_000), fault('pause', 'orders-1')],
  ['by poison', death('analytics-1', 11_000), fault('poison', 'every topic that is consumed')],
])('is told when %s', (_, died, only) => {
  expect(unexplained([died], [only], 0)).toEqual([
    `${died.name} was ended by SIGKILL, ${died.at / 1_000 < 11 ? (died.at / 1_000).toFixed(0) : died.at / 1_000} s after the beginning, and no fault had ended it`,
  ]);
});

describe('a fault explains the death of what it ends, and of nothing else:', () => {
  it.each<[FaultKind, string, readonly string[]]>([
    ['kill', 'provider', ['provider']],
    ['nats', 'nats', ['nats']],
    ['kafka', 'kafka-2', ['kafka-2']],
    ['postgres', 'postgres', ['postgres']],
    ['dynamodb', 'dynamodb', ['dynamodb']],
    ['crash-point', 'carts-10 before the delivery of cart.SetLine', ['carts-10']],
    ['postgres-backend', 'kill -9 of one backend', ['postgres']],
    ['slow-disk', 'the disk of postgres', ['postgres']],
    ['full-disk', 'the disk of postgres', ['postgres']],
    ['rolling-restart', 'every node, one after another', nodes],
    ['rolling-restart', 'the nodes of carts, one after another', ['carts-1', 'carts-10']],
    ['rewind', 'the group orders', ['orders-1', 'orders-2']],
    ['rewind', 'the group order-history', ['orders-1', 'orders-2']],
    ['rewind', 'the group notifications', ['notifications-1']],
    ['rewind', 'the group of nobody', []],
  ])('%s of %s', (kind, target, ended) => expect(explains(kind, target)).toEqual(ended));

  it('a group that is set back, or nodes that are replaced, as these faults name them', () => {
    for (const target of targetsOf(rollingRestarts)) expect(explains('rolling-restart', target)).not.toEqual([]);
    const names = targetsOf(rewinds);
    expect(names.length).toBeGreaterThan(3);
    for (const target of names) expect(explains('rewind', target)).not.toEqual([]);
  });

  const ending: ReadonlySet<FaultKind> = new Set([
    ...(['kill', 'crash-point', 'nats', 'kafka', 'postgres', 'dynamodb', 'postgres-backend'] as const),
    ...(['slow-disk', 'full-disk', 'rolling-restart', 'rewind'] as const),
  ]);
  it.each(faultKinds.filter((kind) => !ending.has(kind)))('%s ends nobody, not even what it names', (kind) => {
    expect(explains(kind, `${units.join(' ')}, every node, the disk of postgres`)).toEqual([]);
    for (const name of units) expect(explains(kind, name)).toEqual([]);
  });
});
