import { describe, expect, it } from '@jest/globals';
import { serviceNames } from '../brokers/hosting.ts';
import { routes } from '../services/api/routes.ts';
import { compileValidation } from '../services/api/validation.ts';
import { services } from '../services/services.ts';
import type { Platform } from './platform.ts';
import { type Variable, variables } from './settings-table.ts';
import { BadSetting, demandCluster, readSettings, type Settings, unknownSettings } from './settings.ts';

const table = Object.entries<Variable<unknown>>(variables);

const words = (text: string): readonly string[] => text.split(' ');

/** What is wrong with an environment, one sentence each; none if nothing is. */
function problems(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    if (!(error instanceof BadSetting)) throw error;
    return error.problems;
  }
}

describe('settings', () => {
  it('need nothing from the environment', () => {
    const settings: Settings = {
      host: '127.0.0.1',
      port: 3000,
      dataDir: '.data',
      adminEmail: undefined,
      adminPassword: undefined,
      paymentDeadlineMs: 900_000,
      rateLimits: 'default',
      activityHeartbeatMs: 0,
      logLevel: 'warn',
      smtpUrl: undefined,
      nodeId: 'souk',
      services: [],
      natsUrl: undefined,
      kafkaBrokers: [],
      database: { host: undefined, port: 5432, name: 'souk', user: undefined, password: undefined },
      dynamo: { endpoint: undefined, region: 'eu-west-1' },
      providerUrl: undefined,
      keysDir: undefined,
    };
    expect(readSettings({})).toStrictEqual(settings);
  });

  it('take an empty variable for one that is not set', () => {
    expect(readSettings(Object.fromEntries(table.map(([name]) => [name, ''])))).toEqual(readSettings({}));
  });

  it('are read with their units', () => {
    const environment = {
      PORT: '0',
      DATA_DIR: '/srv/souk',
      PAYMENT_DEADLINE_SECONDS: '20',
      ACTIVITY_HEARTBEAT_SECONDS: '5',
      RATE_LIMITS: 'on',
      SMTP_URL: 'smtps://mail.example:465',
      SERVICES: 'orders, payments,',
      NATS_URL: 'nats://one:4222, nats://two:4222',
      KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:9092, [::1]:9093',
      DB_HOST: '[::1]',
      DB_PORT: '5433',
      DYNAMODB_ENDPOINT: 'http://127.0.0.1:8000',
    };
    expect(readSettings(environment)).toMatchObject({
      port: 0,
      dataDir: '/srv/souk',
      paymentDeadlineMs: 20_000,
      activityHeartbeatMs: 5_000,
      rateLimits: 'on',
      smtpUrl: 'smtps://mail.example:465',
      services: ['orders', 'payments'],
      natsUrl: 'nats://one:4222,nats://two:4222',
      kafkaBrokers: ['127.0.0.1:9092', '[::1]:9093'],
      database: { host: '::1', port: 5433 },
      dynamo: { endpoint: 'http://127.0.0.1:8000' },
    });
  });

  it.each([
    ['PORT', '70000', 'a whole number from 0 to 65535, as in PORT=4000'],
    ['PORT', '-1', 'a whole number from 0 to 65535'],
    ['PORT', '80.5', 'a whole number from 0 to 65535'],
    ['PORT', 'http', 'a whole number from 0 to 65535'],
    ['PORT', ' ', 'a whole number from 0 to 65535'],
    ['PORT', '0x10', 'a whole number from 0 to 65535'],
    ['PORT', '1e3', 'a whole number from 0 to 65535'],
    ['DB_PORT', '0', 'a whole number from 1 to 65535'],
    ['PAYMENT_DEADLINE_SECONDS', '0', 'a whole number from 1 to 86400'],
    ['ACTIVITY_HEARTBEAT_SECONDS', '3601', 'a whole number from 0 to 3600'],
    ['RATE_LIMITS', 'maybe', 'one of on, off, default'],
    ['LOG_LEVEL', 'loud', 'one of fatal, error, warn, info, debug, trace'],
    ['HOST', 'http://localhost', 'a host name or an address, without scheme and port'],
    ['HOST', '127.0.0.1:3000', 'a host name or an address, without scheme and port'],
    ['HOST', '127.0.0', 'a host name or an address, without scheme and port'],
    ['DB_HOST', 'db:5432', 'or the folder of a local socket, as in DB_HOST=db.example.org'],
    ['DB_NAME', 'n'.repeat(64), 'a text of at most 63 bytes'],
    ['DATA_DIR', ' ', 'the path of a folder'],
    ['SMTP_URL', 'mail.example', 'an address like smtp://[user:password@]host:port'],
    ['SMTP_URL', 'http://mail.example', 'an address like smtp://'],
    ['SMTP_URL', 'smtp://mail.example:99999', 'an address like smtp://'],
    ['NATS_URL', '127.0.0.1:4222', 'an address like nats://'],
    ['NATS_URL', 'http://127.0.0.1:4222', 'an address like nats://'],
    ['NATS_URL', 'nats://127.0.0.1:4222/subject', 'an address like nats://'],
    ['PAYMENT_PROVIDER_URL', '127.0.0.1:8081', 'an address like http://host:port'],
    ['PAYMENT_PROVIDER_URL', 'http://127.0.0.1:8081/v1', 'an address like http://host:port'],
    ['PAYMENT_PROVIDER_URL', 'http:/127.0.0.1:8081', 'an address like http://host:port'],
    ['DYNAMODB_ENDPOINT', 'dynamodb.eu-west-1.amazonaws.com', 'an address like http://host:port or https://host:port'],
    ['DB_URL', 'mysql://db/souk', 'an address like postgres://user:password@host:port/database'],
    ['DB_URL', 'postgres:///souk', 'an address like postgres://user:password@host:port/database'],
    ['AWS_REGION', 'Ireland', 'the name of an AWS region, as in AWS_REGION=eu-central-1'],
    ['AWS_REGION', 'eu-west', 'the name of an AWS region'],
    ['NODE_ID', 'orders.1', 'letters, digits and dashes'],
    ['NODE_ID', 'orders 1', 'letters, digits and dashes'],
    ['NODE_ID', 'orders-*', 'letters, digits and dashes'],
    ['NODE_ID', '-orders', 'letters, digits and dashes'],
    ['NODE_ID', 'n'.repeat(65), '1 to 64 letters'],
    ['ADMIN_EMAIL', 'admin', 'an e-mail address'],
  ])('name what cannot be used: %s=%s', (name, value, expected) => {
    const [problem, ...others] = problems({ [name]: value });
    expect(others).toEqual([]);
    expect(problem).toContain(`${name} is "${value}", but must be `);
    expect(problem).toContain(expected);
  });

  it.each([
    ['SERVICES', 'orders,paymets', '"paymets"'],
    ['SERVICES', 'orders,payments,orders', '"orders"'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'one:9092,two', '"two"'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'one:9092,two:0', '"two:0"'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'one:9092,::1:9092', '"::1:9092"'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'one:9092,kafka://two:9092', '"kafka://two:9092"'],
  ])('name the part of a list that cannot be used: %s=%s', (name, value, part) => {
    expect(problems({ [name]: value })).toEqual([
      expect.stringContaining(`${name} is "${value}" (it is about ${part}), but must be a list`),
    ]);
  });

  it('refuse a list that names nothing', () => {
    expect(problems({ SERVICES: ' , ' })).toHaveLength(1);
  });

  it.each([
    ['HOST', '::'],
    ['HOST', 'shop.internal_net.example'],
    ['DB_HOST', '/run/postgresql'],
    ['DB_URL', 'postgresql://u:p%40ss@db:5432/souk?sslmode=require'],
    ['DB_URL', 'postgres:///souk?host=/run/postgresql'],
    ['SMTP_URL', 'smtp://user:secret@mail.example:587'],
    ['NATS_URL', 'nats://user:secret@nats'],
    ['AWS_REGION', 'us-gov-west-1'],
    ['DYNAMODB_ENDPOINT', 'https://dynamodb.eu-west-1.amazonaws.com/'],
  ])('take %s=%s', (name, value) => {
    expect(problems({ [name]: value })).toEqual([]);
  });

  it('name all that is wrong, not only the first', () => {
    const environment = { PORT: 'http', LOG_LEVEL: 'loud', NODE_ID: 'a.b', ADMIN_PASSWORD: 'long enough' };
    expect(problems(environment)).toHaveLength(4);
    expect(() => readSettings(environment)).toThrow(/^These settings[^]*PORT[^]*LOG_LEVEL[^]*NODE_ID[^]*ADMIN_EMAIL/);
  });

  it.each([
    ['ADMIN_PASSWORD', 'ADMIN_EMAIL', 'long enough'],
    ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AKIA'],
    ['AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID', 'key'],
  ])('want %s with %s', (one, other, value) => {
    expect(problems({ [one]: value })).toEqual([expect.stringContaining(`${one} is set, but must not be without`)]);
    expect(problems({ [one]: value })[0]).toContain(other);
    expect(problems({ [one]: value, [other]: variables[other as 'ADMIN_EMAIL'].example })).toEqual([]);
  });

  it('let the e-mail address of the first account stand alone: its password is made up', () => {
    expect(readSettings({ ADMIN_EMAIL: 'ada@example.org' }).adminEmail).toBe('ada@example.org');
  });

  it.each([
    ['ADMIN_PASSWORD', 'hunter2'],
    ['AWS_SECRET_ACCESS_KEY', 'hunter2'.repeat(200)],
    ['DB_PASSWORD', 'hunter2'.repeat(200)],
    ['DB_URL', 'mysql://souk:hunter2@db/souk'],
    ['DB_URL', 'postgres:/souk:hunter2@db/souk'],
    ['DB_URL', 'postgres://souk:hunter2'],
    ['DB_URL', 'mysql://db/souk?password=hunter2'],
    ['SMTP_URL', 'user:hunter2@mail.example'],
    ['SMTP_URL', 'smtp://user:hunter2@'],
    ['NATS_URL', 'nats://hunter2@one:4222,two'],
    ['DYNAMODB_ENDPOINT', 'http://user:hunter2@127.0.0.1:8000'],
    ['PAYMENT_PROVIDER_URL', 'http://user:hunter2@127.0.0.1:8081'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'sasl://user:hunter2@one:9092'],
  ])('show no secret of %s', (name, value) => {
    const partner = { ADMIN_PASSWORD: 'ADMIN_EMAIL', AWS_SECRET_ACCESS_KEY: 'AWS_ACCESS_KEY_ID' }[name];
    const others = partner === undefined ? {} : { [partner]: 'admin@example.org' };
    const [problem = '', ...rest] = problems({ ...others, [name]: value });
    expect(rest).toEqual([]);
    expect(problem).toMatch(new RegExp(`^${name} \\(not shown here, because it .*\\) must be .*, as in ${name}=`));
    expect(problem).not.toContain('hunter2');
  });

  it('quote a long value in part, and line ends so that they are seen', () => {
    expect(problems({ LOG_LEVEL: `warn\n${'x'.repeat(5_000)}` })[0]).toMatch(
      /^LOG_LEVEL is "warn\\n[x]{75}…", but must be one of/,
    );
  });

  it('are left alone by what only tests and containers read', () => {
    expect(problems({ SEED: 'x', TEST_POSTGRES_URL: 'x', NATS_PORT: 'tcp://10.0.0.1:4222' })).toEqual([]);
  });
});

describe('the table', () => {
  it.each(table)(
    'has a default and an example of %s that can be used',
    (name, { kind, default: fallback, example }) => {
      expect(kind.fits(example)).toBe(true);
      expect(fallback === undefined || kind.fits(fallback)).toBe(true);
      expect(name).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    },
  );

  it('knows the services that there are', () => {
    const platform = { settings: readSettings({}) } as Platform;
    expect(services.map((service) => service(platform).name)).toEqual(serviceNames);
    expect(readSettings({ SERVICES: serviceNames.join(',') }).services).toEqual(serviceNames);
  });

  const bodyOf = (action: string) => {
    const route = routes.find((candidate) => candidate.action === action);
    if (route === undefined) throw new Error(`no route ${action}`);
    return compileValidation(route).body;
  };
  const isTaken = (run: () => void): boolean => {
    try {
      run();
      return true;
    } catch (error) {
      expect((error as { readonly type: string }).type).toBe('invalid-request');
      return false;
    }
  };

  it.each([
    ...words("ada@example.org o'hara+shop@mail.example.co.uk a.b@x-y.example a@1.example"),
    ...words('ada ada@ @example.org ada@example ada@@example.org ada@-x.example ada@example..org ädä@example.org'),
    'a b@example.org',
    ' ada@example.org',
    `${'a'.repeat(250)}@b.example`,
    `a@${'b'.repeat(64)}.example`,
  ])('takes the e-mail address %s if the API does: whoever has it must be able to sign in', (address) => {
    const signIn = bodyOf('users.login');
    expect(variables.ADMIN_EMAIL.kind.fits(address)).toBe(
      isTaken(() => signIn({ email: address, password: 'secret' })),
    );
  });

  it.each([1, 7, 8, 64, 128, 129])('takes a password of %d characters if the API does', (length) => {
    const register = bodyOf('users.register');
    const password = '☕'.repeat(length);
    expect(variables.ADMIN_PASSWORD.kind.fits(password)).toBe(
      isTaken(() => register({ email: 'ada@example.org', password, name: 'Ada' })),
    );
  });
});

describe('a node of a cluster', () => {
  const environment = {
    NODE_ID: 'payments-1',
    SERVICES: 'payments',
    NATS_URL: 'nats://127.0.0.1:4222',
    KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:9092',
    DB_HOST: '/run/postgresql',
    PAYMENT_PROVIDER_URL: 'http://127.0.0.1:8081',
  };
  const lacks = (given: Readonly<Record<string, string>>): readonly string[] => {
    try {
      demandCluster(readSettings(given));
      return [];
    } catch (error) {
      expect(error).toBeInstanceOf(BadSetting);
      return (error as BadSetting).problems;
    }
  };

  it('starts with all that it needs', () => {
    expect(lacks(environment)).toEqual([]);
  });

  it.each(['NODE_ID', 'NATS_URL', 'KAFKA_BOOTSTRAP_SERVERS', 'DB_HOST', 'PAYMENT_PROVIDER_URL'] as const)(
    'does not start without %s',
    (name) => {
      const value = variables[name].example;
      expect(lacks({ ...environment, [name]: '' })).toEqual([
        expect.stringMatching(new RegExp(`^${name} is needed in a cluster \\(.+\\), as in ${name}=${value}$`)),
      ]);
    },
  );

  it('is told everything that it lacks at once', () => {
    expect(lacks({})).toHaveLength(5);
  });

  it('needs the provider only where it charges', () => {
    const without = { ...environment, PAYMENT_PROVIDER_URL: '' };
    expect(lacks({ ...without, SERVICES: 'orders' })).toEqual([]);
    expect(lacks({ ...without, SERVICES: '' })).toHaveLength(1);
  });
});

describe('unknown settings', () => {
  it.each([
    ['KAFKA_BOOTSTRAP_SERVER', 'KAFKA_BOOTSTRAP_SERVERS'],
    ['KAFKA_BROKERS', 'KAFKA_BOOTSTRAP_SERVERS or KAFKA_PORT'],
    ['DB_PASSWROD', 'DB_PASSWORD'],
    ['DB_PASS', 'DB_PASSWORD'],
    ['DB_USERNAME', 'DB_USER'],
    ['PAYMENT_DEADLINE_SECOND', 'PAYMENT_DEADLINE_SECONDS'],
    ['PAYMENT_TIMEOUT', 'PAYMENT_DEADLINE_SECONDS or PAYMENT_PROVIDER_URL'],
    ['SERVICE', 'SERVICES'],
    ['NODE_DI', 'NODE_ID'],
    ['LOG_LEVLE', 'LOG_LEVEL'],
    ['DATADIR', 'DATA_DIR'],
    ['db_host', 'DB_HOST'],
    ['port', 'PORT'],
  ])('are hinted at: %s for %s', (name, meant) => {
    expect(unknownSettings({ [name]: 'hunter2' })).toEqual([
      `${name} is set, but no setting has this name: did you mean ${meant}?`,
    ]);
  });

  it('are not those of the table, reserved ones, and those of others', () => {
    const names = [
      ...table.map(([name]) => name),
      ...words('DYNAMODB_TABLE KAFKA_INPUT_TOPIC PRODUCT_API_URL'),
      ...words('PATH HOME HOSTNAME USER PWD SHELL TERM LANG MAIL CI TZ XDG_DATA_DIRS JAVA_HOME TMPDIR'),
      ...words('NODE_ENV NODE_OPTIONS NODE_PATH npm_config_cache INIT_CWD AWS_PROFILE AWS_DEFAULT_REGION'),
      ...words('AWS_SESSION_TOKEN KAFKA_HEAP_OPTS KAFKA_OPTS NATS_SERVICE_HOST NATS_SERVICE_PORT_CLIENT'),
      ...words('KAFKA_PORT_9092_TCP_ADDR DB_PORT_5432_TCP'),
    ];
    expect(unknownSettings(Object.fromEntries(names.map((name) => [name, 'x'])))).toEqual([]);
  });

  it('are hinted at up to a bound', () => {
    const environment = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`DB_X${i}`, 'x']));
    expect(unknownSettings(environment)).toHaveLength(20);
  });
});
