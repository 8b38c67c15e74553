// Each of three brokers in turn killed with -9, and each in turn frozen, under writes and reads, with the patience that
// nodes run with: whoever led a partition, coordinated the group or controlled the cluster was away once.
import { setTimeout as delay } from 'node:timers/promises';
import { kafkaBrokers } from '../../infra/local/servers/kafka.fixture.ts';
import { expectOnceInOrder, startConsumer, startPublishers } from './traffic.fixture.ts';

const BROKERS = [1, 2, 3];
const EVENTS = 500;
/** Longer than sessions and requests last: the others have taken over, and then it is back with all it believed. */
const FROZEN_MS = 8_000;

const { withKafka, test, newLog, after, kill, start, pause, resume } = kafkaBrokers(3);

withKafka('loses and doubles nothing when each of three brokers is killed and frozen in turn', async () => {
  const publishers = startPublishers(await newLog(), test());
  const consumers = await Promise.all(
    ['one', 'two'].map(async (name) => await startConsumer(await newLog(), test(), name)),
  );
  const gaps: string[] = [];
  async function gapOf(what: string, fault: () => Promise<void> | void): Promise<void> {
    await publishers.more(EVENTS);
    await fault();
    const begun = performance.now();
    await publishers.more(EVENTS);
    gaps.push(`${what} ${Math.round(performance.now() - begun)} ms`);
  }
  for (const id of BROKERS) {
    await gapOf(`kill ${id}`, () => kill(id));
    await start(id);
  }
  for (const id of BROKERS) {
    await gapOf(`freeze ${id}`, () => {
      after(() => resume(id));
      pause(id);
    });
    await delay(FROZEN_MS);
    resume(id);
  }
  await publishers.more(EVENTS);
  await publishers.stop();
  console.log(
    `${publishers.acknowledged.length} acknowledged, ${publishers.refusals()} refusals, the longest append ` +
      `${Math.round(publishers.longestMs())} ms; ${EVENTS} events more after: ${gaps.join(', ')}`,
  );
  await expectOnceInOrder(await newLog(), test(), publishers.acknowledged);
  for (const consumer of consumers) await consumer.until(new Set(publishers.acknowledged));
});
