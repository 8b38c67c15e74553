// Goal: what a consumer can never handle is put aside with its reason, the consumer goes on, and a person gives it back.
// Method: a real Kafka, poison in it, a consumer, and `npm run dlq` as a process of its own.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import { type LogRecord, PermanentFailure } from '../../brokers/event-log.ts';
import { checkEvent } from '../../brokers/log-appender.ts';
import type { KafkaMessage } from '../../mixins/kafka-log/client.ts';
import { messageOf, VALUE_BYTES_MAX } from '../../mixins/kafka-log/cloud-event.ts';
import { createSender } from '../../mixins/kafka-log/sender.ts';
import { eventOf, TOPIC } from '../../mixins/kafka-log/traffic.fixture.ts';
import { writeAddresses } from './cluster/addresses.ts';
import { kafkaBrokers } from './servers/kafka.fixture.ts';
import { until } from './shop.fixture.ts';

const { withKafka, addresses, test, after, newClient, newLog } = kafkaBrokers();
const program = fileURLToPath(new URL('dlq.ts', import.meta.url));

/** The command, as a person types it. */
function dlq(words: readonly string[], environment: Readonly<Record<string, string>>) {
  return new Promise<{ readonly code: number; readonly said: string }>((resolve) => {
    const env = { ...process.env, NODE_OPTIONS: '', ...environment };
    execFile(process.execPath, [program, ...words], { env }, (error, out, trouble) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), said: out + trouble });
    });
  });
}

/** What strangers may write, and what we say of it. */
function poison(): readonly (readonly [reason: string, message: KafkaMessage])[] {
  const fine = messageOf(checkEvent(eventOf(test(), 0, 1), 0));
  const saying = (headers: Record<string, string>): KafkaMessage => ({
    ...fine,
    headers: { ...fine.headers, ...headers },
  });
  return [
    ['the value is no JSON', { ...fine, value: Buffer.from('{"bro') }],
    ["must have required property 'sku'", { ...fine, value: Buffer.from('{"productId":"p"}') }],
    [
      `the value has ${VALUE_BYTES_MAX + 1} bytes; ${VALUE_BYTES_MAX} at most`,
      { ...fine, value: Buffer.alloc(VALUE_BYTES_MAX + 1, ' ') },
    ],
    ['it has no key', { ...fine, key: null }],
    ['the version is unknown: urn:souk:product.deleted.v9', saying({ ce_dataschema: 'urn:souk:product.deleted.v9' })],
  ];
}

withKafka(
  'poison is put aside with its reason, the consumer goes on, and what is mended is given back once',
  async () => {
    const kafka = { KAFKA_BOOTSTRAP_SERVERS: addresses().join(',') };
    const log = await newLog();
    expect(await dlq(['list'], kafka)).toEqual({ code: 0, said: 'Dlq: no dead letters wait.\n' });

    const [good, unknown] = [eventOf(test(), 0, 0), eventOf(test(), 0, 1)];
    const handled: LogRecord[] = [];
    let knows = false;
    await log.subscribe({
      group: 'carts',
      topics: [TOPIC],
      async handle(records) {
        const bad = records.find(({ id }) => id === unknown.id);
        if (bad !== undefined && !knows) throw new PermanentFailure(bad.offset, 'this product is unknown');
        handled.push(...records);
      },
    });
    const mine = checkEvent(good, 0);
    const all = poison();
    await createSender(newClient(), () => {}).send({ topic: TOPIC, partition: mine.partition }, [
      ...all.map(([, message]) => message),
      messageOf(checkEvent(unknown, 0)),
      messageOf(mine),
    ]);
    await until('the good record behind the poison is handled', () => handled.some(({ id }) => id === good.id), 60_000);

    const listed = await dlq(['list'], kafka);
    expect(listed.code).toBe(0);
    expect(listed.said).toContain(`${TOPIC}  6 waiting`);
    expect(listed.said).toContain('Dlq: 6 dead letters in 1 of');
    const shown = await dlq(['show', TOPIC], kafka);
    const reasons = [...shown.said.matchAll(/^ {2}reason: (.*)$/gm)].map((match) => match[1]);
    expect(reasons).toEqual([...all.map(([reason]) => expect.stringContaining(reason)), 'this product is unknown']);
    expect((await dlq(['show', TOPIC, '--partition', String(mine.partition), '--offset', '0'], kafka)).said).toContain(
      'value: {"bro',
    );

    // The cause is mended: the consumer has learned what the product is.
    knows = true;
    const back = await dlq(['redrive', TOPIC, '--all', '--reason', 'product is unknown'], kafka);
    expect(back).toMatchObject({ code: 0, said: expect.stringContaining('Dlq: 1 dead letter given back') });
    await until('the record that was given back is handled', () => handled.some(({ id }) => id === unknown.id));
    expect(await dlq(['redrive', TOPIC, '--all', '--reason', 'product is unknown'], kafka)).toMatchObject({
      said: `Dlq: 0 dead letters given back to ${TOPIC}.\n`,
    });
    const given = back.said.split(' ')[0] as string;
    expect(await dlq(['redrive', TOPIC, '--id', given], kafka)).toEqual({
      code: 1,
      said: `Dlq: the dead letter ${given} was given back already\n`,
    });

    // What is not mended is put aside again, as a letter of its own.
    expect((await dlq(['redrive', TOPIC, '--id', '0'], kafka)).code).toBe(0);
    const isBack = ({ said }: { said: string }) => said.includes('5 waiting') && !said.includes(`(${TOPIC}:0)`);
    await until('the broken one is back', async () => isBack(await dlq(['list'], kafka)), 30_000);
    expect(handled.filter(({ key }) => key === good.key).map(({ id }) => id)).toEqual([good.id, unknown.id]);
  },
);

withKafka('it finds the cluster of DATA_DIR, and says in a sentence when there is none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'souk-dlq-'));
  after(() => rmSync(folder, { recursive: true }));
  const here = { DATA_DIR: folder, KAFKA_BOOTSTRAP_SERVERS: '' };
  expect(await dlq(['list'], here)).toEqual({ code: 1, said: expect.stringContaining('Dlq: There is nothing to ask') });
  writeAddresses(folder, { url: 'http://127.0.0.1:1', natsUrl: 'nats://127.0.0.1:1', kafkaBrokers: addresses() });
  expect(await dlq(['list'], here)).toMatchObject({ code: 0 });
  expect(await dlq(['list'], { ...here, KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' })).toEqual({
    code: 1,
    said: expect.stringMatching(/^Dlq: Kafka at 127\.0\.0\.1:1 does not answer: .* Is it running\?\n$/),
  });
});
