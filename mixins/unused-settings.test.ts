// A setting that changes nothing is named at the start.
import { expect, it } from '@jest/globals';
import { variables } from './settings-table.ts';
import { unusedSettings } from './unused-settings.ts';

/** Every variable that there is, with a value that fits. */
const everything = Object.fromEntries(Object.entries(variables).map(([name, { example }]) => [name, example]));

it('says what the program does instead', () => {
  const kafka = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:9092' };
  expect(unusedSettings(kafka, 'cluster')).toEqual([
    'KAFKA_BOOTSTRAP_SERVERS is set, but npm run cluster starts its own Kafka.',
  ]);
  expect(unusedSettings(kafka, 'start')).toEqual([
    'KAFKA_BOOTSTRAP_SERVERS is set, but npm start keeps its events in PostgreSQL.',
  ]);
});

it.each([
  [
    'start',
    'NODE_ID SERVICES KEYS_DIR NATS_URL KAFKA_BOOTSTRAP_SERVERS DB_HOST DB_PORT DB_NAME DB_USER DB_PASSWORD DB_URL ' +
      'DYNAMODB_ENDPOINT PAYMENT_PROVIDER_URL',
  ],
  [
    'cluster',
    'NODE_ID SERVICES KEYS_DIR NATS_URL KAFKA_BOOTSTRAP_SERVERS DB_URL DYNAMODB_ENDPOINT PAYMENT_PROVIDER_URL',
  ],
] as const)('names all that %s has no use for, each with what it does instead, and no value', (program, names) => {
  const hints = unusedSettings(everything, program);
  expect(hints.map((hint) => hint.split(' ', 1)[0])).toEqual(names.split(' '));
  expect(hints.join('\n')).not.toMatch(/has no use for it|127\.0\.0\.1|a password/);
});

it('knows that the cluster uses the particulars of PostgreSQL only with its host', () => {
  expect(unusedSettings({ DB_PORT: '5433' }, 'cluster')).toEqual([
    'DB_PORT is set, but npm run cluster starts its own PostgreSQL without DB_HOST.',
  ]);
  expect(unusedSettings({ DB_PORT: '5433', DB_HOST: 'db.example.org' }, 'cluster')).toEqual([]);
});

it('says nothing of an empty one, and of what other programs read', () => {
  expect(unusedSettings({ NATS_URL: '', SEED: '7', KAFKA_PORT: '9093', AWS_ACCESS_KEY_ID: 'a' }, 'start')).toEqual([]);
});
