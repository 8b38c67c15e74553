// The client of kafkajs 2.2.4, with its faults worked around. Only the files kafkajs-*.ts import it.
//
// - Each connection asks itself every millisecond whether something waits: `restQueues` has it ask when something does.
// - It measures time with the wall clock, which may jump: `mendClocks` gives it another one.
// - A send that involves two brokers can store a batch twice when it is retried: every send here is for one partition.
// - A send that is rejected leaves a sequence number that the next batch would take over, and the broker would drop that
//   batch as a repeat: retries are without limit, in the client and in the producer, and sender.ts repeats what rejects.

import { createRequire } from 'node:module';
import { connect as connectSocket, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import kafkajs, { type Admin, type KafkaConfig } from 'kafkajs';
import type { ClientOptions, KafkaClient, TopicSettings } from './client.ts';
import { mendClocks } from './kafkajs-clock.ts';
import { kafkajsConsumer } from './kafkajs-consumer.ts';
import { followedBy } from './kafkajs-groups.ts';
import { mendJoins } from './kafkajs-join.ts';
import { kafkajsProducer, protocolError } from './kafkajs-producer.ts';

const QUICK = { initialRetryTime: 50, maxRetryTime: 250 };
/** A producer never gives up: what it gave up could not be told from what was stored. */
const FOR_EVER = { ...QUICK, retries: Number.MAX_SAFE_INTEGER };
/** Others are begun anew by their caller. */
const A_WHILE = { ...QUICK, retries: 8 };
const CONNECT_MS = 1_000;
const REQUEST_MS = 2_000;
/** With the default of five minutes, a leader that is frozen instead of dead stops a producer for that long. */
const METADATA_AGE_MS = 2_000;
/** Topics are made on disk, one directory for each partition. */
const MAKING_MS = 10_000;
/** A partition that is new, or whose leader has just died, has none for a moment, and kafkajs does not ask again. */
const LEADERLESS = { attempts: 30, pauseMs: 100 };

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}
let isRested = false;

/** Has the request queues of kafkajs wake up only while requests wait in them. A request that has to wait schedules it. */
export function restQueues(): void {
  if (isRested) return;
  isRested = true;
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
    readonly prototype: RequestQueue;
  };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}

/** A client of these brokers. Opens nothing before it is used. */
export function kafkajsClient({ brokers, clientId, connect = connectSocket }: ClientOptions): KafkaClient {
  restQueues();
  mendClocks();
  mendJoins();
  const sockets = new Set<Socket>();
  let ended = false;
  const network: KafkaConfig = {
    clientId,
    // Without brokers it has nothing to retry: this is how an endless retry ends.
    brokers: () => (ended ? [] : [...brokers]),
    socketFactory({ host, port, onConnect }) {
      if (ended) throw new Error('the client has ended');
      const socket = connect(port, host).once('connect', onConnect);
      socket.setNoDelay(true).setKeepAlive(true, 60_000);
      sockets.add(socket);
      return socket.once('close', () => {
        sockets.delete(socket);
        // kafkajs lets go of a dead socket again and again, and each time leaves a listener on it.
        socket.unref = () => socket;
      });
    },
    connectionTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    enforceRequestTimeout: true,
    logLevel: kafkajs.logLevel.NOTHING,
  };
  // What a client retries is set twice in kafkajs: for the connections here, for the requests where they are made.
  const tireless = new kafkajs.Kafka({ ...network, retry: FOR_EVER });
  const kafka = new kafkajs.Kafka({ ...network, retry: A_WHILE });
  // The broker answers when they are made, or when its time is over.
  const maker = new kafkajs.Kafka({ ...network, requestTimeout: MAKING_MS + REQUEST_MS, retry: A_WHILE });

  async function administer<T>(work: (admin: Admin) => Promise<T>, of = kafka): Promise<T> {
    const admin = of.admin({ retry: A_WHILE });
    try {
      await admin.connect();
      return await work(admin);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  return {
    createProducer: () =>
      kafkajsProducer(tireless, { retry: FOR_EVER, metadataAgeMs: METADATA_AGE_MS, requestMs: REQUEST_MS }),
    createConsumer: (options) =>
      kafkajsConsumer(kafka, options, { retry: A_WHILE, metadataAgeMs: METADATA_AGE_MS, isEnded: () => ended }),
    async createTopics(topics) {
      await administer(
        (admin) =>
          admin.createTopics({
            topics: topics.map(({ name, partitions, config }) => ({
              topic: name,
              numPartitions: partitions,
              replicationFactor: -1,
              configEntries: Object.entries(config).map(([setting, value]) => ({ name: setting, value })),
            })),
            timeout: MAKING_MS,
            waitForLeaders: true,
          }),
        maker,
      );
    },
    describeTopics: (names, settings) => administer((admin) => describe(admin, names, settings)),
    ends: (topic) =>
      onceLed(() =>
        administer(async (admin) =>
          (await admin.fetchTopicOffsets(topic)).map(({ partition, high, low }) => {
            return { topic, partition, offset: Number(high), first: Number(low) };
          }),
        ),
      ),
    members: (group) =>
      administer(async (admin) => (await admin.describeGroups([group])).groups[0]?.members.length ?? 0),
    groups: () => administer(followedBy),
    positions: (group) =>
      administer(async (admin) =>
        (await admin.fetchOffsets({ groupId: group })).flatMap(({ topic, partitions }) =>
          partitions.flatMap(({ partition, offset }) => {
            return Number(offset) < 0 ? [] : [{ topic, partition, offset: Number(offset) }];
          }),
        ),
      ),
    async deleteGroup(group) {
      await administer((admin) => admin.deleteGroups([group]));
    },
    end() {
      ended = true;
      for (const socket of sockets) socket.destroy(new Error('the client has ended'));
    },
  };
}

/** Does what needs the leaders of partitions, again while one is being elected. */
async function onceLed<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const passes = ['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE'].includes(protocolError(error));
      if (!passes || attempt === LEADERLESS.attempts) throw error;
      await delay(LEADERLESS.pauseMs);
    }
  }
}

async function describe(
  admin: Admin,
  names: readonly string[],
  settings: readonly string[],
): Promise<readonly TopicSettings[]> {
  const existing = new Set(await admin.listTopics());
  const wanted = names.filter((name) => existing.has(name));
  if (wanted.length === 0) return [];
  const { topics } = await admin.fetchTopicMetadata({ topics: wanted });
  const { resources } = await admin.describeConfigs({
    resources: wanted.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: [...settings] })),
    includeSynonyms: false,
  });
  return topics.map(({ name, partitions }) => {
    const entries = resources.find(({ resourceName }) => resourceName === name)?.configEntries ?? [];
    const config = Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
    return { name, partitions: partitions.length, config };
  });
}
