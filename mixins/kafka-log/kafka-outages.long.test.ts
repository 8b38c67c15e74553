// Kafka away for as long as an operator needs to notice: 20 seconds without its only broker. Publishers are told
// "unavailable" once their patience ends and at once from then on; nothing is lost; everything drains within 30 s of the
// return, and consumers go on by themselves.
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { kafkaBrokers } from '../../infra/local/servers/kafka.fixture.ts';
import { eventOf, expectOnceInOrder, startConsumer, startPublishers } from './traffic.fixture.ts';

const OUTAGE_MS = 20_000;
const DRAINED_MS = 30_000;
/** The log's own default, which nodes run with. */
const PATIENCE_MS = 5_000;
/** An answer that needs no broker, on a busy machine. */
const AT_ONCE_MS = 500;
const EVENTS = 1_000;

const { withKafka, test, newLog, kill, start } = kafkaBrokers();

withKafka('survives 20 s without its only broker: told in time, nothing lost, drained within 30 s', async () => {
  const log = await newLog();
  const publishers = startPublishers(log, test());
  const consumer = await startConsumer(await newLog(), test(), 'beside');
  await publishers.more(EVENTS);

  await kill();
  const gone = performance.now();
  // One that comes while it is away: told when its patience ends, and from then on at once.
  await expect(log.append([eventOf(test(), 100, 0)])).rejects.toMatchObject({ code: 503, type: 'unavailable' });
  const toldMs = performance.now() - gone;
  const asked = performance.now();
  await expect(log.append([eventOf(test(), 100, 1)])).rejects.toMatchObject({ code: 503, type: 'unavailable' });
  const atOnceMs = performance.now() - asked;
  await delay(OUTAGE_MS - (performance.now() - gone)); // the outage
  const refused = publishers.refusals();

  const returning = performance.now();
  await start();
  const servingMs = performance.now() - returning;
  await publishers.more(EVENTS);
  const goingOnMs = performance.now() - returning - servingMs;
  await publishers.stop();
  await consumer.until(new Set(publishers.acknowledged));
  const drainedMs = performance.now() - returning - servingMs;
  const rounded = Object.entries({ toldMs, atOnceMs, servingMs, goingOnMs, drainedMs }).map(
    ([name, ms]) => `${name} ${Math.round(ms)}`,
  );
  console.log(
    `${publishers.acknowledged.length} acknowledged, ${publishers.refusals()} refusals; ${rounded.join(', ')}`,
  );

  expect(toldMs).toBeLessThan(PATIENCE_MS + 2 * AT_ONCE_MS);
  expect(atOnceMs).toBeLessThan(AT_ONCE_MS);
  expect(refused).toBeGreaterThan(0);
  expect(drainedMs).toBeLessThan(DRAINED_MS);
  // The event of key 100 may have been in the sender's hands: it is no publisher's, and told as refused.
  await expectOnceInOrder(await newLog(), test(), publishers.acknowledged, new Set([eventOf(test(), 100, 0).id]));
});
