// The description of the events: up to date, valid, and true of what the code does.
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { asyncApiFile, currentAsyncApi } from '../infra/toolchain/asyncapi.ts';
import { messageOf } from '../mixins/kafka-log/cloud-event.ts';
import { letterMessage } from '../mixins/kafka-log/dead-letters.ts';
import { examplesOf } from './asyncapi.ts';
import { consumerGroups } from './consumers.ts';
import { misfit } from './event-schemas.ts';
import { checkEvent } from './log-appender.ts';
import { type TopicName, topics } from './topics.ts';

const ROOT = new URL('..', import.meta.url);
const names = Object.keys(topics) as TopicName[];

interface Described {
  readonly channels: Record<string, { address: string; 'x-personal-data': boolean; bindings: { kafka: object } }>;
  readonly operations: Record<string, { action: string; channel: { $ref: string } }>;
  readonly components: {
    messages: Record<string, { payload: object; headers: object; examples: { payload: object }[] }>;
  };
}
const document = currentAsyncApi() as Described;

/** What a `$ref` inside the document points to. */
function resolve(pointer: string): unknown {
  const parts = pointer.slice(2).split('/');
  return parts.reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], document);
}

/** A validator of something in the document, which may refer to the rest of it. */
function validatorOf(pointer: string) {
  const ajv = new Ajv({ strict: false });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'urn:souk:document', components: document.components });
  return ajv.compile({ $ref: `urn:souk:document${pointer}` });
}

describe('the description of the events', () => {
  it('is up to date in docs/asyncapi.json (if not: npm run asyncapi)', () => {
    expect(JSON.parse(readFileSync(asyncApiFile, 'utf8'))).toEqual(document);
  });

  describe('by the schema of AsyncAPI', () => {
    let isValid: ValidateFunction;
    beforeAll(() => {
      const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json') as object;
      isValid = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    });

    it('is valid', () => {
      expect([isValid(document), isValid.errors]).toEqual([true, null]);
    });

    it.each<[string, object]>([
      ['an unknown field', { ...document, events: {} }],
      ['a channel without an object', { ...document, channels: { a: 'b' } }],
      [
        'a number of partitions that is a word',
        {
          ...document,
          channels: { a: { address: 'a', bindings: { kafka: { partitions: 'two', bindingVersion: '0.5.0' } } } },
        },
      ],
      [
        'an operation that neither sends nor receives',
        { ...document, operations: { a: { action: 'eat', channel: { $ref: '#/channels/a' } } } },
      ],
    ])('would not be with %s', (_what, broken) => {
      expect(isValid(broken)).toBe(false);
    });
  });

  it('refers to nothing that is not there', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] as string);
    expect(references.length).toBeGreaterThan(50);
    expect(references.filter((reference) => resolve(reference) === undefined)).toEqual([]);
  });

  it('says how each topic is kept, as it is made', () => {
    expect(document.channels['order.created']).toMatchObject({
      address: 'order.created',
      'x-personal-data': true,
      bindings: {
        kafka: {
          partitions: 8,
          topicConfiguration: { 'cleanup.policy': ['delete'], 'retention.ms': 604_800_000 },
        },
      },
    });
    expect(document.channels['order.created.dlq']).toMatchObject({
      'x-personal-data': true,
      bindings: { kafka: { partitions: 1, topicConfiguration: { 'retention.ms': 2_592_000_000 } } },
    });
    expect(document.channels['product.deleted']).toMatchObject({ 'x-personal-data': false });
    expect(Object.keys(document.channels)).toHaveLength(2 * names.length);
  });
});

describe('examples', () => {
  it.each(names)('stand in the schema of %s, and fit it', (name) => {
    const examples = examplesOf(name);
    const missing = `add "examples" to brokers/schemas/${name}.v${topics[name].version}.json`;
    expect(examples.length > 0 ? '' : missing).toBe('');
    expect(examples.map((example) => misfit(name, example))).toEqual(examples.map(() => undefined));
  });

  it.each(names)('of %s are valid as the document has them, with the headers that they get', (name) => {
    const isPayload = validatorOf(`#/components/schemas/${name}.v${topics[name].version}`);
    const isHeaders = validatorOf(`#/components/messages/${name}/headers`);
    for (const { payload: data } of document.components.messages[name]!.examples) {
      expect([isPayload(data), isPayload.errors]).toEqual([true, null]);
      const event = checkEvent(
        { topic: name, key: 'k', id: 'e-1', source: `souk/${topics[name].owner}`, time: 1, data },
        0,
      );
      const { headers } = messageOf({
        ...event,
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      });
      expect([isHeaders(headers), isHeaders.errors]).toEqual([true, null]);
      expect(isHeaders({ ...headers, ce_type: 'other' })).toBe(false);
      expect(isPayload({ ...data, password: 'x' })).toBe(false);
    }
  });

  it('show the headers that a dead letter has', () => {
    const [data] = examplesOf('product.deleted');
    const event = checkEvent(
      { topic: 'product.deleted', key: 'k', id: 'e', source: 'souk/products', time: 1, data: data! },
      0,
    );
    const message = { ...messageOf(event), offset: 3, timestamp: 1 };
    const { headers } = letterMessage(
      { group: 'carts', record: { ...event, offset: 3, appendedAt: 1 }, reason: 'r' },
      message,
    );
    const isHeaders = validatorOf('#/components/schemas/deadLetterHeaders');
    expect([isHeaders(headers), isHeaders.errors]).toEqual([true, null]);
    expect(isHeaders(message.headers)).toBe(false);
  });
});

describe('who sends and who receives', () => {
  it('is an operation each', () => {
    const all = Object.entries(document.operations).map(([name, { action }]) => [name, action]);
    expect(all).toContainEqual(['orders.send.order.created', 'send']);
    expect(all).toContainEqual(['payments.receive.payment.requested', 'receive']);
    expect(all.filter(([, action]) => action === 'send')).toHaveLength(names.length);
  });

  it('is what the code subscribes to', () => {
    const found = subscriptionsOf(sources());
    expect(found.map(({ group }) => group).toSorted()).toEqual(Object.keys(consumerGroups).toSorted());
    for (const { group, service, topics: subscribed } of found) {
      expect({ group, service, topics: subscribed.toSorted() }).toEqual({
        group,
        ...consumerGroups[group],
        topics: consumerGroups[group]!.topics.toSorted(),
      });
    }
  });

  it('is read from subscriptions, and one that cannot be read is an error', () => {
    const text = `const T = 'order.created';\nawait log.subscribe({\n group: 'g',\n topics: [T, 'cart.updated'], handle });`;
    expect(subscriptionsOf([{ path: 'services/x/a.ts', text }])).toEqual([
      { group: 'g', service: 'x', topics: ['order.created', 'cart.updated'] },
    ]);
    expect(() =>
      subscriptionsOf([{ path: 'services/x/a.ts', text: 'log.subscribe({ group: name, topics });' }]),
    ).toThrow('services/x/a.ts');
  });
});

interface Source {
  readonly path: string;
  readonly text: string;
}

/** The files in which services, or what they are made of, may subscribe. */
function sources(): readonly Source[] {
  const isPort = /^mixins\/(?:consume\.ts$|kafka-log\/|embedded-log\/)/;
  return globSync('{services,mixins}/**/*.ts', { cwd: ROOT })
    .filter((path) => !/\.(test|contract|fixture|testing)\.ts$/.test(path) && !isPort.test(path))
    .map((path) => ({ path, text: readFileSync(new URL(path, ROOT), 'utf8') }));
}

/** Every subscription that stands in the files: its group and topics are words, or constants of the same file. */
function subscriptionsOf(files: readonly Source[]) {
  return files.flatMap(({ path, text }) => {
    const valueOf = (word: string | undefined): string => {
      const value = /^'(.+)'$/.exec(word ?? '')?.[1] ?? new RegExp(`const ${word} = '([^']+)'`).exec(text)?.[1];
      if (value === undefined) throw new Error(`${path}: ${word} of a subscription is no text that can be read here`);
      return value;
    };
    const listOf = (words: string) => words.split(',').flatMap((word) => word.trim() || []);
    return [...text.matchAll(/\.subscribe\(|\bawait consume\(/g)].map(({ index }) => {
      const options = text.slice(index, index + 400);
      const list = /topics: \[([^\]]*)\]/.exec(options)?.[1];
      return {
        group: valueOf(/group: ([^,\s]+),/.exec(options)?.[1]),
        service: path.split('/')[1],
        topics: listOf(list ?? '').map(valueOf),
      };
    });
  });
}
