// Real Kafka: one node whose acknowledged messages survive kill -9, and three of which one may be lost.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type Admin, Kafka, logLevel, type Producer } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itWhere } from '../../toolchain/it-where.ts';
import { type KafkaCluster, missingKafka, planKafka, startKafkaNode } from './kafka.ts';
import { askBroker } from './kafka-metadata.ts';
import type { KafkaNode } from './kafka-settings.ts';
import { addressesOfProcess } from './listeners.fixture.ts';
import { markOf } from './orphans.ts';
import { stablePort } from './ports.ts';
import type { Running } from './server-process.ts';

const missing = missingKafka();
const withKafka = itWhere(missing === undefined, missing ?? '', 'fetched');

let folder: string;
let started: Running[];
let clients: (Admin | Producer)[];

const start = async (cluster: KafkaCluster, node: KafkaNode) => {
  const running = await startKafkaNode(cluster, node, { mark: markOf(folder) });
  started.push(running);
  return running;
};
const startAll = (cluster: KafkaCluster) => Promise.all(cluster.nodes.map((node) => start(cluster, node)));

const clientOf = ({ bootstrapServers }: KafkaCluster) =>
  new Kafka({
    brokers: bootstrapServers.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 500,
    requestTimeout: 1_500,
    retry: { initialRetryTime: 50, maxRetryTime: 250, retries: 100 },
  });

async function open<T extends Admin | Producer>(client: T): Promise<T> {
  clients.push(client);
  await client.connect();
  return client;
}

/** All values in a topic, from its beginning to its present end. */
async function read(kafka: Kafka, topic: string, count: number): Promise<readonly string[]> {
  const consumer = kafka.consumer({ groupId: `group-${randomUUID()}`, heartbeatInterval: 500 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    const values: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    await consumer.run({
      eachMessage: async ({ message }) => {
        values.push(String(message.value));
        if (values.length === count) resolve();
      },
    });
    await promise;
    return values;
  } finally {
    await consumer.disconnect();
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-kafka-'));
  started = [];
  clients = [];
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.disconnect()));
  await Promise.all(started.map((running) => running.stop()));
  rmSync(folder, { recursive: true });
});

withKafka('keeps what it acknowledged over kill -9, and listens on loopback only', async () => {
  const cluster = await planKafka(folder, 1);
  const [node] = cluster.nodes as [KafkaNode];
  const first = await start(cluster, node);
  expect(await askBroker(node.port)).toEqual({ clusterId: cluster.clusterId, brokers: [1] });
  if (process.platform === 'linux') expect(addressesOfProcess(first.pid)).toEqual(['127.0.0.1']);

  const kafka = clientOf(cluster);
  const admin = await open(kafka.admin());
  await admin.createTopics({
    topics: [{ topic: 'orders', numPartitions: 1, replicationFactor: 1 }],
    waitForLeaders: true,
  });
  const producer = await open(kafka.producer());
  await producer.send({ topic: 'orders', acks: -1, messages: [{ value: 'before' }] });

  process.kill(first.pid, 'SIGKILL');
  expect(await first.exited).toBe('was ended by SIGKILL');
  expect(await askBroker(node.port)).toBeUndefined();

  await start(cluster, node);
  await producer.send({ topic: 'orders', acks: -1, messages: [{ value: 'after' }] });
  expect(await read(kafka, 'orders', 2)).toEqual(['before', 'after']);
});

withKafka('takes messages as three nodes when one of them was killed', async () => {
  const cluster = await planKafka(folder, 3);
  const [first] = await startAll(cluster);
  const kafka = clientOf(cluster);
  const admin = await open(kafka.admin());
  await admin.createTopics({
    topics: [{ topic: 'orders', numPartitions: 3, replicationFactor: 3 }],
    waitForLeaders: true,
  });
  // One that sends again what a broker may have stored already would have it twice.
  const producer = await open(kafka.producer({ idempotent: true, maxInFlightRequests: 1 }));
  const messages = (word: string) => [0, 1, 2].map((partition) => ({ partition, value: `${word}-${partition}` }));
  await producer.send({ topic: 'orders', acks: -1, messages: messages('three') });

  process.kill(first?.pid as number, 'SIGKILL');
  await first?.exited;
  await producer.send({ topic: 'orders', acks: -1, messages: messages('two') });
  expect((await read(kafka, 'orders', 6)).toSorted()).toEqual([
    'three-0',
    'three-1',
    'three-2',
    'two-0',
    'two-1',
    'two-2',
  ]);
});

it('refuses data of a cluster of another size in a sentence', async () => {
  const { clusterId } = await planKafka(folder, 1);
  expect((await planKafka(folder, 1)).clusterId).toBe(clusterId);
  await expect(planKafka(folder, 3)).rejects.toThrow(
    `The data in ${folder} are of a Kafka with one node, and 3 nodes were asked for. Ask for 1, or`,
  );
});

it('takes nobody for a broker on a port where nobody is', async () => {
  expect(await askBroker(await stablePort())).toBeUndefined();
});
