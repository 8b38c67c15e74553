// An event as a Kafka message and back: CloudEvents 1.0, binary mode. The value is the plain JSON of the event, what is
// known about it stands in headers. The key is the aggregate's id.

import type { CheckedEvent, StoredRecord } from '../../brokers/log-storage.ts';
import { misfit } from '../../brokers/event-schemas.ts';
import { EVENT_CHARACTERS_MAX, traced } from '../../brokers/log-appender.ts';
import { type TopicName, topics } from '../../brokers/topics.ts';
import type { FetchedMessage, KafkaMessage } from './client.ts';

const SPEC_VERSION = '1.0';
const CONTENT_TYPE = 'application/json';
/** A character is at most three bytes of UTF-8, unless it counts as two. */
export const VALUE_BYTES_MAX = 3 * EVENT_CHARACTERS_MAX;

/** Which schema the data follow, as an absolute URI: `urn:souk:product.deleted.v1`. */
const dataSchemaOf = (topic: TopicName): string => `urn:souk:${topic}.v${topics[topic].version}`;

/** The message of an event that was checked. */
export function messageOf(event: CheckedEvent): KafkaMessage {
  const { topic, key, id, source, time, value, traceparent } = event;
  return {
    key: Buffer.from(key),
    value: Buffer.from(value),
    headers: {
      ce_specversion: SPEC_VERSION,
      ce_id: id,
      ce_type: topic,
      ce_source: source,
      ce_time: new Date(time).toISOString(),
      ce_dataschema: dataSchemaOf(topic),
      'content-type': CONTENT_TYPE,
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}

/** The record of a message; what a message does not say is empty, and `flawOf` tells. */
export function recordOf(topic: TopicName, partition: number, message: FetchedMessage): StoredRecord {
  const { key, value, headers, offset, timestamp } = message;
  const time = Date.parse(headers['ce_time'] ?? '');
  return {
    topic,
    partition,
    offset,
    key: key?.toString() ?? '',
    id: headers['ce_id'] ?? '',
    source: headers['ce_source'] ?? '',
    time: Number.isNaN(time) ? timestamp : time,
    appendedAt: timestamp,
    value: value === null || value.length > VALUE_BYTES_MAX ? '' : value.toString(),
    ...traced(headers['traceparent']),
  };
}

/**
 * Why nobody can handle the message, whoever wrote it; undefined if it is as the catalogue says. The embedded log takes
 * nothing that is not; into Kafka others can write as well.
 */
export function flawOf(topic: TopicName, { key, value, headers }: FetchedMessage): string | undefined {
  if (value === null) return 'it has no value';
  if (value.length > VALUE_BYTES_MAX) return `the value has ${value.length} bytes; ${VALUE_BYTES_MAX} at most`;
  if (key === null || key.length === 0) return 'it has no key';
  for (const name of ['ce_id', 'ce_source', 'ce_time', 'ce_type', 'ce_specversion']) {
    if ((headers[name] ?? '') === '') return `the header ${name} is missing`;
  }
  const { ce_specversion: spec, ce_type: type, ce_time: time, ce_dataschema: schema } = headers;
  if (spec !== SPEC_VERSION) return `it is CloudEvents ${spec}, not ${SPEC_VERSION}`;
  if (type !== topic) return `the type is ${type}, not ${topic}`;
  if (Number.isNaN(Date.parse(time as string))) return `the header ce_time is no time: ${time}`;
  if (schema !== undefined && schema !== dataSchemaOf(topic)) {
    return `the version is unknown: ${schema}, not ${dataSchemaOf(topic)}`;
  }
  let data: unknown;
  try {
    data = JSON.parse(value.toString());
  } catch (error) {
    return `the value is no JSON: ${(error as Error).message}`;
  }
  if (typeof data !== 'object' || data === null) return 'the value is no JSON object';
  return misfit(topic, data);
}
