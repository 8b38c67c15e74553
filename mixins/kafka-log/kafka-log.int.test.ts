// The log in a real Kafka: one broker of this file's own, on new data.
import { eventLogContract } from '../../brokers/event-log.contract.ts';
import { missingKafka } from '../../infra/local/servers/kafka.ts';
import { kafkaBrokers } from '../../infra/local/servers/kafka.fixture.ts';
import { openDeadLetters } from './dead-letters.ts';
import { openKafkaLog } from './kafka-log.ts';

const { withKafka, addresses } = kafkaBrokers();

if (missingKafka() !== undefined) {
  withKafka('is an event log in Kafka', () => {});
} else {
  eventLogContract('Kafka', async () => {
    return {
      async open() {
        const log = await openKafkaLog({ brokers: addresses(), alert: () => {}, sessionMs: 1_000 });
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
        const dead = openDeadLetters({ brokers: addresses(), alert: () => {} });
        const letters = await dead.list(['product.deleted']);
        await dead.close();
        return letters.map(({ group, key, reason }) => ({ group, key, reason }));
      },
    };
  });
}
