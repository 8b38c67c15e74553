// One of three brokers killed with -9, and another one frozen, while all are written to and read from: nothing that was
// acknowledged is lost or doubled, nobody needs to be told, and the consumer that was there all the time gets everything.
import { expect } from '@jest/globals';
import { kafkaBrokers } from '../../infra/local/servers/kafka.fixture.ts';
import { expectOnceInOrder, startConsumer, startPublishers } from './traffic.fixture.ts';

/** Events that must be acknowledged before a fault, and while it lasts. */
const EVENTS = 300;

const { withKafka, test, newLog, after, kill, start, pause, resume } = kafkaBrokers(3);

withKafka('loses and doubles nothing when one of three brokers is killed, and when another is frozen', async () => {
  const publishers = startPublishers(await newLog({ patienceMs: 60_000 }), test());
  const consumer = await startConsumer(await newLog(), test(), 'beside');
  await publishers.more(EVENTS);
  await kill(1);
  await publishers.more(EVENTS); // the other two take over
  await start(1);
  await publishers.more(EVENTS);
  pause(2);
  after(() => resume(2));
  await publishers.more(EVENTS);
  await consumer.until(new Set(publishers.acknowledged.slice(0, -EVENTS)));
  resume(2);
  await publishers.more(EVENTS);
  await publishers.stop();
  expect(publishers.refusals()).toBe(0);
  await expectOnceInOrder(await newLog(), test(), publishers.acknowledged);
  await consumer.until(new Set(publishers.acknowledged));
});
