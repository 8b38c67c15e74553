// The log in a real Kafka: one broker of this file's own, on new data.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { eventLogContract } from '../../brokers/event-log.contract.ts';
import { type KafkaNode } from '../../infra/local/servers/kafka-settings.ts';
import { missingKafka, planKafka, startKafkaNode } from '../../infra/local/servers/kafka.ts';
import { markOf } from '../../infra/local/servers/orphans.ts';
import { itWhere } from '../../infra/toolchain/it-where.ts';
import { openDeadLetters } from './dead-letters.ts';
import { type KafkaLog, openKafkaLog } from './kafka-log.ts';

const missing = missingKafka();
let brokers: readonly string[] = [];

async function openNode(): Promise<KafkaLog> {
  return await openKafkaLog({ brokers, alert: () => {}, sessionMs: 1_000 });
}

if (missing !== undefined) {
  itWhere(false, missing, 'fetched')('is an event log in Kafka', () => {});
} else {
  let folder: string;
  let stop = async (): Promise<void> => {};
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'souk-kafka-'));
    const cluster = await planKafka(folder, 1);
    const broker = await startKafkaNode(cluster, cluster.nodes[0] as KafkaNode, { mark: markOf(folder) });
    stop = () => broker.stop();
    brokers = cluster.bootstrapServers.split(',');
  });
  afterAll(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });

  eventLogContract('Kafka', async () => {
    return {
      async open() {
        const log = await openNode();
        let dead = false;
        return {
          log,
          kill() {
            dead = true;
            log.cut();
          },
          isDead: () => dead,
        };
      },
      async deadLetters() {
        const dead = openDeadLetters({ brokers, alert: () => {} });
        const letters = await dead.list(['product.deleted']);
        await dead.close();
        return letters.map(({ group, key, reason }) => ({ group, key, reason }));
      },
    };
  });
}
