// Goal: what a member of a group has done is stored as the group's position, whatever the group went through meanwhile.
// Method: a group over a client that a test plays, with the events of kafkajs in the orders in which they were seen.

import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { Kafka } from 'kafkajs';
import { inVirtualTime, pause } from '../virtual-time.testing.ts';
import type { ConsumerOptions, KafkaClient, TopicOffset } from './client.ts';
import { createKafkaGroup } from './group.ts';
import { kafkajsConsumer } from './kafkajs-consumer.ts';
import { messageOf } from './cloud-event.ts';
import { checkEvent } from '../../brokers/log-appender.ts';
import { eventOf, TOPIC } from './traffic.fixture.ts';

const place = { topic: TOPIC, partition: 0 };
const fetched = (offset: number) => {
  const { key, value, headers } = messageOf(checkEvent(eventOf('group', 0, offset), 0));
  return { key, value, headers, offset, timestamp: 1 };
};

/** A member of a group, and what it stored. */
async function member() {
  let options: ConsumerOptions | undefined;
  const stored: TopicOffset[] = [];
  const done: number[] = [];
  const client = {
    createConsumer(given: ConsumerOptions) {
      options = given;
      return {
        start: async () => {},
        pause: () => {},
        resume: () => {},
        seek: () => {},
        commit: async (places: readonly TopicOffset[]) => void stored.push(...places),
        stop: async () => {},
      };
    },
  } as unknown as KafkaClient;
  const group = createKafkaGroup({
    client,
    subscription: {
      group: 'test',
      topics: [TOPIC],
      handle: async (records) => void done.push(...records.map(({ offset }) => offset)),
    },
    topics: [TOPIC],
    sessionMs: 6_000,
    bury: async () => {},
    alert: () => {},
  });
  await group.start();
  if (options === undefined) throw new Error('no consumer was made');
  return { events: options, group, stored, done };
}

describe('a member of a group', () => {
  it('stores its position after it was told to come back and the group then stood as before', () =>
    inVirtualTime(async () => {
      const { events, stored, done, group } = await member();
      events.onAssigned([place], false);
      events.onMessages(place, [fetched(0)]);
      await pause(200);
      expect(stored).toEqual([{ ...place, offset: 1 }]);

      events.onUnsettled();
      events.onMessages(place, [fetched(1), fetched(2)]);
      await pause(1_000);
      // Somebody else may have the partition by now.
      expect(done).toEqual([0, 1, 2]);
      expect(stored).toHaveLength(1);

      events.onConfirmed();
      await pause(200);
      expect(stored.at(-1)).toEqual({ ...place, offset: 3 });
      await group.stop();
    }));
});

describe('a member by kafkajs', () => {
  it('takes a heartbeat that is answered for the confirmation that its group stands', async () => {
    const emitter = new EventEmitter();
    const consumer = {
      on: (name: string, listener: (event: object) => void) => emitter.on(name, listener),
      connect: async () => {},
      subscribe: async () => {},
      disconnect: async () => {},
      run: async () => {
        emitter.emit('consumer.group_join', { payload: { memberId: 'm', memberAssignment: { [TOPIC]: [0] } } });
      },
    };
    const seen: string[] = [];
    const consuming = kafkajsConsumer(
      { consumer: () => consumer } as unknown as Kafka,
      {
        group: 'test',
        topics: [TOPIC],
        sessionMs: 6_000,
        onAssigned: (places) => seen.push(`assigned ${places.length}`),
        onUnsettled: () => seen.push('unsettled'),
        onConfirmed: () => seen.push('confirmed'),
        onMessages: () => {},
        onTrouble: () => {},
      },
      { retry: { initialRetryTime: 1, maxRetryTime: 1, retries: 1 }, metadataAgeMs: 1_000, isEnded: () => false },
    );
    await consuming.start();
    // A coordinator that has moved, and is still loading when kafkajs gives up joining: no join follows, ever.
    emitter.emit('consumer.rebalancing', { payload: {} });
    emitter.emit('consumer.heartbeat', { payload: { groupId: 'test', memberId: 'm', groupGenerationId: 1 } });
    expect(seen).toEqual(['assigned 1', 'unsettled', 'confirmed']);
    await consuming.stop();
  });
});
