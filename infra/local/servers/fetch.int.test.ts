// The command that fetches the servers, as a person meets it: on a machine that lacks something, and where all is there.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itWhere } from '../../toolchain/it-where.ts';
import { missingDynamo } from './dynamodb-local.ts';
import { ensureJars } from './java.ts';
import { kafkaServer, missingKafka } from './kafka.ts';

const missing = missingKafka() ?? missingDynamo();
const withCache = itWhere(missing === undefined, missing ?? '', 'fetched');

let folder: string;

const fetchServers = (words: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const command = join(import.meta.dirname, 'fetch.ts');
  const options = { env: { ...process.env, ...env }, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...words], options);
  return { status, text: stdout + stderr };
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-fetch-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('says what to install where there is no Java, and one that is too old', () => {
  const bare = { PATH: folder, JAVA_HOME: '' };
  const none = fetchServers(['kafka', 'dynamodb'], bare);
  expect(none.status).toBe(1);
  expect(none.text).toContain(
    'Kafka needs Java 17 or newer, and there is no java on the PATH and none at JAVA_HOME. Install',
  );
  expect(none.text).toContain('DynamoDB Local needs Java 17 or newer');

  writeFileSync(join(folder, 'java'), `#!/bin/sh\necho 'openjdk version "11.0.2" 2019-01-15' >&2\n`, { mode: 0o755 });
  const old = fetchServers(['kafka'], bare);
  expect(old.status).toBe(1);
  expect(old.text).toContain(`Kafka needs Java 17 or newer, and ${join(folder, 'java')} is Java 11.0.2. Install`);
});

it('says what to install where there is a Java and no Maven', async () => {
  writeFileSync(join(folder, 'java'), `#!/bin/sh\necho 'openjdk version "21.0.2" 2024-01-16' >&2\n`, { mode: 0o755 });
  const { PATH, JAVA_HOME } = process.env;
  Object.assign(process.env, { PATH: folder, JAVA_HOME: '' });
  try {
    await expect(ensureJars({ ...kafkaServer, home: join(folder, 'cache') })).rejects.toThrow(
      `Kafka ${kafkaServer.version} is fetched by Maven, and there is no mvn on the PATH. Install it (Debian: apt-get install`,
    );
  } finally {
    process.env['PATH'] = PATH;
    if (JAVA_HOME === undefined) delete process.env['JAVA_HOME'];
    else process.env['JAVA_HOME'] = JAVA_HOME;
  }
});

it('names the servers that there are when asked for another', () => {
  const { status, text } = fetchServers(['zookeeper']);
  expect([status, text]).toEqual([
    1,
    'There is no zookeeper to fetch; there are nats, kafka, dynamodb, toxiproxy, chaos-mesh.\n',
  ]);
});

withCache('leaves what is there as it is', () => {
  const { status, text } = fetchServers(['kafka', 'dynamodb']);
  expect(text).toMatch(/^\s+The servers of the cluster are there \(\d+\.\d s\)\.\s+$/);
  expect(status).toBe(0);
});
