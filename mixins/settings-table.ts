// All environment variables of the project in one table. Reading and checking them (settings.ts) and their documentation
// (docs/configuration.md, written by infra/toolchain/configuration.ts) come from here.

import { serviceNames } from '../brokers/hosting.ts';
import * as kinds from './setting-kinds.ts';
import type { Kind } from './setting-kinds.ts';

/** Who reads a variable: the word in the table, and what it stands for. */
export const programs = {
  start: '`npm start`, the embedded mode: one process that holds everything',
  cluster: '`npm run cluster`; it tells its nodes',
  node: 'a node of the cluster, `infra/node/node.ts`',
  migrate: '`npm run migrate`',
  repl: '`npm run repl`, `npm run history`',
  dlq: '`npm run dlq`',
  mail: '`npm run mail`',
  reset: '`npm run reset`',
  clients: '`npm run replay`, `npm run report`, `npm run bench`, `npm run bench:search`',
  compose: '`infra/local/servers/compose.yaml`',
  tests: 'the tests',
} as const;

export type Program = keyof typeof programs;

interface Particulars {
  readonly usedBy: readonly Program[];
  /** A sentence or two. */
  readonly meaning: string;
  /** A value that fits. */
  readonly example: string;
  /** `whole`: never shown. `within`: it may hold a password, and is shown only where it holds none. */
  readonly secret?: 'whole' | 'within';
}

/** A row of the table. */
export interface Variable<T> extends Particulars {
  readonly kind: Kind<T>;
  /** As it would stand in the environment; undefined: nothing does. */
  readonly default: string | undefined;
  /** What happens without it, where there is no default. */
  readonly without?: string;
}

const withDefault = <T>(kind: Kind<T>, fallback: string, particulars: Particulars): Variable<T> => ({
  kind,
  default: fallback,
  ...particulars,
});

const optional = <T>(kind: Kind<T>, without: string, particulars: Particulars): Variable<T | undefined> => ({
  kind,
  default: undefined,
  without,
  ...particulars,
});

const port = kinds.wholeNumber(1, 65_535);
/** The longest path that Linux takes. */
const folder = kinds.visibleText(4_095, 'the path of a folder');
/** PostgreSQL cuts longer names off without a word, and two of them become one. */
const sqlName = kinds.visibleText(63);
/** Well above what a secret needs, and below what a terminal pastes by mistake. */
const secretText = kinds.visibleText(1_024);
/** As the API demands of a new password. */
const password = kinds.lengthFrom(8, 128);
const postgresUrl = kinds.url(
  ['postgres', 'postgresql'],
  'an address like postgres://user:password@host:port/database',
  { user: true, path: true },
);
const httpUrl = kinds.url(['http', 'https'], 'an address like http://host:port or https://host:port');

/** Every variable, by name. */
export const variables = {
  HOST: withDefault(kinds.host, '127.0.0.1', {
    usedBy: ['start', 'cluster', 'node'],
    meaning: 'The address that the shop listens on.',
    example: '0.0.0.0',
  }),
  PORT: withDefault(kinds.wholeNumber(0, 65_535), '3000', {
    usedBy: ['start', 'cluster', 'node', 'clients'],
    meaning: 'The port that the shop listens on, and where client commands look for it; 0: any free one.',
    example: '4000',
  }),
  DATA_DIR: withDefault(folder, '.data', {
    usedBy: ['start', 'cluster', 'node', 'migrate', 'repl', 'dlq', 'mail', 'reset', 'clients'],
    meaning: 'Everything that must not be lost, and the logs.',
    example: '/srv/souk',
  }),
  ADMIN_EMAIL: optional(kinds.email, '`admin@souk.example`', {
    usedBy: ['start', 'cluster', 'clients'],
    meaning: 'The first staff account.',
    example: 'admin@example.org',
  }),
  ADMIN_PASSWORD: optional(password, 'made up, in `DATA_DIR/first-staff.json`', {
    usedBy: ['start', 'cluster', 'clients'],
    meaning: 'The password of the first staff account. It needs ADMIN_EMAIL.',
    example: 'a sentence that only you know',
    secret: 'whole',
  }),
  PAYMENT_DEADLINE_SECONDS: withDefault(kinds.wholeNumber(1, 86_400), '900', {
    usedBy: ['start', 'cluster', 'node'],
    meaning: 'An order that is unpaid for so long expires.',
    example: '60',
  }),
  RATE_LIMITS: withDefault(kinds.oneOf(['on', 'off', 'default'] as const), 'default', {
    usedBy: ['start', 'cluster', 'node'],
    meaning: 'Whether callers are held to a rate. By default all are but those on this machine.',
    example: 'on',
  }),
  ACTIVITY_HEARTBEAT_SECONDS: withDefault(kinds.wholeNumber(0, 3_600), '0', {
    usedBy: ['start', 'cluster', 'node'],
    meaning: 'Event time moves by itself this often; 0: by events alone, so that history can be replayed.',
    example: '5',
  }),
  LOG_LEVEL: withDefault(kinds.oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace']), 'warn', {
    usedBy: ['start', 'cluster', 'node'],
    meaning: 'From which level on the log is written: `DATA_DIR/souk.log`, or `DATA_DIR/nodes/NODE_ID.log`.',
    example: 'info',
  }),
  SMTP_URL: optional(
    kinds.url(['smtp', 'smtps'], 'an address like smtp://[user:password@]host:port', { user: true, path: true }),
    'mails are captured (`npm run mail`)',
    {
      usedBy: ['start', 'cluster', 'node'],
      meaning: 'The mail server.',
      example: 'smtp://mail.example.org:587',
      secret: 'within',
    },
  ),
  NODE_ID: withDefault(kinds.nodeName, 'souk', {
    usedBy: ['node'],
    meaning:
      'The name of this node. No other node has it, and it stays the same after a restart: placement goes by it.',
    example: 'orders-1',
  }),
  SERVICES: optional(
    kinds.listOf(
      kinds.oneOf(serviceNames),
      `a list of services with commas between, each once, of ${serviceNames.join(', ')}`,
    ),
    'all services',
    { usedBy: ['node'], meaning: 'The services that this node runs.', example: 'orders,payments' },
  ),
  KEYS_DIR: optional(folder, '`DATA_DIR/keys`', {
    usedBy: ['node', 'migrate'],
    meaning: 'The folder with the keys of the installation. All nodes need the same ones.',
    example: '/run/secrets/souk',
  }),
  NATS_URL: optional(
    kinds.joinedList(
      kinds.url(['nats'], '', { user: true }),
      'an address like nats://[user:password@]host:port, or several with commas between',
    ),
    'one node alone',
    {
      usedBy: ['node', 'repl'],
      meaning: 'How nodes reach each other. Of several addresses the first one with a user counts for all.',
      example: 'nats://127.0.0.1:4222',
      secret: 'within',
    },
  ),
  KAFKA_BOOTSTRAP_SERVERS: optional(
    kinds.listOf(kinds.hostAndPort, 'a list like host:port,host:port, each once'),
    'the event log is in PostgreSQL',
    {
      usedBy: ['node', 'dlq'],
      meaning: 'Brokers of the event log; some of them are enough to find the others.',
      example: '127.0.0.1:9092',
    },
  ),
  DB_HOST: optional(kinds.hostOrFolder, 'PostgreSQL is started beside the shop', {
    usedBy: ['cluster', 'node', 'migrate'],
    meaning: 'Where PostgreSQL is.',
    example: 'db.example.org',
  }),
  DB_PORT: withDefault(port, '5432', {
    usedBy: ['cluster', 'node', 'migrate', 'compose'],
    meaning: 'The port of PostgreSQL.',
    example: '5433',
  }),
  DB_NAME: withDefault(sqlName, 'souk', {
    usedBy: ['cluster', 'node', 'migrate'],
    meaning: 'The database.',
    example: 'shop',
  }),
  DB_USER: optional(sqlName, '`postgres`', {
    usedBy: ['cluster', 'migrate'],
    meaning: 'The administrator, who makes a role for each context; nodes sign in as these.',
    example: 'souk_admin',
  }),
  DB_PASSWORD: optional(secretText, 'none is sent', {
    usedBy: ['cluster', 'migrate', 'compose'],
    meaning: 'The password of the administrator.',
    example: 'a password',
    secret: 'whole',
  }),
  DB_URL: optional(postgresUrl, 'as DB_HOST and the others say', {
    usedBy: ['migrate'],
    meaning: 'PostgreSQL in one line; it wins over DB_HOST and the others.',
    example: 'postgres://souk_admin@db.example.org:5432/souk',
    secret: 'within',
  }),
  DYNAMODB_ENDPOINT: optional(httpUrl, 'that of the region', {
    usedBy: ['node'],
    meaning: 'Where DynamoDB is.',
    example: 'http://127.0.0.1:8000',
  }),
  AWS_REGION: withDefault(kinds.region, 'eu-west-1', {
    usedBy: ['cluster', 'node'],
    meaning: 'The region of DynamoDB.',
    example: 'eu-central-1',
  }),
  AWS_ACCESS_KEY_ID: optional(secretText, 'what the AWS library finds otherwise', {
    usedBy: ['node'],
    meaning: 'Who asks DynamoDB; read by the AWS library itself.',
    example: 'AKIA0000EXAMPLE',
    secret: 'whole',
  }),
  AWS_SECRET_ACCESS_KEY: optional(secretText, 'what the AWS library finds otherwise', {
    usedBy: ['node'],
    meaning: 'The key that belongs to AWS_ACCESS_KEY_ID.',
    example: 'a long key',
    secret: 'whole',
  }),
  PAYMENT_PROVIDER_URL: optional(
    kinds.url(['http'], 'an address like http://host:port'),
    'the provider is started beside the shop',
    {
      usedBy: ['node'],
      meaning: 'Where the simulated payment provider listens. It speaks plain HTTP.',
      example: 'http://127.0.0.1:8081',
    },
  ),
  NATS_PORT: withDefault(port, '4222', {
    usedBy: ['compose'],
    meaning: 'The port of NATS on this machine.',
    example: '14222',
  }),
  NATS_PASSWORD: optional(secretText, 'the compose file demands one', {
    usedBy: ['compose'],
    meaning: 'The password that its NATS demands of the user `souk`.',
    example: 'a password',
    secret: 'whole',
  }),
  KAFKA_PORT: withDefault(port, '9092', {
    usedBy: ['compose'],
    meaning: 'The port of Kafka on this machine.',
    example: '19092',
  }),
  DYNAMODB_PORT: withDefault(port, '8000', {
    usedBy: ['compose'],
    meaning: 'The port of DynamoDB Local on this machine.',
    example: '18000',
  }),
  SEED: optional(kinds.wholeNumber(0, 2 ** 32 - 1), '1, or the clock', {
    usedBy: ['tests'],
    meaning: 'The run of a seeded test; a failed one prints its seed.',
    example: '42',
  }),
  RUNS: optional(kinds.wholeNumber(1, 999_999_999), 'what the level allows', {
    usedBy: ['tests'],
    meaning: 'How many seeds a simulation runs.',
    example: '100000',
  }),
  DATASETS_DIR: optional(folder, '`../shared/data`', {
    usedBy: ['tests'],
    meaning: 'The folder with the whole data sets; tests that want them are left out without it.',
    example: '/srv/datasets',
  }),
  KUBE_TOOLS: optional(folder, '`../shared/tools/kubernetes`', {
    usedBy: ['tests'],
    meaning:
      'The folder with etcd.xz and kube-apiserver.xz and their SHA256SUMS; tests that want a control plane are left out without it.',
    example: '/srv/kubernetes',
  }),
  TEST_POSTGRES_URL: optional(postgresUrl, 'a PostgreSQL is started for the run', {
    usedBy: ['tests'],
    meaning: 'The PostgreSQL of the integration tests.',
    example: 'postgres://souk@127.0.0.1:5432/souk',
    secret: 'within',
  }),
  TEST_DYNAMODB_ENDPOINT: optional(httpUrl, 'an API in the test process', {
    usedBy: ['tests'],
    meaning: 'The DynamoDB API of the integration tests.',
    example: 'http://127.0.0.1:8000',
  }),
} as const satisfies Readonly<Record<string, Variable<unknown>>>;

export type VariableName = keyof typeof variables;

/** Names that programs of later versions will read; until then they change nothing. */
export const reserved: Readonly<Record<string, string>> = {
  KAFKA_TOPIC: 'the stream job: the topic of raw events',
  KAFKA_INPUT_TOPIC: 'the stream job: the topic of raw events',
  KAFKA_OUTPUT_TOPIC: 'the stream job: the topic of its windows',
  DYNAMODB_TABLE: 'the stream job: the table of its windows',
  PRODUCT_API_URL: 'the import function: the address of the shop',
};
