import { describe, expect, it } from '@jest/globals';
import { checkEvent, EVENT_CHARACTERS_MAX } from '../../brokers/log-appender.ts';
import type { FetchedMessage } from './client.ts';
import { flawOf, messageOf, recordOf, VALUE_BYTES_MAX } from './cloud-event.ts';
import { differences, wantedTopics } from './topic-setup.ts';

const topic = 'product.deleted';
const data = { productId: 'p"ö', sku: '🫖', version: 1 };
const event = checkEvent({ topic, key: 'p"ö', id: 'e-1', source: 'souk/products', time: 1_700_000_000_123, data }, 0);
const message = { ...messageOf(event), offset: 7, timestamp: 1_700_000_000_999 };
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const without = (name: string): FetchedMessage => ({
  ...message,
  headers: Object.fromEntries(Object.entries(message.headers).filter(([header]) => header !== name)),
});
const saying = (headers: Record<string, string>): FetchedMessage => ({
  ...message,
  headers: { ...message.headers, ...headers },
});

describe('an event in Kafka', () => {
  it('is a CloudEvent in binary mode', () => {
    expect(message.headers).toEqual({
      ce_specversion: '1.0',
      ce_id: 'e-1',
      ce_type: topic,
      ce_source: 'souk/products',
      ce_time: '2023-11-14T22:13:20.123Z',
      ce_dataschema: 'urn:souk:product.deleted.v1',
      'content-type': 'application/json',
    });
    expect(message.key?.toString()).toBe('p"ö');
    expect(JSON.parse(String(message.value))).toEqual(data);
    expect(messageOf({ ...event, traceparent }).headers).toMatchObject({ traceparent });
  });

  it('comes back as it went', () => {
    expect(recordOf(topic, event.partition, message)).toEqual({ ...event, offset: 7, appendedAt: 1_700_000_000_999 });
    expect(flawOf(topic, message)).toBeUndefined();
    expect(recordOf(topic, 0, saying({ traceparent }))).toMatchObject({ traceparent });
    expect(recordOf(topic, 0, saying({ traceparent: 'no trace' }))).not.toHaveProperty('traceparent');
  });

  it.each<[string, FetchedMessage]>([
    ['it has no value', { ...message, value: null }],
    ['it has no key', { ...message, key: null }],
    ['no JSON', { ...message, value: Buffer.from('{"bro') }],
    ['no JSON object', { ...message, value: Buffer.from('null') }],
    ['version', { ...message, value: Buffer.from('{"productId":"p","sku":"CUP"}') }],
    ['bytes', { ...message, value: Buffer.alloc(VALUE_BYTES_MAX + 1, ' ') }],
    ['ce_id', without('ce_id')],
    ['ce_source', without('ce_source')],
    ['ce_time', saying({ ce_time: 'yesterday' })],
    ['CloudEvents 2.0', saying({ ce_specversion: '2.0' })],
    ['the type is order.created', saying({ ce_type: 'order.created' })],
    ['the version is unknown', saying({ ce_dataschema: 'urn:souk:product.deleted.v2' })],
  ])('can be flawed: %s', (reason, flawed) => {
    expect(flawOf(topic, flawed)).toMatch(reason);
  });
});

describe('topics', () => {
  it('can hold the largest event', () => {
    const largest = 'é'.repeat(EVENT_CHARACTERS_MAX);
    for (const { config } of wantedTopics())
      expect(Number(config['max.message.bytes'])).toBeGreaterThan(Buffer.byteLength(largest));
  });

  it('are told apart from what the catalogue says', () => {
    const [wanted] = wantedTopics();
    expect(differences(wanted!, wanted!)).toEqual([]);
    const other = { ...wanted!, partitions: 3, config: { ...wanted!.config, 'retention.ms': '1' } };
    expect(differences(wanted!, other)).toEqual([
      { topic: wanted!.name, setting: 'partitions', is: '3', shouldBe: '8' },
      { topic: wanted!.name, setting: 'retention.ms', is: '1', shouldBe: '604800000' },
    ]);
  });
});
