// The events of the shop as an AsyncAPI 3 document, made from what the code itself goes by:
//
//   topics.ts + schemas/ ─► channels, messages, payloads, examples
//   topics.ts (owner), consumers.ts ─► operations: who sends, who receives
//   settings as topics are made by ─► Kafka bindings: partitions, retention, cleanup
//
// `npm run asyncapi` writes it to docs/asyncapi.json; a test says when that file is behind.

import { consumerGroups } from './consumers.ts';
import { eventSchemas } from './event-schemas.ts';
import { type TopicName, topics } from './topics.ts';

const BINDING_VERSION = '0.5.0';
const KEY_CHARACTERS_MAX = 512;
const SCHEMAS = '#/components/schemas/';
/** A setting that says whose clock records carry, and nothing about how long they stay. */
const TIMESTAMPS = 'message.timestamp.type';

type Json = { readonly [name: string]: unknown };

/** A topic as it is made in Kafka. */
export interface MadeTopic {
  readonly name: string;
  readonly partitions: number;
  /** By Kafka's names. */
  readonly config: Readonly<Record<string, string>>;
}

export interface AsyncApiOptions {
  /** Of the shop. */
  readonly version: string;
  /** All topics that are made, with those for dead letters. */
  readonly made: readonly MadeTopic[];
  /** The topic for what nobody could handle of another one. */
  readonly deadLetterTopic: (topic: string) => string;
}

/** Makes the document. @throws RangeError when a topic of the catalogue is not among those that are made */
export function asyncApi({ version, made, deadLetterTopic }: AsyncApiOptions): Json {
  const names = Object.keys(topics) as TopicName[];
  const madeOf = (name: string): MadeTopic => {
    const found = made.find((topic) => topic.name === name);
    if (found === undefined) throw new RangeError(`the topic ${name} is in the catalogue and is never made`);
    return found;
  };
  return {
    asyncapi: '3.0.0',
    id: 'urn:souk:events',
    info: {
      title: 'Souk: events',
      version,
      description: ABOUT,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      kafka: {
        host: '{broker}',
        protocol: 'kafka',
        description: 'The brokers of the installation.',
        variables: { broker: { description: 'One of KAFKA_BOOTSTRAP_SERVERS.', default: '127.0.0.1:9092' } },
      },
    },
    channels: Object.fromEntries(
      names.flatMap((name) => [
        [name, eventChannel(name, madeOf(name))],
        [deadLetterTopic(name), deadLetterChannel(name, madeOf(deadLetterTopic(name)))],
      ]),
    ),
    operations: Object.fromEntries([...names.map(sending), ...Object.entries(consumerGroups).flatMap(receiving)]),
    components: {
      messages: { ...Object.fromEntries(names.map((name) => [name, eventMessage(name)])), ...deadLetterMessages },
      schemas: { ...Object.fromEntries(names.map(payload)), cloudEventHeaders, deadLetterHeaders, redriveHeaders },
    },
  };
}

const ABOUT = [
  'What happened in the shop, for whoever wants to know. Events are CloudEvents 1.0 in binary mode: the attributes are',
  'headers, the value is plain JSON. Delivery is at least once: a repeat carries the same `ce_id`, and consumers drop it.',
  'Events with one key keep their order; there is none across topics. What a group can never handle lies in the',
  '`.dlq` topic beside the topic, with the reason. Messages marked `x-personal-data` tell of an identifiable person.',
].join(' ');

const eventName = (name: TopicName): string => `${name}.v${topics[name].version}`;

function eventChannel(name: TopicName, made: MadeTopic): Json {
  const { about, key, owner, personalData } = topics[name];
  return {
    address: name,
    title: about,
    description: `Owned by ${owner}, the only one that appends. The key is the ${key}.`,
    messages: { [eventName(name)]: { $ref: `#/components/messages/${name}` } },
    ...marks(personalData),
    bindings: channelBindings(made),
  };
}

function deadLetterChannel(name: TopicName, made: MadeTopic): Json {
  return {
    address: made.name,
    title: `What a group could never handle of ${name}, as it came, with the reason.`,
    description: 'Written by the consumers of the topic. How to read it and give it back: docs/dead-letters.md.',
    messages: {
      deadLetter: { $ref: '#/components/messages/deadLetter' },
      redriveMark: { $ref: '#/components/messages/redriveMark' },
    },
    ...marks(topics[name].personalData),
    bindings: channelBindings(made),
  };
}

/** Both a tag, which tools show, and a field, which programs ask. */
const marks = (personalData: boolean): Json => ({
  ...(personalData && { tags: [{ name: 'personal-data', description: 'Tells of an identifiable person.' }] }),
  'x-personal-data': personalData,
});

function channelBindings({ name, partitions, config }: MadeTopic): Json {
  const configuration = Object.entries(config).flatMap(([setting, value]) => {
    if (setting === TIMESTAMPS) return [];
    return [[setting, setting === 'cleanup.policy' ? value.split(',') : Number(value)]];
  });
  return {
    kafka: {
      topic: name,
      partitions,
      topicConfiguration: Object.fromEntries(configuration) as Json,
      bindingVersion: BINDING_VERSION,
    },
  };
}

function eventMessage(name: TopicName): Json {
  const { about, key, personalData } = topics[name];
  return {
    name,
    title: about,
    contentType: 'application/json',
    headers: {
      allOf: [
        { $ref: `${SCHEMAS}cloudEventHeaders` },
        {
          type: 'object',
          properties: { ce_type: { const: name }, ce_dataschema: { const: `urn:souk:${eventName(name)}` } },
        },
      ],
    },
    payload: { $ref: SCHEMAS + eventName(name) },
    examples: examplesOf(name).map((example) => ({ payload: example })),
    ...marks(personalData),
    bindings: {
      kafka: {
        key: { type: 'string', minLength: 1, maxLength: KEY_CHARACTERS_MAX, description: key },
        bindingVersion: BINDING_VERSION,
      },
    },
  };
}

/** What the schema of a topic gives as examples of its events. */
export function examplesOf(name: TopicName): readonly object[] {
  return (eventSchemas[name] as { readonly examples?: readonly object[] }).examples ?? [];
}

/** The schema with its references made to hold inside the document; examples stand with the message. */
function payload(name: TopicName): readonly [string, unknown] {
  const own = new Set(['$schema', '$id', 'examples']);
  const kept = Object.entries(eventSchemas[name]).filter(([field]) => !own.has(field));
  const inside = JSON.stringify(Object.fromEntries(kept)).replaceAll(
    '"$ref":"#/definitions/',
    `"$ref":"${SCHEMAS}${eventName(name)}/definitions/`,
  );
  return [eventName(name), JSON.parse(inside)];
}

function sending(name: TopicName): readonly [string, Json] {
  const { owner, about } = topics[name];
  return [`${owner}.send.${name}`, { action: 'send', title: `${owner}: ${about}`, ...at(name) }];
}

function receiving([group, { service, topics: names }]: [string, (typeof consumerGroups)[string]]) {
  return names.map((name): readonly [string, Json] => [
    `${group}.receive.${name}`,
    {
      action: 'receive',
      title: `${service}: ${topics[name].about}`,
      ...at(name),
      bindings: { kafka: { groupId: { type: 'string', enum: [group] }, bindingVersion: BINDING_VERSION } },
    },
  ]);
}

const at = (name: TopicName): Json => ({
  channel: { $ref: `#/channels/${name}` },
  messages: [{ $ref: `#/channels/${name}/messages/${eventName(name)}` }],
});

const text = (description: string, more: Json = {}): Json => ({ type: 'string', description, ...more });
const filled = { minLength: 1 };

const cloudEventHeaders: Json = {
  type: 'object',
  required: ['ce_specversion', 'ce_id', 'ce_type', 'ce_source', 'ce_time'],
  properties: {
    ce_specversion: { const: '1.0' },
    ce_id: text('Of the event: a repeat has the same one.', filled),
    ce_type: text('What happened: the name of the topic.', filled),
    ce_source: text('Who says so, such as `souk/orders`.', filled),
    ce_time: text('When it happened: RFC 3339, UTC.', { format: 'date-time' }),
    ce_dataschema: text('The schema of the value, with its version.'),
    'content-type': { const: 'application/json' },
    traceparent: text('The trace that it belongs to (W3C Trace Context).', {
      pattern: '^[\\da-f]{2}-[\\da-f]{32}-[\\da-f]{16}-[\\da-f]{2}$',
    }),
  },
};

const deadLetterHeaders: Json = {
  type: 'object',
  description: 'Those that the message came with, and these.',
  required: ['dlq_reason', 'dlq_topic', 'dlq_partition', 'dlq_offset', 'dlq_group', 'dlq_at'],
  properties: {
    dlq_reason: text('Why nobody of the group can handle it.', filled),
    dlq_topic: text('Where it lies in the log.', filled),
    dlq_partition: text('As a decimal number.', { pattern: '^\\d+$' }),
    dlq_offset: text('As a decimal number.', { pattern: '^\\d+$' }),
    dlq_group: text('The group that could not.', filled),
    dlq_at: text('When it was put aside: RFC 3339, UTC.', { format: 'date-time' }),
  },
};

const redriveHeaders: Json = {
  type: 'object',
  required: ['dlq_redriven'],
  properties: { dlq_redriven: text('The offset of the letter that was given back.', { pattern: '^\\d+$' }) },
};

const deadLetterMessages: Json = {
  deadLetter: {
    name: 'deadLetter',
    title: 'A message that a group could never handle: key and value as they came, readable or not.',
    contentType: 'application/octet-stream',
    headers: { $ref: `${SCHEMAS}deadLetterHeaders` },
  },
  redriveMark: {
    name: 'redriveMark',
    title: 'A letter before this was given back to its topic. It has no value.',
    contentType: 'application/octet-stream',
    headers: { $ref: `${SCHEMAS}redriveHeaders` },
  },
};
