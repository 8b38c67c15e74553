// A broker that is killed with -9 while it is written to, and one that is away: nothing that was acknowledged is lost,
// nothing is doubled, publishers are told in time, and consumers go on by themselves.
import { expect } from '@jest/globals';
import { kafkaBrokers } from '../../infra/local/servers/kafka.fixture.ts';
import { openKafkaLog } from './kafka-log.ts';
import { eventOf, expectOnceInOrder, startConsumer, startPublishers } from './traffic.fixture.ts';

/** Appends that must succeed before the kill, and after the return. */
const APPENDS = 150;

const { withKafka, addresses, test, newLog, kill, start } = kafkaBrokers();

withKafka('loses and doubles nothing when the broker is killed in mid-send and publishers wait', async () => {
  const publishers = startPublishers(await newLog({ patienceMs: 60_000 }), test());
  for (let kills = 0; kills < 2; kills++) {
    await publishers.more(APPENDS);
    await kill();
    await start();
  }
  await publishers.more(APPENDS);
  await publishers.stop();
  expect(publishers.refusals()).toBe(0);
  await expectOnceInOrder(await newLog(), test(), publishers.acknowledged);
});

withKafka('loses and doubles nothing when the broker is killed in mid-send and publishers are sent away', async () => {
  const publishers = startPublishers(await newLog({ patienceMs: 500 }), test());
  const consumer = await startConsumer(await newLog(), test(), 'beside');
  await publishers.more(APPENDS);
  await kill();
  await start();
  await publishers.more(APPENDS);
  await publishers.stop();
  expect(publishers.refusals()).toBeGreaterThan(0);
  await expectOnceInOrder(await newLog(), test(), publishers.acknowledged);
  // The consumer that was there all the time comes back by itself; what it was given again, it is used to.
  await consumer.until(new Set(publishers.acknowledged));
});

withKafka('tells publishers at once that Kafka is away, and lets a consumer finish what it has', async () => {
  const log = await newLog({ patienceMs: 300 });
  const event = (n: number) => eventOf(test(), 0, n);
  const consumer = await startConsumer(log, test(), 'away');
  await log.append([event(0)]);
  await consumer.until(new Set([event(0).id]));
  await kill();
  await expect(log.append([event(1)])).rejects.toMatchObject({ code: 503, type: 'unavailable' });
  const asked = performance.now();
  await expect(log.append([event(2)])).rejects.toMatchObject({ code: 503, type: 'unavailable' });
  expect(performance.now() - asked).toBeLessThan(200);
  await expect(openKafkaLog({ brokers: addresses(), alert: () => {}, openMs: 0 })).rejects.toThrow(
    'Kafka does not answer',
  );
  await start();
  // It was in the sender's hands, which never let go.
  await consumer.until(new Set([event(1).id]));
  expect(consumer.seen.map(({ id }) => id)).not.toContain(event(2).id);
});
