// Brokers of a test file's own, on new data, and what its tests open on them. Whatever a test opened is closed after it,
// the last one first.
//
//   kafkaBrokers(3) ─► start of all ─► withKafka('…', test) ─► newLog(), kill(2), pause(1) … ─► all closed, data removed

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { KafkaClient } from '../../../mixins/kafka-log/client.ts';
import { type DeadLetters, openDeadLetters } from '../../../mixins/kafka-log/dead-letters.ts';
import { type KafkaLog, type KafkaLogOptions, openKafkaLog } from '../../../mixins/kafka-log/kafka-log.ts';
import { kafkajsClient } from '../../../mixins/kafka-log/kafkajs-client.ts';
import { itWhere } from '../../toolchain/it-where.ts';
import { type KafkaCluster, missingKafka, planKafka, startKafkaNode } from './kafka.ts';
import type { KafkaNode } from './kafka-settings.ts';
import { markOf } from './orphans.ts';

/** A consumer that died gives its partitions back soon enough for a test, in milliseconds. */
const SESSION_MS = 2_000;

type Broker = Awaited<ReturnType<typeof startKafkaNode>>;

/** Brokers for the tests of a file; to be called at its top. Nodes are numbered from 1. */
export function kafkaBrokers(nodes: 1 | 3 = 1) {
  const missing = missingKafka();
  const running = new Map<number, Broker>();
  let folder = '';
  let cluster: KafkaCluster;
  let test = '';
  let ends: (() => Promise<void> | void)[] = [];

  const nodeOf = (id: number): KafkaNode => {
    const node = cluster.nodes.find((each) => each.id === id);
    if (node === undefined) throw new RangeError(`there is no broker ${id}, but ${nodes} from 1 on`);
    return node;
  };
  const brokerOf = (id: number): Broker => {
    const broker = running.get(id);
    if (broker === undefined) throw new RangeError(`broker ${id} does not run`);
    return broker;
  };
  const addresses = (): readonly string[] => cluster.bootstrapServers.split(',');

  async function start(id = 1): Promise<void> {
    running.set(id, await startKafkaNode(cluster, nodeOf(id), { mark: markOf(folder) }));
  }

  beforeAll(async () => {
    if (missing !== undefined) return;
    folder = mkdtempSync(join(tmpdir(), 'souk-kafka-'));
    cluster = await planKafka(folder, nodes);
    await Promise.all(cluster.nodes.map(({ id }) => start(id)));
  });
  afterAll(async () => {
    await Promise.all([...running.values()].map((broker) => broker.stop()));
    if (folder !== '') rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    test = randomUUID();
    ends = [];
  });
  afterEach(async () => {
    for (const end of ends.toReversed()) await end();
  });

  return {
    /** `it`, where Kafka can run. */
    withKafka: itWhere(missing === undefined, missing ?? '', 'fetched'),
    addresses,
    port: (id = 1): number => nodeOf(id).port,
    /** An id that no other test has. */
    test: () => test,
    /** Called after the test. */
    after: (end: () => Promise<void> | void): void => void ends.push(end),

    newClient(): KafkaClient {
      const client = kafkajsClient({ brokers: addresses(), clientId: 'test' });
      ends.push(() => client.end());
      return client;
    },
    async newLog(more: Partial<KafkaLogOptions> = {}): Promise<KafkaLog> {
      const log = await openKafkaLog({ brokers: addresses(), alert: () => {}, sessionMs: SESSION_MS, ...more });
      ends.push(() => log.close());
      return log;
    },
    newDeadLetters(): DeadLetters {
      const letters = openDeadLetters({ brokers: addresses(), alert: () => {} });
      ends.push(() => letters.close());
      return letters;
    },

    /** Starts a broker on the data that it had; resolves when it serves. */
    start,
    /** kill -9; resolves when it has ended. */
    async kill(id = 1): Promise<void> {
      const { pid, exited } = brokerOf(id);
      process.kill(pid, 'SIGKILL');
      await exited;
      running.delete(id);
    },
    /** SIGSTOP: its connections stay open, and nothing comes from them. */
    pause(id = 1): void {
      process.kill(brokerOf(id).pid, 'SIGSTOP');
    },
    resume(id = 1): void {
      process.kill(brokerOf(id).pid, 'SIGCONT');
    },
  };
}

export type KafkaBrokers = ReturnType<typeof kafkaBrokers>;
