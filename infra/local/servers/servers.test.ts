// The pure parts of the servers: settings, versions, orders of search, and the sentences for what is missing.
import { afterEach, describe, expect, it } from '@jest/globals';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureCached, sweepDrafts } from './cache.ts';
import { dynamoServer, exposed } from './dynamodb-local.ts';
import { javaServer, majorOf, missingJava } from './java.ts';
import { kafkaServer } from './kafka.ts';
import { metadataIn } from './kafka-metadata.ts';
import { type KafkaNode, kafkaSettings, propertiesOf } from './kafka-settings.ts';
import { parseListeners } from './listeners.fixture.ts';
import { missingNats } from './nats.ts';
import { onPath } from './run.ts';
import { surroundings } from './server-process.ts';
import { hidePassword } from './units.ts';

const folders: string[] = [];
const scratch = () => {
  const folder = mkdtempSync(join(tmpdir(), 'souk-servers-'));
  folders.push(folder);
  return folder;
};

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const nodes = [1, 2, 3].map(
  (id): KafkaNode => ({ id, port: 20_000 + id, controllerPort: 21_000 + id, folder: `/data/node-${id}` }),
);
const [first, second] = nodes as [KafkaNode, KafkaNode];

describe('Kafka', () => {
  it.each([
    ['one node', [first]],
    ['three nodes', nodes],
  ])('listens on loopback only and tells clients so, as %s', (_, cluster) => {
    const settings = kafkaSettings(cluster, first);
    expect(settings['listeners']).toBe('PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:21001');
    expect(settings['advertised.listeners']).toBe('PLAINTEXT://127.0.0.1:20001');
    const voters = String(settings['controller.quorum.voters']).split(',');
    expect(voters).toEqual(cluster.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`));
    expect(settings['log.dirs']).toBe('/data/node-1/data');
  });

  it('tells those who come by another door where that door is, and nobody else', () => {
    const door = { name: 'ORDERS', port: 22_001, advertisedPort: 23_001 };
    const settings = kafkaSettings([{ ...first, doors: [door] }], { ...first, doors: [door] });
    expect(settings['listeners']).toBe(
      'PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:21001,ORDERS://127.0.0.1:22001',
    );
    expect(settings['advertised.listeners']).toBe('PLAINTEXT://127.0.0.1:20001,ORDERS://127.0.0.1:23001');
    expect(settings['listener.security.protocol.map']).toBe(
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,ORDERS:PLAINTEXT',
    );
  });

  it('serves soon after kill -9, and makes no topic by mistake', () => {
    const settings = kafkaSettings([first], first);
    expect(settings['broker.session.timeout.ms']).toBe(1_000);
    expect(settings['auto.create.topics.enable']).toBe(false);
  });

  it('of three nodes keeps everything three times and may lose one, itself included', () => {
    const settings = kafkaSettings(nodes, second);
    const names = Object.keys(settings);
    const valuesOf = (pattern: RegExp) => names.filter((name) => pattern.test(name)).map((name) => settings[name]);
    expect(valuesOf(/replication\.factor$/)).toEqual([3, 3, 3, 3]);
    expect(valuesOf(/min\.(isr|insync\.replicas)$/)).toEqual([2, 2, 2]);
    expect(settings['node.id']).toBe(2);
  });

  it('writes its settings a line each', () => {
    expect(propertiesOf({ a: 1, b: true, c: 'C:\\data' })).toBe('a=1\nb=true\nc=C:\\\\data\n');
  });

  it('names its cluster and the brokers that it takes for alive', () => {
    const text = (value: string) => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]);
    const broker = (id: number, rack: Buffer) =>
      Buffer.concat([Buffer.from([0, 0, 0, id]), text('127.0.0.1'), Buffer.from([0, 0, 78, 33]), rack]);
    const none = Buffer.from([255, 255]);
    const answer = Buffer.concat([
      Buffer.from([0, 0, 0, 1, 0, 0, 0, 2]),
      broker(1, none),
      broker(3, text('cellar')),
      text('the-cluster'),
    ]);
    expect(metadataIn(answer)).toEqual({ clusterId: 'the-cluster', brokers: [1, 3] });
  });
});

describe('versions', () => {
  it.each([kafkaServer, dynamoServer])('of $name are pinned in its pom file, and only there', ({ pom, version }) => {
    const text = readFileSync(pom, 'utf8');
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    const named = [...text.matchAll(/<version>([^<]+)<\/version>/g)].map((match) => match[1]);
    expect(named.filter((each) => !/^(\d[\w.]*|\$\{(server|log4j)\.version\})$/.test(each ?? ''))).toEqual([]);
  });

  it('changed in a pom file are fetched anew', () => {
    const pom = join(scratch(), 'pom.xml');
    writeFileSync(pom, '<server.version>1.2.3</server.version>');
    const before = javaServer('it', pom);
    writeFileSync(pom, '<server.version>1.2.3</server.version><exclusion/>');
    const after = javaServer('it', pom);
    expect([before.version, after.version]).toEqual(['1.2.3', '1.2.3']);
    expect(after.home).not.toBe(before.home);
    writeFileSync(pom, '<project/>');
    expect(() => javaServer('it', pom)).toThrow(`${pom} names no <server.version>.`);
  });

  it.each([
    ['17.0.15', 17],
    ['21', 21],
    ['25-ea', 25],
    ['1.8.0_402', 8],
    ['', 0],
    ['GraalVM', 0],
  ])('of Java: %j is %d', (version, major) => {
    expect(majorOf(version)).toBe(major);
  });
});

describe('what is missing', () => {
  const { PATH, JAVA_HOME } = process.env;
  afterEach(() => {
    process.env['PATH'] = PATH;
    if (JAVA_HOME === undefined) delete process.env['JAVA_HOME'];
    else process.env['JAVA_HOME'] = JAVA_HOME;
  });

  it('is named, with how to get it: Java, jars, NATS', () => {
    const server = { ...kafkaServer, home: scratch() };
    process.env['PATH'] = scratch();
    process.env['JAVA_HOME'] = '';
    expect(missingJava(server)).toBe(
      'Kafka needs Java 17 or newer, and there is no java on the PATH and none at JAVA_HOME. ' +
        'Install one (Debian: apt-get install openjdk-17-jre-headless, macOS: brew install openjdk@17), then start again.',
    );
    writeFileSync(join(process.env['PATH'], 'java'), '');
    chmodSync(join(process.env['PATH'], 'java'), 0o755);
    expect(missingJava(server)).toContain('are not fetched yet: run "node infra/local/servers/fetch.ts"');
    mkdirSync(join(server.home, 'jars'));
    expect(missingJava(server)).toBeUndefined();
    expect(missingNats()).toMatch(/none on the PATH.*Install Go.*apt-get install nats-server/);
  });

  it('is a namespace: then it is said that others can reach the server', () => {
    expect(exposed(8000, 'Operation not permitted')).toMatch(/ALL addresses .* port 8000.*Operation not permitted/);
  });

  it('is not a program that is on the PATH; the first one counts', () => {
    const [empty, one, two] = [scratch(), scratch(), scratch()];
    for (const folder of [one, two]) writeFileSync(join(folder, 'mvn'), '');
    expect(onPath('mvn', `${empty}::${one}:${two}`)).toBe(join(one, 'mvn'));
    expect(onPath('mvn', empty)).toBeUndefined();
  });
});

describe('the cache', () => {
  it('holds a thing as a whole or not at all, and makes it once', async () => {
    const path = join(scratch(), 'deep', 'jars');
    const half = async (draft: string) => {
      mkdirSync(draft);
      throw new Error('cut short');
    };
    await expect(ensureCached(path, half)).rejects.toThrow('cut short');
    expect(existsSync(path)).toBe(false);
    let made = 0;
    const whole = async (draft: string) => {
      made++;
      mkdirSync(draft);
      writeFileSync(join(draft, 'kafka.jar'), '');
    };
    await ensureCached(path, whole);
    await ensureCached(path, whole);
    expect([made, existsSync(join(path, 'kafka.jar'))]).toEqual([1, true]);
  });

  it('loses the drafts of processes that are gone, and no others', () => {
    const folder = scratch();
    const [gone, ours, other] = ['.jars.999999999', `.jars.${process.pid}`, 'jars'];
    for (const name of [gone, ours, other]) mkdirSync(join(folder, name));
    sweepDrafts(folder);
    expect([gone, ours, other].map((name) => existsSync(join(folder, name)))).toEqual([false, true, true]);
    sweepDrafts(join(folder, 'nowhere'));
  });
});

it('gives a server none of our settings', () => {
  process.env['ADMIN_PASSWORD'] = 'secret';
  try {
    expect(
      Object.keys(surroundings()).filter((name) => !/^(PATH|HOME|JAVA_HOME|TMPDIR|LC_ALL|TZ)$/.test(name)),
    ).toEqual([]);
  } finally {
    delete process.env['ADMIN_PASSWORD'];
  }
});

it('shows an address without its password', () => {
  expect(hidePassword('postgres://souk:se:cret@db:5432/souk?x=y')).toBe('postgres://souk:…@db:5432/souk?x=y');
  expect(hidePassword('postgres://db/souk')).toBe('postgres://db/souk');
});

it('reads who listens from the table of the kernel', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1',
    '   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1',
    '   2: 0100007F:1F90 0100007F:A000 01 00000000:00000000 00:00000000 00000000     0        0 103 1',
    '   3: 0000000000000000FFFF00000100007F:0051 0:0 0A 0:0 00:0 0 0 0 104 1',
    '   4: 00000000000000000000000000000000:0052 0:0 0A 0:0 00:0 0 0 0 105 1',
  ].join('\n');
  expect(parseListeners(table).map(({ address, port, inode }) => `${address} ${port} ${inode}`)).toEqual([
    '127.0.0.1 8080 101',
    '0.0.0.0 80 102',
    '127.0.0.1 81 104',
    ':: 82 105',
  ]);
});
