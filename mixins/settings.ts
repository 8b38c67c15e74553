// Settings from the environment, read once and checked: a wrong one is named with what was expected.

export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly adminEmail: string | undefined;
  readonly adminPassword: string | undefined;
  /** Milliseconds from Place until an unpaid order expires. */
  readonly paymentDeadlineMs: number;
  readonly rateLimits: 'on' | 'off' | 'default';
  /** 0: off, so that history can be replayed. */
  readonly activityHeartbeatMs: number;
  readonly logLevel: string;
  readonly smtpUrl: string | undefined;
  /** Name of this node among those of the cluster, the same after every restart: `orders-1`. */
  readonly nodeId: string;
  /** The services that this process runs; empty: all of them. */
  readonly services: readonly string[];
  /** How nodes reach each other; undefined: there is one node, which holds everything. */
  readonly natsUrl: string | undefined;
  /** Brokers of the event log; empty: the log is in PostgreSQL. */
  readonly kafkaBrokers: readonly string[];
  readonly database: DatabaseSettings;
  readonly dynamo: DynamoSettings;
  /** Where the simulated payment provider listens, if it is not started beside the shop. */
  readonly providerUrl: string | undefined;
  /** The folder with the keys of the installation; undefined: `keys` in the data folder. */
  readonly keysDir: string | undefined;
}

/** Where PostgreSQL is. Without a user, each context signs in as its own role, `souk_<context>` (ADR 23). */
export interface DatabaseSettings {
  /** A name, an address, or the folder of a local socket; undefined: PostgreSQL is started beside the shop. */
  readonly host: string | undefined;
  readonly port: number;
  readonly name: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** Where DynamoDB is, and what the tables are called. */
export interface DynamoSettings {
  /** undefined: that of the region. */
  readonly endpoint: string | undefined;
  readonly region: string;
}

/** A setting that cannot be used; the message names it, its value and what was expected. */
export class BadSetting extends Error {
  override name = 'BadSetting';
}

type Environment = Readonly<Record<string, string | undefined>>;

function integer(environment: Environment, name: string, fallback: number, min: number, max: number): number {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new BadSetting(`${name} is "${text}", but must be a whole number from ${min} to ${max}`);
  }
  return value;
}

function oneOf<T extends string>(environment: Environment, name: string, fallback: T, values: readonly T[]): T {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  const value = values.find((candidate) => candidate === text);
  if (value === undefined) throw new BadSetting(`${name} is "${text}", but must be one of ${values.join(', ')}`);
  return value;
}

/**
 * Reads and checks all settings.
 * @throws BadSetting naming the first wrong one.
 */
export function readSettings(environment: Environment): Settings {
  const optional = (name: string) => (environment[name] === '' ? undefined : environment[name]);
  const smtpUrl = optional('SMTP_URL');
  if (smtpUrl !== undefined && !/^smtps?:\/\/\S+$/.test(smtpUrl)) {
    throw new BadSetting(`SMTP_URL is "${smtpUrl}", but must look like smtp://host:port`);
  }
  return {
    host: optional('HOST') ?? '127.0.0.1',
    port: integer(environment, 'PORT', 3000, 0, 65_535),
    dataDir: optional('DATA_DIR') ?? '.data',
    adminEmail: optional('ADMIN_EMAIL'),
    adminPassword: optional('ADMIN_PASSWORD'),
    paymentDeadlineMs: integer(environment, 'PAYMENT_DEADLINE_SECONDS', 900, 1, 86_400) * 1_000,
    rateLimits: oneOf(environment, 'RATE_LIMITS', 'default', ['on', 'off', 'default']),
    activityHeartbeatMs: integer(environment, 'ACTIVITY_HEARTBEAT_SECONDS', 0, 0, 3_600) * 1_000,
    logLevel: oneOf(environment, 'LOG_LEVEL', 'warn', ['fatal', 'error', 'warn', 'info', 'debug', 'trace']),
    smtpUrl,
    nodeId: optional('NODE_ID') ?? 'souk',
    services: listOf(environment, 'SERVICES'),
    natsUrl: optional('NATS_URL'),
    kafkaBrokers: listOf(environment, 'KAFKA_BOOTSTRAP_SERVERS'),
    database: {
      host: optional('DB_HOST'),
      port: integer(environment, 'DB_PORT', 5432, 1, 65_535),
      name: optional('DB_NAME') ?? 'souk',
      user: optional('DB_USER'),
      password: optional('DB_PASSWORD'),
    },
    dynamo: { endpoint: optional('DYNAMODB_ENDPOINT'), region: optional('AWS_REGION') ?? 'eu-west-1' },
    providerUrl: optional('PAYMENT_PROVIDER_URL'),
    keysDir: optional('KEYS_DIR'),
  };
}

function listOf(environment: Environment, name: string): readonly string[] {
  return (environment[name] ?? '').split(',').flatMap((word) => word.trim() || []);
}
