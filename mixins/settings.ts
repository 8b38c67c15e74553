// Settings from the environment, read once and checked by their table: each wrong one is named with what was expected.

import { type Variable, type VariableName, variables } from './settings-table.ts';

export { unknownSettings } from './unknown-settings.ts';

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

/** Where PostgreSQL is. User and password are the administrator's: nodes sign in as the role of each context (ADR 24). */
export interface DatabaseSettings {
  /** A name, an address, or the folder of a local socket; undefined: PostgreSQL is started beside the shop. */
  readonly host: string | undefined;
  readonly port: number;
  readonly name: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** Where DynamoDB is. */
export interface DynamoSettings {
  /** undefined: that of the region. */
  readonly endpoint: string | undefined;
  readonly region: string;
}

/** Settings with all that a node of a cluster needs. */
export type ClusterSettings = Settings & {
  readonly natsUrl: string;
  readonly database: DatabaseSettings & { readonly host: string };
};

/** Settings that cannot be used. Of each the message names it, its value unless that is secret, and what was expected. */
export class BadSetting extends Error {
  override name = 'BadSetting';
  /** One sentence for each. */
  readonly problems: readonly string[];

  constructor(...problems: string[]) {
    super(problems.length === 1 ? problems[0] : ['These settings cannot be used:', ...problems].join('\n  '));
    this.problems = problems;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;
type ValueOf<V> = V extends Variable<infer T> ? T : never;
/** Of the variables that programs of the shop read. */
type Values = { readonly [N in VariableName]: ValueOf<(typeof variables)[N]> };

/** Characters of a wrong value that its message quotes; more would hide the rest of the sentence. */
const QUOTED_LENGTH_MAX = 80;
/** What makes no sense alone. */
const pairs: readonly (readonly [VariableName, VariableName])[] = [
  ['ADMIN_PASSWORD', 'ADMIN_EMAIL'],
  ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  ['AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID'],
];
/** What a node of a cluster cannot do without, and why. */
const demanded = {
  NODE_ID: 'a name that no other node has and that stays the same after a restart',
  NATS_URL: 'nodes reach each other by it',
  KAFKA_BOOTSTRAP_SERVERS: 'the event log is there',
  DB_HOST: 'nodes share one PostgreSQL',
  PAYMENT_PROVIDER_URL: 'the service payments charges there, and the service probe reads its book',
} as const satisfies Partial<Record<VariableName, string>>;

/** Services that ask the payment provider. */
const atProvider: ReadonlySet<string> = new Set(['payments', 'probe']);

/**
 * Reads and checks all settings; an empty variable counts as one that is not set.
 * @throws BadSetting naming all that are wrong
 */
export function readSettings(environment: Environment): Settings {
  const values = readAll(environment);
  return {
    host: values.HOST,
    port: values.PORT,
    dataDir: values.DATA_DIR,
    adminEmail: values.ADMIN_EMAIL,
    adminPassword: values.ADMIN_PASSWORD,
    paymentDeadlineMs: values.PAYMENT_DEADLINE_SECONDS * 1_000,
    rateLimits: values.RATE_LIMITS,
    activityHeartbeatMs: values.ACTIVITY_HEARTBEAT_SECONDS * 1_000,
    logLevel: values.LOG_LEVEL,
    smtpUrl: values.SMTP_URL,
    nodeId: values.NODE_ID,
    services: values.SERVICES ?? [],
    natsUrl: values.NATS_URL,
    kafkaBrokers: values.KAFKA_BOOTSTRAP_SERVERS ?? [],
    database: {
      host: values.DB_HOST,
      port: values.DB_PORT,
      name: values.DB_NAME,
      user: values.DB_USER,
      password: values.DB_PASSWORD,
    },
    dynamo: { endpoint: values.DYNAMODB_ENDPOINT, region: values.AWS_REGION },
    providerUrl: values.PAYMENT_PROVIDER_URL,
    keysDir: values.KEYS_DIR,
  };
}

/**
 * Makes sure that a node can be one among others.
 * @throws BadSetting naming everything that it lacks
 */
export function demandCluster(settings: Settings): asserts settings is ClusterSettings {
  const needsProvider = settings.services.length === 0 || settings.services.some((name) => atProvider.has(name));
  const isThere: Readonly<Record<keyof typeof demanded, boolean>> = {
    NODE_ID: settings.nodeId !== variables.NODE_ID.default,
    NATS_URL: settings.natsUrl !== undefined,
    KAFKA_BOOTSTRAP_SERVERS: settings.kafkaBrokers.length > 0,
    DB_HOST: settings.database.host !== undefined,
    PAYMENT_PROVIDER_URL: settings.providerUrl !== undefined || !needsProvider,
  };
  const problems = (Object.keys(demanded) as (keyof typeof demanded)[])
    .filter((name) => !isThere[name])
    .map((name) => `${name} is needed in a cluster (${demanded[name]})${example(name)}`);
  if (problems.length > 0) throw new BadSetting(...problems);
}

function readAll(environment: Environment): Values {
  const problems: string[] = [];
  const isSet = (name: string) => (environment[name] ?? '') !== '';
  const values = Object.entries<Variable<unknown>>(variables).map(([name, { kind, default: fallback, usedBy }]) => {
    const text = isSet(name) ? environment[name] : fallback;
    // What only tests or containers read cannot keep a shop from starting.
    if (text === undefined || usedBy.every((program) => program === 'tests' || program === 'compose')) return [name];
    if (kind.fits(text)) return [name, kind.read(text)];
    problems.push(problemOf(name as VariableName, text));
    return [name];
  });
  for (const [one, other] of pairs)
    if (isSet(one) && !isSet(other)) problems.push(`${one} is set, but must not be without ${other}${example(other)}`);
  if (problems.length > 0) throw new BadSetting(...problems);
  return Object.fromEntries(values) as Values;
}

function problemOf(name: VariableName, text: string): string {
  const { kind, secret }: Variable<unknown> = variables[name];
  const must = `must be ${kind.form}${example(name)}`;
  if (secret === 'whole') return `${name} (not shown here, because it is secret) ${must}`;
  if (mayHoldPassword(text, secret === 'within'))
    return `${name} (not shown here, because it may hold a password) ${must}`;
  const part = kind.blame?.(text);
  const blamed = part === undefined || part === text.trim() ? '' : ` (it is about ${quoted(part)})`;
  return `${name} is ${quoted(text)}${blamed}, but ${must}`;
}

/** Where a URL is meant, all may hold one that are not plainly `scheme://host:port/path`: the `@` may be what is missing. */
function mayHoldPassword(text: string, isUrl: boolean): boolean {
  return /:.*@/s.test(text) || (isUrl && /[@?]|:(?!\/\/|\d{1,5}(?:[/,]|$))/.test(text));
}

function quoted(text: string): string {
  // As JSON, so that line ends and control characters are seen.
  return JSON.stringify(text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text);
}

/** How it is set in a shell. */
function example(name: VariableName): string {
  const { example: value } = variables[name];
  return `, as in ${name}=${value.includes(' ') ? `'${value}'` : value}`;
}
