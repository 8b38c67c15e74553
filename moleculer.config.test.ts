// The guards of calls, each tripped: brokers with the options of cluster nodes in one process, over Moleculer's fake
// transporter. And their table in the docs, held against the code.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { type Context, ServiceBroker, type ServiceSchema } from 'moleculer';
import { BREAKER, circuitsOf } from './brokers/breakers.ts';
import { CHANGING, READING, RECEIVING, WAITING } from './mixins/bulkheads.ts';
import { readSettings } from './mixins/settings.ts';
import { brokerOptions, DRAIN_MS, UNDER_WAY_MAX } from './moleculer.config.ts';
import { problemOf } from './services/api/failures.ts';

const never = () => new Promise<never>(() => {});
const slugOf = (error: unknown) => problemOf(error).problem.type;
/** What the gateway would answer. */
const outcome = (calling: Promise<unknown>) => calling.then(() => 'answered', slugOf);

async function until(what: string, isSo: () => unknown): Promise<void> {
  const giveUpAt = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > giveUpAt) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function optionsOf(nodeID: string) {
  const options = brokerOptions(readSettings({ NODE_ID: nodeID, NATS_URL: 'nats://127.0.0.1:4222' }), '');
  return { ...options, namespace: `guards-${process.pid}`, logger: false, transporter: 'Fake' } as const;
}

const things: ServiceSchema = {
  name: 'things',
  actions: {
    get: () => 'got',
    never,
    outer: {
      timeout: 1_000,
      handler: (ctx: Context) => ctx.call('things.inner'),
    },
    inner: (ctx: Context) => (ctx.options as { timeout: number }).timeout,
    careful: { retryPolicy: { enabled: true }, handler: () => 'got' },
    ...Object.fromEntries(
      Object.entries({ waiting: WAITING, changing: CHANGING, reading: READING, receiving: RECEIVING }).map(
        ([name, bulkhead]) => [name, { bulkhead, handler: () => held }],
      ),
    ),
  },
};
let release: () => void;
let held: Promise<void>;
let caller: ServiceBroker;
let node: ServiceBroker;

async function startNode(): Promise<void> {
  node = new ServiceBroker(optionsOf('things-1'));
  node.createService(things);
  await node.start();
  await caller.waitForServices('things', 5_000, 5);
}

beforeAll(async () => {
  ({ promise: held, resolve: release } = Promise.withResolvers<void>());
  caller = new ServiceBroker(optionsOf('api-1'));
  await caller.start();
  await startNode();
});
afterEach(() => release());
afterAll(async () => {
  await Promise.all([caller.stop(), node.stop()]);
});

/** Lets what comes to the node fall on deaf ears, until the returned function is called. */
function deafen(): () => void {
  const transit = node.transit as unknown as { requestHandler: unknown };
  transit.requestHandler = () => Promise.resolve();
  return () => void Reflect.deleteProperty(transit, 'requestHandler');
}

describe('the embedded mode', () => {
  it('has one node without guards between nodes: they would cost and protect nothing', () => {
    const options = brokerOptions(readSettings({}), '');
    expect(options.nodeID).toBe('souk');
    for (const name of ['transporter', 'middlewares', 'circuitBreaker', 'tracking', 'registry'] as const)
      expect(options).not.toHaveProperty(name);
  });
});

describe('a time-out', () => {
  it('leaves one call further on no more than the rest', async () => {
    expect(await caller.call<number, object>('things.outer', {})).toBeLessThan(1_000);
    expect(await caller.call<number, object>('things.outer', {}, { timeout: 500 })).toBeLessThan(500);
  });
});

describe('a circuit', () => {
  it('opens round a node that does not answer, closes when it does, and begins anew with a new life of the node', async () => {
    const hear = deafen();
    const silent = () => outcome(caller.call('things.get', {}, { timeout: 20 }));
    for (let i = 0; i < BREAKER.minRequestCount; i++) expect(await silent()).toBe('unavailable');
    const askedAt = performance.now();
    // Nobody is asked any more: the answer is there at once, also where time is plenty.
    expect(await outcome(caller.call('things.get', {}, { timeout: 10_000 }))).toBe('unavailable');
    expect(performance.now() - askedAt).toBeLessThan(1_000);
    hear();
    await until('it is tried again', () => caller.registry.getActionEndpoints('things.get').hasAvailable());
    expect(await caller.call('things.get')).toBe('got');

    deafen();
    for (let i = 0; i < BREAKER.minRequestCount; i++) await silent();
    expect(circuitsOf(caller).size).toBeGreaterThan(0);
    await node.stop();
    await until('the node is gone', () => caller.registry.getActionEndpoints('things.get').endpoints.length === 0);
    expect([...circuitsOf(caller).keys()].filter((name) => name.startsWith('things-1:'))).toEqual([]);
    await startNode();
    expect(await caller.call('things.get')).toBe('got');
  }, 20_000);
});

describe('a bulkhead', () => {
  it.each([
    ['waiting', WAITING],
    ['changing', CHANGING],
    ['reading', READING],
    ['receiving', RECEIVING],
  ])('refuses what finds no room: %s', async (name, { concurrency, maxQueueSize }) => {
    ({ promise: held, resolve: release } = Promise.withResolvers<void>());
    const calls = Array.from({ length: concurrency + maxQueueSize + 3 }, () => outcome(caller.call(`things.${name}`)));
    const outcomes = Map.groupBy(await Promise.race([Promise.all(calls), released(calls.slice(-3), calls)]), String);
    expect(outcomes.get('overloaded')).toHaveLength(3);
    expect(outcomes.get('answered')).toHaveLength(concurrency + maxQueueSize);
  });

  /** Lets the others go on once the last ones have been refused. */
  async function released(last: readonly Promise<string>[], all: readonly Promise<string>[]): Promise<string[]> {
    await Promise.all(last);
    release();
    return await Promise.all(all);
  }

  it('of all calls to other nodes refuses what is too much', async () => {
    const { pendingRequests } = caller.transit as unknown as { pendingRequests: Map<string, object> };
    const filling = Array.from({ length: UNDER_WAY_MAX }, (_, i) => `under way ${i}`);
    for (const id of filling) pendingRequests.set(id, { nodeID: 'elsewhere', action: {}, reject: () => {} });
    try {
      expect(await outcome(caller.call('things.get'))).toBe('overloaded');
    } finally {
      for (const id of filling) pendingRequests.delete(id);
    }
    expect(await caller.call('things.get')).toBe('got');
  });
});

describe('a call whose time is over', () => {
  it('is under way no more, and does not hold up the stop of its caller', async () => {
    // oxlint-disable-next-line eslint/no-underscore-dangle -- Moleculer's name for what it waits for when it stops
    const running = (caller as unknown as { readonly _trackedContexts: readonly unknown[] })._trackedContexts;
    const { pendingRequests } = caller.transit as unknown as { readonly pendingRequests: ReadonlyMap<string, object> };
    const hear = deafen();
    expect(await outcome(caller.call('things.get', {}, { timeout: 20 }))).toBe('unavailable');
    hear();
    await until('nothing is under way', () => pendingRequests.size + running.length === 0);
    expect(await caller.call('things.get')).toBe('got');
  });
});

describe('without a connection', () => {
  it('calls are refused at once; reads that ask for it are repeated until it is back', async () => {
    const tx = caller.transit?.tx as { connected: boolean };
    tx.connected = false;
    const careful = caller.call('things.careful');
    expect(await outcome(caller.call('things.get'))).toBe('unavailable');
    tx.connected = true;
    expect(await careful).toBe('got');
  });
});

describe('a node that stops', () => {
  it('waits for the calls that it has taken, but not for ever', async () => {
    ({ promise: held, resolve: release } = Promise.withResolvers<void>());
    const calling = caller.call('things.reading');
    const stopping = node.stop();
    await until('it takes nothing new', () => (node as unknown as { stopping: boolean }).stopping);
    release();
    await calling;
    await stopping;
    await startNode();
    void outcome(caller.call('things.never', {}, { timeout: 100 }));
    const stoppedAt = performance.now();
    await node.stop();
    // Once for the node, once for its service.
    expect(performance.now() - stoppedAt).toBeLessThan(2 * DRAIN_MS + 2_000);
    await startNode();
  }, 20_000);
});

describe('the table of guards', () => {
  const numbers = (text: string) =>
    Array.from(text.replaceAll(/(?<=\d)[_,](?=\d{3})/g, '').matchAll(/(?<![\w.])\d+(?:\.\d+)?/g), ([n]) => Number(n));
  const rows = readFileSync(new URL('docs/guards.md', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, name = '', value = '', where = '', reason = '', test = '']) => {
      const bare = (cell: string) => cell.replaceAll('`', '');
      return { name: bare(name), value, where: bare(where), reason, test: bare(test) };
    });
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');

  it.each(rows)('says of $name in $where what the code says', ({ name, value, where, reason, test }) => {
    const [, given] = new RegExp(`^(?:export )?const ${name}(?:: [^=]+)? = ([^;]+);`, 'm').exec(read(where)) ?? [];
    expect(numbers(value)).toEqual(numbers(given ?? `${name} is not in ${where}`));
    expect(reason.length).toBeGreaterThan(20);
    expect(read(test).includes('expect(')).toBe(true);
  });

  it.each([
    'brokers/announced.ts',
    'brokers/failover.ts',
    'brokers/breakers.ts',
    'brokers/discoverer.ts',
    'brokers/nats-transporter.ts',
    'mixins/bulkheads.ts',
    'moleculer.config.ts',
  ])('holds every number of %s', (path) => {
    const named = Array.from(read(path).matchAll(/^export const ([A-Z_]+)\b/gm), ([, name]) => name);
    expect(named.length).toBeGreaterThan(0);
    expect(new Set(rows.filter(({ where }) => where === path).map(({ name }) => name))).toEqual(new Set(named));
  });
});
