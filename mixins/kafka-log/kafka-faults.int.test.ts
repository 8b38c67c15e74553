// What the log in Kafka is proof against: faults of its client, lost answers, messages of strangers, drifting settings.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, jest } from '@jest/globals';
import kafkajs from 'kafkajs';
import { type LogRecord, type NewEvent, PermanentFailure } from '../../brokers/event-log.ts';
import { checkEvent } from '../../brokers/log-appender.ts';
import { kafkaBrokers } from '../../infra/local/servers/kafka.fixture.ts';
import type { KafkaMessage } from './client.ts';
import { messageOf } from './cloud-event.ts';
import type { KafkaLog } from './kafka-log.ts';
import { kafkajsClient } from './kafkajs-client.ts';
import { COORDINATOR_LOADING, type Proxy, REBALANCING, startProxy } from './proxy.fixture.ts';
import { createSender } from './sender.ts';
import { ensureTopics } from './topic-setup.ts';
import { eventOf, expectOnceInOrder, TOPIC } from './traffic.fixture.ts';

const { withKafka, addresses, port, test, after, newClient, newLog, newDeadLetters } = kafkaBrokers();

async function newProxy(): Promise<Proxy> {
  const proxy = await startProxy(port());
  after(() => proxy.close());
  return proxy;
}

const event = (n: number): NewEvent => eventOf(test(), 0, n);

/** This test's records as a group of its own gets them, until a certain one has come. */
async function seenUntil(
  log: KafkaLog,
  last: string,
  group = `${test()}-${randomUUID()}`,
): Promise<readonly LogRecord[]> {
  const seen: LogRecord[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const subscription = await log.subscribe({
    group,
    topics: [TOPIC],
    async handle(records) {
      seen.push(...records.filter(({ key }) => key === event(0).key));
      if (seen.some(({ id }) => id === last)) resolve();
    },
  });
  await promise;
  await subscription.stop();
  return seen;
}
const idsUntil = async (...of: Parameters<typeof seenUntil>) => (await seenUntil(...of)).map(({ id }) => id);

withKafka('makes the topics as the catalogue states them, and reports one that drifts', async () => {
  const client = newClient();
  const config = { 'retention.ms': '1000', 'cleanup.policy': 'compact' };
  await client.createTopics([{ name: 'cart.updated', partitions: 8, config }]);
  const alerts: object[] = [];
  const drifts = await ensureTopics(client, (what, more) => alerts.push({ what, ...more }));
  const drift = { topic: 'cart.updated', setting: 'retention.ms', is: '1000', shouldBe: '604800000' };
  expect(drifts).toContainEqual(drift);
  expect(drifts).toContainEqual({ ...drift, setting: 'cleanup.policy', is: 'compact', shouldBe: 'delete' });
  expect(alerts).toContainEqual({ what: 'topic differs from the catalogue', ...drift });

  const made = await client.describeTopics([TOPIC, `${TOPIC}.dlq`], ['retention.ms', 'cleanup.policy']);
  expect(made.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
    { name: TOPIC, partitions: 4, config: { 'retention.ms': '604800000', 'cleanup.policy': 'delete' } },
    { name: `${TOPIC}.dlq`, partitions: 1, config: { 'retention.ms': '2592000000', 'cleanup.policy': 'delete' } },
  ]);
  expect((await ensureTopics(client, () => {})).every(({ topic }) => topic === 'cart.updated')).toBe(true);
});

withKafka(
  'waits for topics as long as the broker may take to make them, which is long where its disk is slow',
  async () => {
    const proxy = await newProxy();
    const client = kafkajsClient({ brokers: addresses(), clientId: 'test', connect: proxy.connect });
    after(() => client.end());
    const held = proxy.hold('createTopics');
    const made = client.createTopics([{ name: `${test()}-slow`, partitions: 1, config: {} }]);
    const letGo = await held;
    const others = await Promise.race([made.then(() => 'made', String), delay(2_500, 'waits on')]); // any other request: 2 s
    letGo();
    expect(others).toBe('waits on');
    await made;
  },
);

withKafka('an idle client wakes rarely (kafkajs asks every millisecond whether something waits)', async () => {
  const log = await newLog();
  await log.append([event(0)]);
  const got = Promise.withResolvers<void>();
  await log.subscribe({ group: `${test()}-idle`, topics: [TOPIC], handle: async () => got.resolve() });
  await got.promise;
  const timers = jest.spyOn(globalThis, 'setTimeout');
  await delay(1_000); // the time in which it is counted
  const wakes = timers.mock.calls.length;
  timers.mockRestore();
  expect(wakes).toBeLessThan(50);
});

withKafka('the fault is real: used plainly, kafkajs has a batch acknowledged that is nowhere', async () => {
  const log = await newLog();
  const proxy = await newProxy();
  const kafka = new kafkajs.Kafka({
    brokers: [...addresses()],
    socketFactory: ({ onConnect }) => proxy.connect().once('connect', onConnect),
    requestTimeout: 300,
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, retry: { retries: 1 } });
  await producer.connect();
  after(() => producer.disconnect());
  const send = (n: number) => {
    const { key, value, headers } = messageOf(checkEvent(event(n), 0));
    return producer.send({ topic: TOPIC, acks: -1, messages: [{ key, value, headers: { ...headers }, partition: 0 }] });
  };
  await send(0);
  const swallowed = proxy.swallowAnswer().then(() => proxy.swallowAnswer());
  const [answer] = await Promise.allSettled([send(1), swallowed]);
  expect(answer.status).toBe('rejected');
  await send(2);
  await send(3);
  expect(await idsUntil(log, event(3).id)).toEqual([0, 1, 3].map((n) => event(n).id));
});

withKafka('loses and doubles nothing when the answer to a produce request is swallowed', async () => {
  const proxy = await newProxy();
  const log = await newLog({ connect: proxy.connect, patienceMs: 60_000 });
  await log.append([event(0)]);
  for (const n of [1, 3]) {
    const swallowed = proxy.swallowAnswer();
    const stored = log.append([event(n)]);
    await swallowed;
    await Promise.all([stored, log.append([event(n + 1)])]);
  }
  await log.append([event(5)]);
  expect(await idsUntil(log, event(5).id)).toEqual([0, 1, 2, 3, 4, 5].map((n) => event(n).id));
});

withKafka('loses and doubles nothing when that is the answer to a request for several partitions', async () => {
  const KEYS = 8;
  const proxy = await newProxy();
  const log = await newLog({ connect: proxy.connect, patienceMs: 60_000 });
  const round = (n: number) => Array.from({ length: KEYS }, (_, key) => eventOf(test(), key, n));
  await log.append(round(0));
  for (const n of [1, 3]) {
    const swallowed = proxy.swallowAnswer();
    const stored = log.append(round(n));
    expect(await swallowed).toBeGreaterThan(1);
    await Promise.all([stored, log.append(round(n + 1))]);
  }
  const ids = [0, 1, 2, 3, 4].flatMap((n) => round(n).map(({ id }) => id));
  await expectOnceInOrder(log, test(), ids);
});

withKafka('tells publishers in time when an answer is swallowed, and stores what they repeat once', async () => {
  const proxy = await newProxy();
  const log = await newLog({ connect: proxy.connect, patienceMs: 300 });
  await log.append([event(0)]);
  const swallowed = proxy.swallowAnswer();
  const [answer] = await Promise.allSettled([log.append([event(1)]), swallowed]);
  expect(answer).toMatchObject({ reason: { code: 503, type: 'unavailable' } });
  for (const n of [1, 2]) {
    for (let stored = false; !stored; ) {
      stored = await log.append([event(n)]).then(
        () => true,
        async ({ code }: { code: number }) => {
          expect(code).toBe(503);
          await delay(20); // as publishers do
          return false;
        },
      );
    }
  }
  expect(await idsUntil(log, event(2).id)).toEqual([0, 1, 2].map((n) => event(n).id));
});

withKafka('stores the positions of a group whose coordinator was still loading when it came back', async () => {
  const proxy = await newProxy();
  const log = await newLog({ connect: proxy.connect });
  const client = newClient();
  const group = `${test()}-came-back`;
  const seen: string[] = [];
  await log.subscribe({
    group,
    topics: [TOPIC],
    handle: async (records) => void seen.push(...records.filter(({ key }) => key === event(0).key).map(({ id }) => id)),
  });
  await Promise.all([proxy.say('heartbeat', REBALANCING), proxy.say('join', COORDINATOR_LOADING)]);
  await log.append([event(0)]);
  const ends = async () => (await client.ends(TOPIC)).filter(({ offset, first }) => offset > first);
  const stored = async () =>
    new Map((await client.positions(group)).map(({ partition, offset }) => [partition, offset]));
  for (;;) {
    const [wanted, found] = [await ends(), await stored()];
    if (wanted.every(({ partition, offset }) => found.get(partition) === offset)) break;
    await delay(20);
  }
  expect(seen).toEqual([event(0).id]);
});

withKafka('puts aside at once what strangers wrote and nobody can read, with the reason, and goes on', async () => {
  const told: (string | undefined)[] = [];
  const log = await newLog({
    alert(what, more) {
      if (what === 'event dead-lettered') told.push((more as { readonly reason?: string }).reason);
    },
  });
  const sender = createSender(newClient(), () => {});
  await log.append([event(0)]);
  const [good] = await seenUntil(log, event(0).id);
  const { topic, partition } = good as LogRecord;
  const headers = {
    ce_specversion: '1.0',
    ce_id: `${test()}-stranger`,
    ce_type: TOPIC,
    ce_source: 'souk/strangers',
    ce_time: '2026-01-31T12:00:00Z',
  };
  const foreign = (value: string | null, more: Record<string, string> = {}): KafkaMessage => {
    return {
      key: Buffer.from(event(0).key),
      value: value === null ? null : Buffer.from(value),
      headers: { ...headers, ...more },
    };
  };
  const fine = JSON.stringify(event(1).data);
  const poison = [
    foreign('{"bro'),
    foreign(null),
    foreign('{"productId":"p"}'),
    foreign(fine, { ce_dataschema: 'urn:souk:product.deleted.v99' }),
    foreign(fine, { ce_id: '' }),
  ];
  await sender.send({ topic, partition }, [...poison, foreign(fine)]);
  const group = `${test()}-poisoned`;
  expect(await idsUntil(log, `${test()}-stranger`, group)).toEqual([event(0).id, `${test()}-stranger`]);

  const letters = (await newDeadLetters().list([TOPIC])).filter((letter) => letter.group === group);
  expect(letters.map(({ reason }) => reason)).toEqual([
    expect.stringContaining('the value is no JSON'),
    'it has no value',
    expect.stringContaining("'sku'"),
    expect.stringContaining('the version is unknown'),
    'the header ce_id is missing',
  ]);
  expect(letters[0]).toMatchObject({ topic, partition, key: event(0).key, value: '{"bro', headers });
  expect(letters.map(({ offset }) => offset - (good as LogRecord).offset)).toEqual([1, 2, 3, 4, 5]);
  // A person is told the same reasons.
  expect(told).toEqual(letters.map(({ reason }) => reason));
});

withKafka('gives a dead letter back when the reason is mended', async () => {
  const log = await newLog();
  const letters = newDeadLetters();
  const group = `${test()}-mended`;
  const mine = async () =>
    (await letters.list([TOPIC])).filter((letter) => letter.group === group && letter.key === event(0).key);
  let isBroken = true;
  const handled: string[] = [];
  const [second, again] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await log.subscribe({
    group,
    topics: [TOPIC],
    async handle(records) {
      const bad = records.find(({ id }) => id === event(0).id);
      if (bad !== undefined && isBroken) throw new PermanentFailure(bad.offset, 'this product is unknown');
      handled.push(...records.filter(({ key }) => key === event(0).key).map(({ id }) => id));
      if (handled.includes(event(1).id)) second.resolve();
      if (handled.includes(event(0).id)) again.resolve();
    },
  });
  await log.append([event(0), event(1)]);
  await second.promise;

  const [letter, ...others] = await mine();
  expect(others).toEqual([]);
  expect(letter).toMatchObject({ group, reason: 'this product is unknown', key: event(0).key, isRedriven: false });
  expect(await letters.show(letter!.id)).toEqual(letter);
  isBroken = false;
  await letters.redrive(letter!.id);
  await again.promise;
  expect(handled).toEqual([event(1).id, event(0).id]);
  expect(await mine()).toEqual([]);
  expect(await letters.show(letter!.id)).toMatchObject({ isRedriven: true });
  await expect(letters.redrive(letter!.id)).rejects.toThrow('already');
  await expect(letters.show(`${TOPIC}:999999`)).rejects.toThrow('there is no dead letter');
});

describe('a wall clock that is set back by ten minutes', () => {
  const BACK_MS = 600_000;
  const SESSION_MS = 1_000;
  afterEach(() => void jest.restoreAllMocks());

  function setBack(): void {
    const now = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => now() - BACK_MS);
  }

  withKafka('leaves a consumer in its group (kafkajs times its heartbeats by it)', async () => {
    const log = await newLog({ sessionMs: SESSION_MS });
    const client = newClient();
    const group = `${test()}-clock`;
    await log.subscribe({ group, topics: [TOPIC], handle: async () => {} });
    expect(await client.members(group)).toBe(1);
    setBack();
    const from = performance.now();
    while (performance.now() - from < 2.5 * SESSION_MS) expect(await client.members(group)).toBe(1);
    expect(await client.groups()).toContainEqual({ group, topics: [TOPIC] });
  });

  withKafka('does not keep a request waiting whose answer was lost (kafkajs times it out by it)', async () => {
    const proxy = await newProxy();
    const log = await newLog({ connect: proxy.connect });
    await log.append([event(0)]);
    const swallowed = proxy.swallowAnswer();
    const appended = log.append([event(1)]);
    await swallowed;
    setBack();
    await appended;
    expect(await idsUntil(log, event(1).id)).toEqual([event(0).id, event(1).id]);
  });
});
