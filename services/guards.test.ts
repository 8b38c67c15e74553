// The guards of the order and payment paths where they belong: on the actions of the real services. Each is tripped, on a
// broker with the options of a cluster node; only handlers are put in the place of those that need a database.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ServiceBroker, type ServiceSchema } from 'moleculer';
import { type Bulkhead, CHANGING, READING, RECEIVING, WAITING } from '../mixins/bulkheads.ts';
import { RECEIVE_WITHIN_MS } from '../mixins/hosts.mixin.ts';
import type { Platform } from '../mixins/platform.ts';
import { readSettings } from '../mixins/settings.ts';
import { brokerOptions, REQUEST_TIMEOUT_MS } from '../moleculer.config.ts';
import { problemOf } from './api/failures.ts';
import { AVAILABLE_WITHIN_MS } from './inventory/inventory.service.ts';
import { ANSWER_MS, FOLLOWING } from './orders/stream.ts';
import { servicesNamed } from './services.ts';

const GUARDED = ['orders', 'inventory', 'payments'];

/** Bulkheads by action: what callers can crowd. */
const bulkheads: Readonly<Record<string, Bulkhead>> = {
  'orders.place': WAITING,
  'orders.cancel': WAITING,
  'orders.refund': WAITING,
  'orders.ship': CHANGING,
  'orders.deliver': CHANGING,
  'orders.get': READING,
  'orders.list': READING,
  'orders.timeline': READING,
  'orders.stream': FOLLOWING,
  'orders.receive': RECEIVING,
  'inventory.receiveStock': CHANGING,
  'inventory.writeOff': CHANGING,
  'inventory.get': READING,
  'inventory.available': READING,
  'inventory.receive': RECEIVING,
  'payments.webhook': CHANGING,
  'payments.receive': RECEIVING,
};
/** What callers do not crowd: lookups of kept answers, files of staff and the pieces of their streams, operators' questions. */
const open = [
  ...['answered', 'export', 'invariants', 'ready'].map((action) => `orders.${action}`),
  ...['keepStream', 'closeStream', 'pullPiece', 'pushPiece'].map((action) => `orders.${action}`),
  ...['historyBehind', 'makeHistory', 'rememberHistory', 'rewindHistory'].map((action) => `orders.${action}`),
  ...['answered', 'invariants', 'ready'].map((action) => `inventory.${action}`),
  ...['invariants', 'provider', 'ready'].map((action) => `payments.${action}`),
];
/** Time limits of calls whose caller does not say, in milliseconds. */
const limits: readonly (readonly [action: string, withinMs: number])[] = [
  ['inventory.available', AVAILABLE_WITHIN_MS],
  ['orders.receive', RECEIVE_WITHIN_MS],
  ['inventory.receive', RECEIVE_WITHIN_MS],
  ['payments.receive', RECEIVE_WITHIN_MS],
  ['orders.stream', ANSWER_MS],
  ['orders.place', REQUEST_TIMEOUT_MS],
  ['payments.webhook', REQUEST_TIMEOUT_MS],
];

/** What a service needs to be described; it opens nothing. */
const platform = {
  settings: readSettings({}),
  secret: () => Buffer.alloc(32),
  alert: () => {},
} as unknown as Platform;

let handler: () => unknown = () => 'done';
const actionsOf = new Map<string, readonly string[]>();
const broker = new ServiceBroker({
  ...brokerOptions(readSettings({ NODE_ID: 'guards-1', NATS_URL: 'nats://127.0.0.1:4222' }), ''),
  namespace: `guards-of-services-${process.pid}`,
  logger: false,
  transporter: 'Fake',
});

beforeAll(async () => {
  // Never started: it only puts schemas and their mixins together.
  const drawing = new ServiceBroker({ logger: false });
  for (const service of servicesNamed(GUARDED)) {
    const { name, actions = {} } = drawing.createService(service(platform)).schema;
    actionsOf.set(
      name,
      Object.keys(actions).map((action) => `${name}.${action}`),
    );
    const stubs = Object.entries(actions).map(([action, schema]) => {
      const guards = typeof schema === 'object' ? schema : {};
      return [action, { ...guards, handler: () => handler() }];
    });
    broker.createService({ name, actions: Object.fromEntries(stubs) } as ServiceSchema);
  }
  await broker.start();
});
afterEach(() => void jest.useRealTimers());
afterAll(() => broker.stop());

/** What the gateway would answer. */
const outcome = (action: string) =>
  broker.call(action).then(
    () => 'answered',
    (error: unknown) => problemOf(error).problem.type,
  );

describe('actions of the order and payment paths', () => {
  it.each(GUARDED)('have a bulkhead, or stand in the list of those that need none: %s', (service) => {
    const known = [...Object.keys(bulkheads), ...open].filter((action) => action.startsWith(`${service}.`));
    expect(actionsOf.get(service)?.toSorted()).toEqual(known.toSorted());
  });

  it.each(Object.entries(bulkheads))(
    'refuse what finds no room, and do the rest: %s',
    async (action, { concurrency, maxQueueSize }) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      let running = 0;
      let most = 0;
      handler = async () => {
        most = Math.max(most, (running += 1));
        await promise;
        running -= 1;
      };
      const tooMany = 3;
      const calls = Array.from({ length: concurrency + maxQueueSize + tooMany }, () => outcome(action));
      const refused = await Promise.all(calls.slice(-tooMany).map((call) => Promise.race([call, turned('held')])));
      resolve();
      expect(refused).toEqual(Array.from({ length: tooMany }, () => 'overloaded'));
      const answered = (await Promise.all(calls)).filter((answer) => answer === 'answered');
      expect({ answered: answered.length, most }).toEqual({ answered: concurrency + maxQueueSize, most: concurrency });
    },
  );

  it.each(limits)('end what does not end by itself: %s after %i ms', async (action, withinMs) => {
    handler = () => new Promise(() => {});
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    let seen = 'under way';
    const calling = outcome(action).then((answer) => (seen = answer));
    await jest.advanceTimersByTimeAsync(withinMs - 1);
    expect(seen).toBe('under way');
    await jest.advanceTimersByTimeAsync(1);
    expect(seen).not.toBe('under way');
    expect(await calling).toBe('unavailable');
  });
});

/** Says so when everything that needs no time has happened: a call without a bulkhead is held then, not refused. */
const turned = (what: string) => new Promise<string>((resolve) => setImmediate(() => resolve(what)));
